"""A probe that had its source and lost it is an incident of the node; a node that never had one is an ordinary node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from mesh_core.testing import wait_for
from node_agent import agent as agent_room
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.containers.engine import Engine
from node_agent.probe_base.probe import SourceAbsent
from node_agent.probes.docker import DockerOptions, DockerProbe


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        agent_room,
        "SOURCE_RULE",
        ConfirmationRule(unhealthy_checks=3, unhealthy_seconds=0.2, healthy_checks=1, recheck_seconds=0.1),
    )


class Source:
    """A probe whose source can be taken away; `listen` ends with something that no stream is expected to raise."""

    name = "engine"
    every_seconds = 60.0

    def __init__(self, *, there: bool):
        self.there = there
        self.absence: Exception = SourceAbsent("nobody listens")
        self.looks = 0
        self.broken = asyncio.Event()

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        if not self.there:
            raise self.absence
        self.looks += 1
        return [CheckResult("engine:web", "web", Condition.HEALTHY, ConfirmationRule())]

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        return {}

    async def listen(self, hint: Callable[[str | None], None]) -> None:
        await self.broken.wait()
        raise RuntimeError("the stream ended in a way that nobody expected")


async def test_a_source_that_goes_away_is_told_at_once_and_its_return_too(watching: Any) -> None:
    probe = Source(there=True)
    async with watching(probe) as watched:
        await wait_for(lambda: probe.looks > 0, 10, "the first round")
        probe.there = False
        probe.broken.set()  # the round itself would come in a minute
        event = await watched.see(None, "node_online", "probe_failed")
        assert event.payload["probe"] == "engine"
        assert "nobody listens" in event.payload["error"]
        probe.there = True
        await watched.see(None, "node_online", "probe_failed", "service_recovered")


async def test_a_source_that_never_was_there_is_no_trouble(watching: Any) -> None:
    never, other = Source(there=False), Source(there=True)
    other.name = "other"
    async with watching(never, other) as watched:
        await wait_for(lambda: other.looks > 0, 10, "the first round")
        never.broken.set()
        other.there = False
        other.broken.set()
        # The one that had its source is told; by then the other has failed as often.
        event = await watched.see(None, "node_online", "probe_failed")
        assert event.payload["probe"] == "other"


@pytest.mark.parametrize("error", [PermissionError("not for you"), ValueError("label too long"), KeyError("State")])
async def test_a_probe_that_throws_is_red_also_if_it_never_worked(watching: Any, error: Exception) -> None:
    """Nothing of what it should watch is seen: silence would look like health."""
    probe = Source(there=False)
    probe.absence, probe.every_seconds = error, 0.1
    async with watching(probe) as watched:
        event = await watched.see(None, "node_online", "probe_failed")
        assert event.payload["probe"] == "engine"
        assert type(error).__name__ in event.payload["error"]
        assert event.severity == "error"
        probe.there = True
        await watched.see(None, "node_online", "probe_failed", "service_recovered")


async def test_an_agent_that_starts_without_what_it_watched_before_says_so(watching: Any) -> None:
    first = Source(there=True)
    async with watching(first):
        await wait_for(lambda: first.looks > 0, 10, "the first round")
    async with watching(Source(there=False)) as watched:
        await watched.see(None, "node_online", "probe_failed")
    async with watching() as watched:  # taken out of the configuration: nothing that could be well again is left
        await watched.see(None, "service_recovered", "node_online")


async def test_an_engine_that_dies_is_an_incident_of_its_node(watching: Any, tmp_path: Path) -> None:
    """A real socket that answers as an engine without containers does, and then is gone."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/events" in head:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            await writer.drain()
            await dead.wait()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]")
            looked.set()
        writer.close()

    dead, looked = asyncio.Event(), asyncio.Event()
    socket = tmp_path / "engine.sock"
    server = await asyncio.start_unix_server(answer, socket)
    probe = DockerProbe(Engine(f"unix://{socket}"), DockerOptions(), since=0.0)
    async with watching(probe) as watched:
        await wait_for(lambda: looked.is_set(), 10, "a first look")
        server.close()
        socket.unlink()
        dead.set()
        event = await watched.see(None, "node_online", "probe_failed")
        assert event.payload["probe"] == "docker"


async def test_a_stream_or_a_round_that_was_cancelled_from_within_is_one_that_broke(watching: Any) -> None:
    """A library may cancel what it waits for. The probe's loops are ended by the agent only, and the rest is told."""
    probe = Source(there=True)
    broke = 0

    async def listen(hint: Callable[[str | None], None]) -> None:
        nonlocal broke
        broke += 1
        raise asyncio.CancelledError("the library gave up")

    async def check(only: frozenset[str] | None) -> list[CheckResult]:
        if not probe.there:
            raise asyncio.CancelledError("the library gave up")
        probe.looks += 1
        return [CheckResult("engine:web", "web", Condition.HEALTHY, ConfirmationRule())]

    probe.listen, probe.check = listen, check  # type: ignore[method-assign]
    with structlog.testing.capture_logs() as logs:
        async with watching(probe) as watched:
            await wait_for(lambda: broke > 1, 10, "a second connection")
            assert [line["probe"] for line in logs if line["event"] == "agent.stream_broke"] == ["engine"]
            probe.there = False
            event = await watched.see(None, "node_online", "probe_failed")
            assert "the library gave up" in event.payload["error"]
            probe.there = True
            await watched.see(None, "node_online", "probe_failed", "service_recovered")
