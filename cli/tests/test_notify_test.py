"""`mend notify-test` against a real HTTP target: who took it is said, and no URL is ever shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from mend_rig import Mend
from parts.http_server import LoopbackServer

HEARD: list[str] = []


class Target(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        HEARD.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["title"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def target() -> Iterator[str]:
    HEARD.clear()
    with LoopbackServer(Target) as server:
        yield f"json://user:s3cret@127.0.0.1:{server.port}/"


def test_every_target_is_tried_and_the_bad_one_named_without_its_url(mend: Mend, target: str) -> None:
    said = mend("notify-test", NOTIFY_URLS=target)
    assert said.exit_code == 0, said.output
    assert HEARD == ["Mendmesh says hello"]
    said = mend("notify-test", NOTIFY_URLS=f"{target} json://me:s3cret@127.0.0.1:9/")
    assert said.exit_code == 1
    assert "target 1 (json) took the message" in said.output
    assert "target 2 (json) refused the message" in said.output
    assert "s3cret" not in said.output


def test_rules_that_the_observer_would_refuse_are_said_here_too(mend: Mend, target: str) -> None:
    (mend.runtime / "config").mkdir()
    (mend.runtime / "config" / "notifications.yml").write_text("kind: [failed]\n")
    said = mend("notify-test", NOTIFY_URLS=target)
    assert said.exit_code == 1
    assert "kind: no such key" in said.output
    assert len(HEARD) == 1


def test_without_a_target_it_says_which_setting_is_missing(mend: Mend) -> None:
    said = mend("notify-test", NOTIFY_URLS="")
    assert said.exit_code == 2
    assert "NOTIFY_URLS" in said.output
