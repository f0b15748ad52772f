"""Who has no key makes the observer read nothing, and who may have one only a little, and never holds up the others."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from auth_rig import ServedApp, serve_app, serving

from mesh_core.testing import RedisServer, wait_for
from observer.hooks.authentication import signature_of
from observer.hooks.rules import HookRules, Keys
from observer.web import hook_admission

TOKEN, SECRET = "a-token-of-this-hook", "a-secret-to-sign-with"
RULES = HookRules(common=Keys(token=TOKEN, secret=SECRET), per_minute=75)
PATH = "/hooks/alertmanager"
PIECE = 65536
WRONG_TOKEN = {"Authorization": "Bearer wrong"}


@pytest.fixture
async def served(tmp_path: Path, redis_server: RedisServer) -> AsyncIterator[ServedApp]:
    async with serve_app(tmp_path, redis_server.url, hooks=RULES) as made:
        yield made


def made_up() -> dict[str, str]:
    return {"X-Mendmesh-Signature": "0" * 64, "X-Mendmesh-Timestamp": str(int(time.time()))}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "read", "mib"),
    [(WRONG_TOKEN, 0, 16), (made_up(), 15 * PIECE, 50)],
    ids=["wrong token", "made-up signature"],
)
async def test_a_hundred_strangers_at_once_take_little_memory(
    served: ServedApp, key: dict[str, str], read: int, mib: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """15 pieces each, 94 MiB together; a piece of each is on its way. Those beyond the limit of 75 in a minute, too."""
    for seconds in ("PLACE_SECONDS", "STRANGER_SECONDS"):  # on a busy machine they wait longer for each other
        monkeypatch.setattr(hook_admission, seconds, 60)
    statuses, most = [], 0

    async def stranger() -> None:
        nonlocal most
        taken, left, answered = 0, 15, False

        async def receive() -> Any:
            nonlocal taken, left
            await asyncio.sleep(0)
            left -= 1
            taken += 0 if answered else PIECE
            return {"type": "http.request", "body": bytes(PIECE), "more_body": left > 0}

        async def send(message: Any) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                statuses.append(message["status"])

        await served.app(scope_of(key), receive, send)
        most = max(most, taken)

    tracemalloc.start()
    try:
        await asyncio.gather(*(stranger() for _ in range(100)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (statuses.count(401), statuses.count(429)) == (75, 25)
    assert most == read
    assert peak < mib * 2**20


async def test_a_stranger_is_answered_before_its_body_and_the_connection_ends(served: ServedApp) -> None:
    async with serving(served) as port:
        reader, writer = await begin(port, WRONG_TOKEN)
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).decode().lower()
        assert " 401 " in head
        assert "connection: close" in head
        await asyncio.wait_for(reader.read(), 20)  # to the end, though the body never came
        writer.close()


async def test_eight_that_drip_hold_nobody_up_for_long(served: ServedApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_admission, "STRANGER_SECONDS", 0.5)
    monkeypatch.setattr(hook_admission, "PLACE_SECONDS", 60)  # theirs end first, however late both are looked at
    async with serving(served) as port:
        dripping = [await begin(port, made_up()) for _ in range(hook_admission.STRANGERS_OF_ONE)]
        for _, writer in dripping:
            writer.write(b"1\r\n{\r\n")
        other = await ask(served, sender="10.0.0.9")  # at once: not one of these places is its own
        assert other == 200
        assert await ask(served, sender="127.0.0.1") == 200
        for reader, writer in dripping:
            assert b" 408 " in await asyncio.wait_for(reader.readline(), 60)
            writer.close()


async def test_who_finds_no_place_is_told_to_come_again(served: ServedApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_admission, "PLACE_SECONDS", 0.2)
    monkeypatch.setattr(hook_admission, "STRANGER_SECONDS", 60)  # they are in their places for as long as it takes
    async with serving(served) as port:
        dripping = [await begin(port, made_up()) for _ in range(hook_admission.STRANGERS_OF_ONE)]
        admission = admission_of(served)
        await wait_for(
            lambda: any(place.locked() for place in admission._of_one.values()), 10, "the places to be taken"
        )
        assert await ask(served, sender="127.0.0.1") == 503
        assert await ask(served, sender="10.0.0.9") == 200
        for _, writer in dripping:
            writer.close()


def admission_of(served: ServedApp) -> hook_admission.HookAdmission:
    inner: Any = served.app
    while not hasattr(inner, "state"):
        inner = inner._app
    admission: hook_admission.HookAdmission = inner.state.hooks.admission
    return admission


def scope_of(key: dict[str, str], sender: str = "10.9.9.9") -> dict[str, Any]:
    headers = {"Host": "127.0.0.1:8686", "Content-Type": "application/json", "Transfer-Encoding": "chunked"} | key
    return {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "raw_path": PATH.encode(),
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": (sender, 40000),
        "server": ("127.0.0.1", 8686),
    }


async def ask(served: ServedApp, sender: str) -> int:
    """The status that a signed request of that address gets."""
    content, now = json.dumps({"version": "4", "alerts": [], "from": sender}).encode(), str(int(time.time()))
    status = 0

    async def receive() -> Any:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    key = {"X-Mendmesh-Timestamp": now, "X-Mendmesh-Signature": signature_of(SECRET, now, content)}
    await asyncio.wait_for(served.app(scope_of(key, sender), receive, send), 60)
    return status


async def begin(port: int, key: dict[str, str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request whose body does not come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    headers = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json", "Transfer-Encoding": "chunked"} | key
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode())
    return reader, writer
