"""A real Prometheus and a real Alertmanager (Debian's), watching one gauge of the test's; loopback, no cluster port."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from mesh_core.testing import Patience, free_port
from parts.report import note
from parts.require import require

READY_SECONDS = 30.0


class AlertingRig:
    """`value` is what the gauge `sick` says; above 0 the alert fires within a second or two."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.value = 0.0
        self.processes: list[subprocess.Popen[bytes]] = []
        self._exporter = _exporter(lambda: self.value)
        self.prometheus = f"127.0.0.1:{free_port()}"
        self.alertmanager = f"127.0.0.1:{free_port()}"

    def start(self, webhook: dict[str, object], alert: str, labels: dict[str, str]) -> AlertingRig:
        """`webhook` is one entry of Alertmanager's webhook_configs."""
        # The last value that was asked for: on a busy machine an answer now and then comes too late.
        rule = {
            "alert": alert,
            "expr": "last_over_time(sick[1m]) > 0",
            "labels": labels,
            "annotations": {"summary": "the gauge is up"},
        }
        target = {"targets": [f"127.0.0.1:{self._exporter.server_port}"], "labels": {"instance": "pi4:9100"}}
        self._write("rules.yml", {"groups": [{"name": "test", "rules": [rule]}]})
        self._write(
            "prometheus.yml",
            {
                "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
                "rule_files": ["rules.yml"],
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager]}]}]},
                "scrape_configs": [{"job_name": "test", "static_configs": [target]}],
            },
        )
        self._write(
            "alertmanager.yml",
            {
                "route": {"receiver": "mesh", "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"},
                "receivers": [{"name": "mesh", "webhook_configs": [webhook]}],
            },
        )
        self._run(
            require("prometheus-alertmanager", "apt install prometheus-alertmanager"),
            f"--config.file={self.folder}/alertmanager.yml",
            f"--storage.path={self.folder}/alertmanager",
            f"--web.listen-address={self.alertmanager}",
            "--cluster.listen-address=",
        )
        self._run(
            require("prometheus", "apt install prometheus"),
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/prometheus",
            f"--web.listen-address={self.prometheus}",
        )
        for address in (self.alertmanager, self.prometheus):
            self._wait(f"http://{address}/-/ready")
        return self

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(300)
        self._exporter.shutdown()
        self._exporter.server_close()

    def _write(self, name: str, value: object) -> None:
        (self.folder / name).write_text(yaml.safe_dump(value))

    def _run(self, *command: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder))

    def _wait(self, url: str) -> None:
        patience = Patience(READY_SECONDS)
        while not patience.over():
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise RuntimeError(f"{url} is not ready: {(self.folder / 'log').read_text()[-2000:]}")


@pytest.fixture
def alerting(tmp_path: Path) -> Iterator[AlertingRig]:
    version = subprocess.run(
        [require("prometheus", "apt install prometheus"), "--version"], capture_output=True, text=True, check=True
    )
    note("Prometheus", " ".join(version.stdout.split()[:3]))
    folder = tmp_path / "alerting"
    folder.mkdir()
    rig = AlertingRig(folder)
    try:
        yield rig
    finally:
        rig.stop()


def _exporter(value: Callable[[], float]) -> ThreadingHTTPServer:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"# TYPE sick gauge\nsick {value()}\n".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    return server
