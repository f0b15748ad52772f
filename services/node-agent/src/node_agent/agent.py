"""The agent's loops: look, fold, gather, spool. Judges nothing: probes see, edges decide, the sender delivers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import structlog

from mesh_core.models.events import HealthEvent, Severity
from mesh_core.runtime.metrics import AGENT_EVENTS, AGENT_PROBE_FAILURES
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import cancelled, pause
from mesh_core.storage.files import write_whole
from node_agent.edges import Change, Edges, Fold
from node_agent.events import event_for, notice
from node_agent.findings import Condition, Finding, Probe, Rule, well

ANNOUNCE_SECONDS = 60.0
LOOK_SECONDS = 60.0  # wall time that one look may take
EVIDENCE_SECONDS = 5.0
STILL_SECONDS = 600.0  # a look, and the evidence of a host on which everything broke at once
HINT_SECONDS = 0.15  # a burst of pushed events is one look
LISTEN_BACK_OFF_SECONDS = (0.5, 10.0)
# A probe whose source is away sees nothing of what it watches, so that is trouble of its own; an engine that is only
# restarted during an upgrade is back sooner.
SOURCE_RULE = Rule(sick_looks=3, sick_seconds=20.0, well_looks=1, again_seconds=5.0)
SOURCE_KEY = "source:"
PROBE_FAILED = "probe_failed"

log = structlog.get_logger()


@runtime_checkable
class Listening(Protocol):
    """A probe that is told of changes. `listen` is one connection: it hints keys (None: everything) until it breaks."""

    async def listen(self, hint: Callable[[str | None], None]) -> None: ...


class Agent:
    """One node. `send` takes each event and must not lose it; `memory` is the file in which open incidents survive.

    `caught_up` says whether all that was sent has arrived.
    """

    def __init__(
        self,
        node: str,
        edges: Edges,
        send: Callable[[HealthEvent], object],
        memory: Path,
        *,
        announce_seconds: float = ANNOUNCE_SECONDS,
        caught_up: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        pulse: Pulse | None = None,
    ):
        self.node = node
        self.edges = edges
        self.probes: list[Probe] = []
        self._send = send
        self._announce_seconds = announce_seconds
        self._caught_up = caught_up
        self._memory = memory
        self._clock = clock
        self._troubles: dict[str, str] = {}  # probe -> the last trouble that was logged
        self._worked = _sources_in(memory)
        self._clock_ms = clock_ms
        self._pulse = pulse or Pulse()

    async def watch(self, stop: asyncio.Event) -> None:
        """Every probe, each in its own rhythm; one that dies takes the agent down."""
        for known in self.edges.known(SOURCE_KEY):
            if known.key.removeprefix(SOURCE_KEY) not in {probe.name for probe in self.probes}:
                gone = replace(well(known, ended="no longer watched"), rule=SOURCE_RULE)
                for change in self.edges.absent(gone, self._clock()).changes:
                    self._send(event_for(change, self.node, self._clock_ms()))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._follow(probe), name=probe.name) for probe in self.probes]
            await stop.wait()
            await cancelled(*tasks)

    async def announce(self, stop: asyncio.Event) -> None:
        """node_online, then every minute each open incident again: heals any loss, a wiped Redis too."""
        AGENT_EVENTS.add("notice")
        self._send(notice("node_online", self.node, self._clock_ms(), Severity.INFO, self._about()))
        while not await pause(stop, self._announce_seconds):
            # While Redis is away, the spool holds them already; a copy each minute would only fill it.
            for change in self.edges.still_open() if self._caught_up() else ():
                AGENT_EVENTS.add("still_open")
                self._send(event_for(change, self.node, self._clock_ms()))
            self._save()
        self._save()

    def _about(self) -> dict[str, Any]:
        return {
            "watching": sorted(probe.name for probe in self.probes),
            "open_incidents": len(self.edges.still_open()),
        }

    async def _follow(self, probe: Probe) -> None:
        due: dict[str, float] = {}
        next_round = self._clock()
        wake = asyncio.Event()

        def hint(key: str | None) -> None:
            nonlocal next_round
            soon = self._clock() + HINT_SECONDS
            if key is None:
                next_round = min(next_round, soon)
            else:
                due[key] = min(due.get(key, soon), soon)
            wake.set()

        listener = asyncio.create_task(self._listen(probe, hint)) if isinstance(probe, Listening) else None
        turned = self._pulse.watch(f"the probe {probe.name}", probe.every_seconds + STILL_SECONDS)
        try:
            while True:
                turned()
                now = self._clock()
                whole = now >= next_round
                only = None if whole else frozenset(key for key, at in due.items() if at <= now)
                if only is None or only:
                    for key in only or set(due):
                        due.pop(key, None)
                    if whole:
                        next_round = now + probe.every_seconds
                    for key, seconds in (await self._round(probe, only)).items():
                        at = self._clock() + seconds
                        if key.startswith(SOURCE_KEY):  # nothing less than a whole round tells whether it is back
                            next_round = min(next_round, at)
                        else:
                            due[key] = min(due.get(key, float("inf")), at)
                wake.clear()
                pause = min([next_round, *due.values()]) - self._clock()
                if pause > 0:
                    try:
                        async with asyncio.timeout(pause):
                            await wake.wait()
                    except TimeoutError:
                        pass
        finally:
            if listener is not None:
                listener.cancel()

    async def _listen(self, probe: Listening, hint: Callable[[str | None], None]) -> None:
        pause = LISTEN_BACK_OFF_SECONDS[0]
        told = False
        while True:
            started = self._clock()
            try:
                await probe.listen(hint)
                reason = "it closed the stream"
            except Exception as error:  # noqa: BLE001 - as in a round: whatever it is, the rounds go on and it is told
                reason = f"{type(error).__name__}: {error}"[:300]
            hint(None)  # a stream that broke may be all that is left of its source
            if self._clock() - started > 5:
                pause, told = LISTEN_BACK_OFF_SECONDS[0], False
            if not told:
                log.warning("agent.stream_broke", probe=getattr(probe, "name", "?"), reason=reason)
                told = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, LISTEN_BACK_OFF_SECONDS[1])

    async def _round(self, probe: Probe, only: frozenset[str] | None) -> dict[str, float]:
        """One look and what follows from it; key -> seconds until it wants another look."""
        again: dict[str, float] = {}
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                findings = await probe.look(only)
        except Exception as error:  # noqa: BLE001 - a probe may meet anything on a host; it must not silence the others
            trouble = f"{type(error).__name__}: {error}"[:300]
            self._tell(probe, trouble)
            if probe.name in self._worked:
                await self._judge_source(probe, Condition.SICK, {"probe": probe.name, "error": trouble}, again)
            return again
        self._troubles.pop(probe.name, None)
        if only is None:
            self._worked.add(probe.name)
            await self._judge_source(probe, Condition.WELL, {"probe": probe.name}, again)
        for finding in findings:
            fold = self.edges.fold(finding, self._clock(), self._clock_ms())
            await self._act(probe, finding.key, fold, again)
        if only is None:
            seen = {finding.key for finding in findings}
            for known in self.edges.known(f"{probe.name}:"):
                if known.key not in seen:
                    gone = well(known, ended="removed")
                    await self._act(probe, known.key, self.edges.absent(gone, self._clock()), again)
        return again

    async def _judge_source(
        self, probe: Probe, condition: Condition, facts: dict[str, Any], again: dict[str, float]
    ) -> None:
        """A probe that had a source and lost it is an incident of the node: nothing behind it is watched."""
        finding = Finding(f"{SOURCE_KEY}{probe.name}", None, condition, SOURCE_RULE, PROBE_FAILED, facts=facts)
        await self._act(probe, finding.key, self.edges.fold(finding, self._clock(), self._clock_ms()), again)

    async def _act(self, probe: Probe, key: str, fold: Fold, again: dict[str, float]) -> None:
        if fold.again_seconds is not None:
            again[key] = fold.again_seconds
        for change in fold.changes:
            silent = change.kind == "recovered" or key.startswith(SOURCE_KEY)
            more = {} if silent else await self._evidence(probe, change)
            self.edges.keep_evidence(change.finding.key, more)
            log.info(
                f"agent.{change.kind}",
                type=change.type,
                service=change.finding.service,
                incident=change.incident,
                key=key,
            )
            AGENT_EVENTS.add(change.kind)
            self._send(event_for(change, self.node, self._clock_ms(), more))
        if fold.changes:
            self._save()

    async def _evidence(self, probe: Probe, change: Change) -> dict[str, Any]:
        """Late or broken evidence does not hold up the event."""
        try:
            async with asyncio.timeout(EVIDENCE_SECONDS):
                return await probe.evidence(change.finding)
        except Exception as error:  # noqa: BLE001 - as in a round
            return {"evidence_missing": f"{type(error).__name__}: {error}"[:200]}

    def _tell(self, probe: Probe, trouble: str) -> None:
        """Once, not at every round: a node without an engine is an ordinary node."""
        AGENT_PROBE_FAILURES.add(probe.name)
        if self._troubles.get(probe.name) != trouble:
            self._troubles[probe.name] = trouble
            log.warning("agent.look_failed", probe=probe.name, error=trouble)

    def _save(self) -> None:
        body = json.dumps(
            {"seen_ms": self._clock_ms(), "open": self.edges.dump(), "worked": sorted(self._worked)}
        ).encode()
        try:
            write_whole(self._memory, body)
        except OSError as error:
            log.error("agent.memory_not_saved", error=str(error))


def recall(memory: Path, edges: Edges) -> float | None:
    """Put what an earlier process left open into `edges`; the unix time at which it last looked, if it is known."""
    left = _read(memory)
    if left is None:
        return None
    try:
        edges.load(left["open"])
        return float(left["seen_ms"]) / 1000
    except (ValueError, KeyError, TypeError) as error:
        log.warning("agent.memory_unreadable", error=str(error))
        return None


def _sources_in(memory: Path) -> set[str]:
    """Which probes had their source in an earlier life; an agent that starts without its engine has lost one."""
    worked = (_read(memory) or {}).get("worked")
    return {name for name in worked if isinstance(name, str)} if isinstance(worked, list) else set()


def _read(memory: Path) -> dict[str, Any] | None:
    try:
        left = json.loads(memory.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("agent.memory_unreadable", error=str(error))
        return None
    return left if isinstance(left, dict) else None
