"""People are told through real HTTP; a target that hangs or refuses is named, never its URL."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import psutil
import pytest

from mesh_core.telling import TargetSettings, send, urls_in
from mesh_core.testing import wait_for


class Target(BaseHTTPRequestHandler):
    heard: ClassVar[list[dict[str, str]]] = []
    status: ClassVar[int] = 200
    hang: ClassVar[threading.Event | None] = None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if Target.hang is not None:
            Target.hang.wait(10)
        Target.heard.append(json.loads(body))
        self.send_response(Target.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def target() -> Iterator[str]:
    Target.heard.clear()
    Target.status, Target.hang = 200, None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"json://user:s3cret@127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()
    thread.join(5)


async def test_every_target_hears_title_and_text(target: str) -> None:
    sent = await send([target, target], "web on box is down", "It was {{ not }} repaired.\nTwo lines.")
    assert sent.ok, sent
    assert sent.reason == "2 of 2 targets took the message"
    assert [heard["title"] for heard in Target.heard] == ["web on box is down"] * 2
    assert "{{ not }}" in Target.heard[0]["message"]


async def test_without_a_target_it_says_which_setting_is_missing() -> None:
    sent = await send([], "t", "b")
    assert not sent.ok
    assert "NOTIFY_URLS" in sent.reason


async def test_a_refusal_is_a_failure_that_does_not_show_the_url(target: str) -> None:
    Target.status = 500
    sent = await send([target], "t", "b")
    assert not sent.ok
    assert "0 of 1" in sent.reason
    assert "json" in sent.reason
    assert "s3cret" not in sent.reason


async def test_one_bad_target_does_not_silence_the_others(target: str) -> None:
    sent = await send(["nonsense", "http://", target, "json://127.0.0.1:9/"], "t", "b")
    assert not sent.ok
    assert "1 of 4 targets took the message" in sent.reason
    assert len(Target.heard) == 1


async def test_a_target_that_hangs_is_left_behind_and_the_others_have_heard(target: str) -> None:
    Target.hang = threading.Event()
    begin = time.monotonic()
    sent = await send(["nonsense", target], "t", "b", seconds=0.3)
    Target.hang.set()
    assert time.monotonic() - begin < 10
    assert not sent.ok
    assert sent.troubles == ("is not an Apprise URL", "did not answer within 0.3 s")


async def test_nobody_is_left_when_the_one_who_tells_is_stopped(target: str) -> None:
    Target.hang = threading.Event()
    task = asyncio.create_task(send([target], "t", "b"))
    await wait_for(lambda: _children() != [], 5, "the child runs")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    Target.hang.set()
    assert _children() == []


async def test_a_target_that_speaks_html_gets_the_text_escaped(target: str) -> None:
    sent = await send([target.replace("/hook", "/hook?format=html")], "t", "<b>bold</b> & more")
    assert sent.ok, sent
    assert "&lt;b&gt;bold&lt;/b&gt;" in Target.heard[0]["message"]


def _children() -> list[int]:
    """Processes that this one has started to tell somebody."""
    return [p.pid for p in psutil.Process().children() if "mesh_core.telling_child" in " ".join(p.cmdline())]


def test_urls_are_split_at_blanks_and_commas_before_a_scheme() -> None:
    assert urls_in(" json://a/?to=x,y, mailto://b\n ntfy://c ") == ("json://a/?to=x,y", "mailto://b", "ntfy://c")
    assert urls_in("") == ()


def test_the_setting_is_never_shown() -> None:
    settings = TargetSettings.model_validate({"NOTIFY_URLS": "json://user:s3cret@host/"})
    assert settings.targets == ("json://user:s3cret@host/",)
    assert "s3cret" not in repr(settings)
