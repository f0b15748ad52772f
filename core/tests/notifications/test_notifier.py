"""People are told through real HTTP; a target that hangs or refuses is named, never its URL."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import psutil
import pytest

from mesh_core.notifications.notifier import MOST_CHILDREN, AppriseSender, TargetSettings, urls_in
from mesh_core.testing import wait_for


class Target(BaseHTTPRequestHandler):
    heard: ClassVar[list[dict[str, str]]] = []
    status: ClassVar[int] = 200
    hang: ClassVar[threading.Event | None] = None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if Target.hang is not None:
            Target.hang.wait(600)
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
    thread.join(60)


@pytest.fixture
async def teller() -> AsyncIterator[AppriseSender]:
    async with AppriseSender() as made:
        yield made


async def test_every_target_hears_title_and_text(teller: AppriseSender, target: str) -> None:
    sent = await teller.send([target, target], "web on box is down", "It was {{ not }} repaired.\nTwo lines.")
    assert sent.ok, sent
    assert sent.reason == "2 of 2 targets took the message"
    assert [heard["title"] for heard in Target.heard] == ["web on box is down"] * 2
    assert "{{ not }}" in Target.heard[0]["message"]


async def test_without_a_target_it_says_which_setting_is_missing(teller: AppriseSender) -> None:
    sent = await teller.send([], "t", "b")
    assert not sent.ok
    assert "NOTIFY_URLS" in sent.reason


async def test_a_refusal_is_a_failure_that_does_not_show_the_url(teller: AppriseSender, target: str) -> None:
    Target.status = 500
    sent = await teller.send([target], "t", "b")
    assert not sent.ok
    assert "0 of 1" in sent.reason
    assert "json" in sent.reason
    assert "s3cret" not in sent.reason


async def test_one_bad_target_does_not_silence_the_others(teller: AppriseSender, target: str) -> None:
    sent = await teller.send(["nonsense", "http://", target, "json://127.0.0.1:9/"], "t", "b")
    assert not sent.ok
    assert "1 of 4 targets took the message" in sent.reason
    assert len(Target.heard) == 1


async def test_a_target_that_hangs_is_left_behind_and_the_others_have_heard(teller: AppriseSender, target: str) -> None:
    Target.hang = threading.Event()
    sent = await teller.send(["nonsense", target], "t", "b", seconds=0.3)
    Target.hang.set()  # it hung until now
    assert not sent.ok
    assert sent.troubles == ("is not an Apprise URL", "did not answer within 0.3 s")


@pytest.mark.slow  # its process is started by a task that the test does not wait for: a quick run could not skip it
async def test_nobody_is_left_when_the_one_who_tells_is_stopped(teller: AppriseSender, target: str) -> None:
    Target.hang = threading.Event()
    task = asyncio.create_task(teller.send([target], "t", "b"))
    await wait_for(lambda: _children() != [], 30, "the child runs")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    Target.hang.set()
    assert _children() == []


async def test_one_child_takes_message_after_message_and_a_crowd_gets_one_more(
    teller: AppriseSender, target: str
) -> None:
    assert (await teller.send([target], "t", "1")).ok
    first = _children()
    assert (await teller.send([target], "t", "2")).ok
    assert _children() == first
    assert len(first) == 1
    Target.hang = threading.Event()
    crowd = asyncio.gather(*(teller.send([target], "t", str(n), seconds=60) for n in range(3, 8)))
    await wait_for(lambda: len(_children()) == MOST_CHILDREN == 2, 60, "one more child while the first is at it")
    Target.hang.set()
    assert all(sent.ok for sent in await crowd)
    assert sorted(heard["message"] for heard in Target.heard) == [str(n) for n in range(1, 8)]
    await teller.close()
    assert _children() == []


async def test_a_child_that_nobody_asks_gives_its_memory_back_and_nothing_is_lost_by_it(target: str) -> None:
    async with AppriseSender(keep_seconds=0.3) as teller:
        assert (await teller.send([target], "t", "1")).ok
        await wait_for(lambda: _children() == [], 10, "the child ends by itself")
        assert (await teller.send([target], "t", "2")).ok
    assert [heard["message"] for heard in Target.heard] == ["1", "2"]


async def test_a_target_that_speaks_html_gets_the_text_escaped(teller: AppriseSender, target: str) -> None:
    sent = await teller.send([target.replace("/hook", "/hook?format=html")], "t", "<b>bold</b> & more")
    assert sent.ok, sent
    assert "&lt;b&gt;bold&lt;/b&gt;" in Target.heard[0]["message"]


def _children() -> list[int]:
    """Processes that this one has started to tell somebody."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends while we look
            if "mesh_core.notifications.notifier_child" in child.cmdline():
                found.append(child.pid)
    return found


def test_urls_are_split_at_blanks_and_commas_before_a_scheme() -> None:
    assert urls_in(" json://a/?to=x,y, mailto://b\n ntfy://c ") == ("json://a/?to=x,y", "mailto://b", "ntfy://c")
    assert urls_in("") == ()


@pytest.mark.parametrize(
    ("text", "targets", "unusable"),
    [
        ("'ntfy://a'", ("ntfy://a",), 0),
        ('"ntfy://a", mailto://b:c@d', ("ntfy://a", "mailto://b:c@d"), 0),
        ("ntfy://a;ntfy://b", ("ntfy://a", "ntfy://b"), 0),
        ("[ntfy://a, 'ntfy://b']", ("ntfy://a", "ntfy://b"), 0),
        ("- ntfy://a\n- ntfy://b\n", ("ntfy://a", "ntfy://b"), 0),
        ("ntfy://a # my phone\nntfy://b", ("ntfy://a", "ntfy://b"), 0),
        ("json://[::1]:8080/x json://[::1]", ("json://[::1]:8080/x", "json://[::1]"), 0),
        ("slack://T#channel/,x://y", ("slack://T#channel/", "x://y"), 0),
        *((word, (), 1) for word in ("ntfy.sh/topic", "ntfy:/topic", "tgram://", "${TARGETS}")),
        ("me@home ntfy://a", ("ntfy://a",), 1),
        ("  ", (), 0),
    ],
)
def test_only_what_is_a_url_is_a_target_however_the_setting_is_written(
    text: str, targets: tuple[str, ...], unusable: int
) -> None:
    settings = TargetSettings.model_validate({"NOTIFY_URLS": text})
    assert (settings.targets, settings.unusable) == (targets, unusable)


def test_the_setting_is_never_shown() -> None:
    settings = TargetSettings.model_validate({"NOTIFY_URLS": "json://user:s3cret@host/"})
    assert settings.targets == ("json://user:s3cret@host/",)
    assert "s3cret" not in repr(settings)
