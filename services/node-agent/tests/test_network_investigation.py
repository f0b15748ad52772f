"""Why a probe fails: its name, its port or its certificate."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from investigation_rig import question

from node_agent.investigation import network
from node_agent.protocols.certificate import read_certificate


@pytest.mark.parametrize("days", [5, 20_000])
def test_a_probe_that_fails_says_whether_name_port_or_certificate_is_to_blame(days: int, tmp_path: Path) -> None:
    """One with its end behind 2049 is written in another form."""
    shown, secret = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=shop -days {days}"
    subprocess.run([*command.split(), "-keyout", secret, "-out", shown], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown, secret)

    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    port = server.server_port

    def found(**facts: Any) -> dict[str, Any]:
        asked = question("http_probe_failed", time.monotonic() + 60, **facts)
        assert network.fits(asked)
        return network.look(asked)

    https, tcp = found(url=f"https://127.0.0.1:{port}/health"), found(address=f"127.0.0.1:{port}")
    server.shutdown()
    server.server_close()
    assert https.pop("certificate_days_left") in (days, days - 1)
    assert https == tcp == {"name_resolves": True, "port_open": True}
    assert found(url=f"http://127.0.0.1:{port}/") == {"name_resolves": True, "port_open": False}
    nowhere = found(address="no-such-host.invalid:80")
    assert nowhere.pop("name_cache", "nscd")  # where this host has one
    assert nowhere == {"name_resolves": False, "host": "no-such-host.invalid"}


def test_a_name_server_that_does_not_answer_is_a_name_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **more: released.wait())
    try:
        asked = question("http_probe_failed", time.monotonic() + 0.2, url="http://shop.example/")
        assert network.look(asked)["name_resolves"] is False
    finally:
        released.set()


@pytest.mark.parametrize(
    "raw", [b"", b"0", b"not a certificate", bytes([0x30, 0x84, 1, 2, 3, 4]), b"\x30\x03\x30\x01\x00"]
)
def test_what_is_no_certificate_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        read_certificate(raw)


def test_what_a_probe_knocked_at_is_read_out_of_its_facts() -> None:
    assert not network.fits(question("disk_space_low", url="http://x/"))
    assert not network.fits(question("http_probe_failed", url="ftp://x"))
    assert not network.fits(question("tcp_probe_failed"))
