"""What is broken in a drill: a program under supervisor, or a Docker container. Each is ours, and gone afterwards.

A target knows how it is broken and whether it is healthy; it never repairs itself, and nothing here restarts it.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from mend.errors import CliError
from mend.local.supervisord import Job, NoAnswer, Supervisord
from mend.output.text import plain
from mesh_core.runtime.ports import free_port

START_SECONDS = 20.0
DOCKER_SECONDS = 60.0
QUIET = {"disk": {"enabled": False}, "memory": {"enabled": False}, "load": {"enabled": False}}
# What else is done on this host has nothing to do with what a drill breaks.
QUIETER = {**QUIET, **{part: {"enabled": False} for part in ("temperature", "systemd", "at_work")}}


class DemoTarget(Protocol):
    """`service` is its name in events; `watchlist` goes into config/node.yml, `variables` into the inventory."""

    service: str

    def start(self) -> str:
        """Bring it up, healthy; a sentence on what it is. CliError if it cannot be."""
        ...

    def watchlist(self) -> dict[str, Any]: ...

    def variables(self) -> dict[str, Any]: ...

    def break_target(self) -> str:
        """Break it for real; a sentence on what was done."""
        ...

    def is_healthy(self) -> bool: ...

    def life(self) -> str:
        """What changes with each restart: a process number, a start time. '' when it is not running."""
        ...

    def stop(self) -> None: ...


class ProgramTarget:
    """A small HTTP service under a supervisord of its own."""

    service = "demo-target"

    def __init__(self, folder: Path, environ: Mapping[str, str]):
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._environ = environ
        self._supervisord = Supervisord(folder, folder / "supervisord.log")

    def start(self) -> str:
        command = (sys.executable, "-m", "mend.demo.unhealthy_server", "--port", str(self.port))
        job = Job(self.service, command, self.folder / "target.log")
        try:
            self._supervisord.start([job], self._environ)
            _wait(self.is_healthy, "the target answers")
        except NoAnswer as error:
            raise CliError(str(error)) from None
        return f"{self.url} answers 200; process {self.life()} under supervisor"

    def watchlist(self) -> dict[str, Any]:
        probe = {
            "name": self.service,
            "url": self.url,
            "every_seconds": 0.5,
            "timeout_seconds": 2,
            "looks": 2,
            "backed_by": {"runtime": "supervisor", "name": self.service},
        }
        return {**QUIETER, "docker": {"enabled": False}, "http": [probe]}

    def variables(self) -> dict[str, Any]:
        beside = Path(sys.executable).parent / "supervisorctl"
        return {"mend_supervisorctl": str(beside), "mend_supervisor_conf": str(self._supervisord.conf)}

    def break_target(self) -> str:
        self._get("break")
        return f"GET {self.url}break: from now on it answers 500, and only a restart helps"

    def is_healthy(self) -> bool:
        return self._get("") == 200

    def life(self) -> str:
        try:
            state = self._supervisord.states().get(self.service)
        except NoAnswer:
            return ""
        return str(state.pid) if state and state.pid else ""

    def stop(self) -> None:
        self._supervisord.end()

    def _get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.url + path, timeout=2) as answer:  # noqa: S310 - our own server
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0


class ContainerTarget:
    """A container whose health check can be made to fail. Uses the docker command and an image that is here already."""

    def __init__(self, image: str | None, environ: Mapping[str, str]):
        self.service = f"mend-drill-{secrets.token_hex(3)}"
        self._image = image
        self._environ = environ

    def start(self) -> str:
        image = self._image or self._first_image()
        # The shell is process 1 and forks its sleep, so that it can be stopped at once.
        live = "rm -f /tmp/broken; trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"
        self._docker(
            *(
                "run",
                "-d",
                "--name",
                self.service,
                "--label",
                "mend.demo=1",
                "--restart",
                "unless-stopped",
                "--health-cmd",
                "test ! -e /tmp/broken",
            ),
            *("--health-interval", "1s", "--health-timeout", "2s", "--health-retries", "2", "--entrypoint", "/bin/sh"),
            *(image, "-c", live),
        )
        _wait(self.is_healthy, f"the container {self.service} is healthy")
        return f"container {self.service} of {image} is healthy"

    def watchlist(self) -> dict[str, Any]:
        return QUIETER

    def variables(self) -> dict[str, Any]:
        return {}

    def break_target(self) -> str:
        self._docker("exec", self.service, "touch", "/tmp/broken")  # noqa: S108 - in the container
        return f"docker exec {self.service} touch /tmp/broken: its health check fails, and only a restart helps"

    def is_healthy(self) -> bool:
        return bool(self._state().get("Health", {}).get("Status") == "healthy")

    def life(self) -> str:
        return str(self._state().get("StartedAt", ""))

    def stop(self) -> None:
        subprocess.run(
            ["docker", "rm", "-f", "-v", self.service],
            env=dict(self._environ),
            capture_output=True,
            timeout=DOCKER_SECONDS,
            check=False,
        )

    def _state(self) -> dict[str, Any]:
        value = json.loads(self._docker("inspect", "--format", "{{json .State}}", self.service))
        return value if isinstance(value, dict) else {}

    def _first_image(self) -> str:
        for line in self._docker("images", "--format", "{{.Repository}}:{{.Tag}}").splitlines():
            if "<none>" in line:
                continue
            tried = subprocess.run(
                ["docker", "run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", line, "-c", "exit 0"],
                env=dict(self._environ),
                capture_output=True,
                timeout=DOCKER_SECONDS,
                check=False,
            )
            if tried.returncode == 0:
                return line
        raise CliError("no image with /bin/sh is on this engine; name one with --image, or `docker pull busybox` first")

    def _docker(self, *words: str) -> str:
        try:
            done = subprocess.run(
                ["docker", *words],
                env=dict(self._environ),
                capture_output=True,
                text=True,
                timeout=DOCKER_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise CliError("the docker command is not here; `mend drill` without --runtime docker needs none") from None
        except subprocess.TimeoutExpired:
            raise CliError(f"docker {words[0]} took longer than {DOCKER_SECONDS:.0f} s") from None
        if done.returncode != 0:
            raise CliError(f"docker {words[0]} failed: {plain(done.stderr, 300)}")
        return done.stdout.strip()


def _wait(condition: Any, goal: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise CliError(f"the drill cannot begin: after {START_SECONDS:.0f} s still waiting until {goal}")
        time.sleep(0.05)
