"""How old is this engine? A real socket that answers as engines and the proxies before them do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mesh_core.testing import wait_for
from node_agent.containers.engine import MEMORY_EVENTS, Engine
from node_agent.probes import docker as docker_room
from node_agent.probes.docker import DockerOptions, DockerProbe
from node_agent.protocols.http_client import HttpConnectionError

AT = 1_000_000.0


def events(*seconds: float) -> bytes:
    return b"".join(json.dumps({"timeNano": int(at * 1e9)}).encode() + b"\n" for at in seconds)


@asynccontextmanager
async def answering(folder: Path, status: int, body: bytes) -> AsyncIterator[Engine]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        writer.close()

    server = await asyncio.start_unix_server(answer, folder / "engine.sock")
    try:
        yield Engine(f"unix://{folder}/engine.sock")
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("body", "younger"),
    [
        (b"", True),
        (events(AT + 1, AT + 2), True),
        (events(AT - 1, AT + 2), False),
        (events(AT), False),
        (events(*(AT + 1 + n for n in range(MEMORY_EVENTS))), False),  # what was before, it cannot know any more
        (b"nonsense", False),
        (b'{"timeNano": "x"}', False),
        (b'{"Action": "die"}', False),
    ],
)
async def test_an_engine_that_remembers_nothing_from_before_was_started_since(
    tmp_path: Path, body: bytes, younger: bool
) -> None:
    async with answering(tmp_path, 200, body) as engine:
        assert await engine.started_after(AT) is younger


async def test_an_engine_that_is_not_up_yet_is_asked_again(tmp_path: Path) -> None:
    with pytest.raises(HttpConnectionError):
        await Engine(f"unix://{tmp_path}/nowhere.sock").started_after(AT)
    async with answering(tmp_path, 503, b"<html>no server</html>") as engine:
        with pytest.raises(ConnectionError, match="503"):
            await engine.started_after(AT)


async def test_a_host_that_came_up_since_has_a_new_engine_whatever_that_remembers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory: dict[str, Any] = {"running": ["web"], "ended_with_engine": ["db"], "crashes": {}}
    for booted_at, ended in ((AT + 5, ["db", "web"]), (AT - 5, ["db"])):
        monkeypatch.setattr(docker_room, "booted_at", lambda booted_at=booted_at: booted_at)
        async with answering(tmp_path, 200, events(AT - 1)) as engine:
            probe = DockerProbe(engine, DockerOptions(), since=AT, memory=memory)
            assert probe.memory()["running"] == ["web"], "not forgotten before it was asked"
            listening = asyncio.create_task(probe.listen(lambda key: None))
            await wait_for(listening.done, 10, "the end of the stream")
            await asyncio.gather(listening, return_exceptions=True)
            assert sorted(probe.memory()["ended_with_engine"]) == ended


def test_a_memory_that_is_unfit_is_none() -> None:
    for memory in ({"crashes": ["x"]}, {"crashes": {"web": ["x"]}}, {"running": 5}, {"ended_with_engine": 7}):
        DockerProbe(Engine("unix:///nowhere.sock"), DockerOptions(), since=AT, memory=memory)
