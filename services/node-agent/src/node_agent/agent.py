"""The agent's loops: check, track, gather, spool. Judges nothing: probes see, incidents decide, the sender delivers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import HealthEvent, Severity
from mesh_core.runtime.metrics import AGENT_EVENTS, AGENT_PROBE_FAILURES
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import cancelled, pause
from node_agent.check_schedule import CheckSchedule
from node_agent.checks.check_result import CheckResult, Condition, as_healthy
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.checks.failures import described, is_stopping
from node_agent.incidents.events import event_for, node_event
from node_agent.incidents.incident_store import IncidentStore
from node_agent.incidents.incident_tracker import IncidentChange, IncidentTracker, IncidentUpdate
from node_agent.investigation.gathering import EvidenceGatherer, look_nowhere
from node_agent.probe_base.probe import Hint, ListeningProbe, ListingProbe, Probe, RememberingProbe, SourceAbsent
from node_agent.sightings import Sightings

ANNOUNCE_SECONDS = 60.0
CHECK_SECONDS = 60.0  # wall time that one check may take
STILL_SECONDS = 600.0  # a check, and the evidence of a host on which everything broke at once
LISTEN_BACK_OFF_SECONDS = (0.5, 10.0)
STEADY_SECONDS = 5.0  # a stream that held that long was a good one
# A probe whose source is away sees nothing of what it watches, so that is trouble of its own; an engine that is only
# restarted during an upgrade is back sooner.
SOURCE_RULE = ConfirmationRule(unhealthy_checks=3, unhealthy_seconds=20.0, healthy_checks=1, recheck_seconds=5.0)
SOURCE_KEY = "source:"
REMOVED_OR_UNWATCHED = "removed, or no longer watched"

log = structlog.get_logger()


class Agent:
    """One node. `send` takes each event and must not lose it; `store` is where open incidents survive. `caught_up` says
    whether all that was sent has arrived.
    """

    def __init__(
        self,
        tracker: IncidentTracker,
        send: Callable[[HealthEvent], object],
        store: IncidentStore,
        *,
        evidence: EvidenceGatherer | None = None,
        announce_seconds: float = ANNOUNCE_SECONDS,
        caught_up: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        pulse: Pulse | None = None,
        sightings: Sightings | None = None,
    ):
        self.node = tracker.node
        self.tracker = tracker
        self.probes: list[Probe] = []
        self._send = send
        self._store = store
        self._evidence = evidence or EvidenceGatherer()
        self._announce_seconds = announce_seconds
        self._caught_up = caught_up
        self._clock = clock
        self._clock_ms = clock_ms
        self._pulse = pulse or Pulse()
        self._sightings = sightings or Sightings(self.node, time.time, lambda: None)
        self._failures: dict[str, str] = {}  # probe -> the last failure that was logged
        self._working = store.working_probes()
        self._found: set[str] = set()  # keys that a probe of this life has seen
        self._being_told: set[str] = set()  # keys of incidents whose evidence is looked for before they are sent

    async def watch(self, stop: asyncio.Event) -> None:
        """Every probe, each in its own rhythm; one whose loop dies takes the agent down."""
        self._close_what_nobody_watches()
        async with asyncio.TaskGroup() as group:
            tasks = []
            for probe in self.probes:
                schedule = CheckSchedule(probe.every_seconds, self._clock)
                tasks.append(group.create_task(self._run_checks(probe, schedule), name=probe.name))
                if isinstance(probe, ListeningProbe):
                    tasks.append(group.create_task(self._listen(probe, schedule.hint), name=f"{probe.name} stream"))
            await stop.wait()
            await cancelled(*tasks)

    async def announce(self, stop: asyncio.Event) -> None:
        """node_online, then every minute each open incident again: heals any loss, a wiped Redis too."""
        AGENT_EVENTS.add("notice")
        self._send(node_event(EventType.NODE_ONLINE.value, self.node, self._clock_ms(), Severity.INFO, self._summary()))
        while not await pause(stop, self._announce_seconds):
            # While Redis is away, the spool holds them already; a copy each minute would only fill it.
            if self._caught_up():
                await self._ask_again()
                for change in self._told_before():
                    AGENT_EVENTS.add("still_open")
                    self._send(event_for(change, self.node, self._clock_ms()))
            self._save()
        self._save()

    def _told_before(self) -> list[IncidentChange]:
        """What is open and was sent with what was found of it: without that it would be judged by less."""
        return [change for change in self.tracker.still_open() if change.result.key not in self._being_told]

    async def _ask_again(self) -> None:
        """What was found is kept as it was; what it says of the present state of others would be wrong by now."""
        for change in self._told_before():
            key = change.result.key
            probe = next((one for one in self.probes if key.startswith(f"{one.name}:")), None)
            ask = probe.evidence if probe else look_nowhere
            self.tracker.renew_evidence(key, await self._evidence.of_others(change.result, ask))

    def _summary(self) -> dict[str, Any]:
        return {
            "watching": sorted(probe.name for probe in self.probes),
            "open_incidents": len(self.tracker.still_open()),
        }

    def _close_what_nobody_watches(self) -> None:
        """A probe or a target that was taken out of the configuration leaves nothing open behind it."""
        names = {probe.name for probe in self.probes}
        for known in self.tracker.known_results(""):
            if known.key.removeprefix(SOURCE_KEY).partition(":")[0] not in names:
                for change in self.tracker.close(known.key, ended="no longer watched").changes:
                    log.info("agent.no_longer_watched", key=known.key, incident=change.incident)
                    AGENT_EVENTS.add(change.kind)
                    self._send(event_for(change, self.node, self._clock_ms()))
        self._save()

    async def _run_checks(self, probe: Probe, schedule: CheckSchedule) -> None:
        turned = self._pulse.watch(f"the probe {probe.name}", probe.every_seconds + STILL_SECONDS)
        while True:
            turned()
            keys = await schedule.next()
            for key, seconds in (await self._check(probe, keys)).items():
                # Nothing less than a full round tells whether a source is back.
                schedule.recheck(None if key.startswith(SOURCE_KEY) else key, seconds)

    async def _listen(self, probe: ListeningProbe, hint: Hint) -> None:
        back_off = LISTEN_BACK_OFF_SECONDS[0]
        reported = False
        while True:
            started = self._clock()
            try:
                await probe.listen(hint)
                reason = "it closed the stream"
            except (Exception, asyncio.CancelledError) as error:  # as in a check: the rounds go on and it is reported
                if is_stopping():
                    raise
                reason = described(error)
            hint(None)  # a stream that broke may be all that is left of its source
            if self._clock() - started > STEADY_SECONDS:
                back_off, reported = LISTEN_BACK_OFF_SECONDS[0], False
            if not reported:
                log.warning("agent.stream_broke", probe=probe.name, reason=reason)
                reported = True
            await asyncio.sleep(back_off)
            back_off = min(back_off * 2, LISTEN_BACK_OFF_SECONDS[1])

    async def _check(self, probe: Probe, keys: frozenset[str] | None) -> dict[str, float]:
        """One check and what follows from it; key -> seconds until it wants another one."""
        recheck: dict[str, float] = {}
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                results = await probe.check(keys)
        except (Exception, asyncio.CancelledError) as error:  # whatever a host has in store must not silence the others
            if is_stopping():
                raise
            reason = described(error)
            self._log_failure(probe, reason)
            self._sightings.lose(probe.name)
            if probe.name in self._working or not isinstance(error, SourceAbsent):
                await self._judge_source(probe, Condition.UNHEALTHY, {"probe": probe.name, "error": reason}, recheck)
            return recheck
        self._failures.pop(probe.name, None)
        if keys is None:
            self._working.add(probe.name)
            await self._judge_source(probe, Condition.HEALTHY, {"probe": probe.name}, recheck)
        for result in results:
            update = self.tracker.apply(result, self._clock(), self._clock_ms())
            await self._publish(probe, result.key, update, recheck)
        if keys is None:
            found = {result.key for result in results}
            self._found |= found
            for known in self.tracker.known_results(f"{probe.name}:"):
                if known.key not in found:
                    # Of what an earlier agent saw and this one never did, its settings may say nothing any more.
                    gone = as_healthy(known, ended="removed" if known.key in self._found else REMOVED_OR_UNWATCHED)
                    await self._publish(probe, known.key, self.tracker.apply_missing(gone, self._clock()), recheck)
        if keys is not None:
            self._sightings.see(results)
        elif (listed := await self._listed(probe)) is None:
            self._sightings.lose(probe.name)
        else:
            self._sightings.see_all(probe.name, _with_listed(results, listed))
        return recheck

    @staticmethod
    async def _listed(probe: Probe) -> list[CheckResult] | None:
        """What it lists beside its check; None where it cannot just now."""
        if not isinstance(probe, ListingProbe):
            return []
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await probe.listing()
        except (Exception, asyncio.CancelledError):  # as in a check
            if is_stopping():
                raise
            return None

    async def _judge_source(
        self, probe: Probe, condition: Condition, facts: dict[str, Any], recheck: dict[str, float]
    ) -> None:
        """A probe that had a source and lost it is an incident of the node: nothing behind it is watched."""
        result = CheckResult(
            f"{SOURCE_KEY}{probe.name}", None, condition, SOURCE_RULE, EventType.PROBE_FAILED.value, facts=facts
        )
        update = self.tracker.apply(result, self._clock(), self._clock_ms())
        await self._publish(probe, result.key, update, recheck)

    async def _publish(self, probe: Probe, key: str, update: IncidentUpdate, recheck: dict[str, float]) -> None:
        if update.recheck_seconds is not None:
            recheck[key] = update.recheck_seconds
        told = {change.result.key for change in update.changes}
        self._being_told |= told
        try:
            for change in update.changes:
                await self._tell(probe, change)
        finally:
            self._being_told -= told
        if any(change.kind == "recovered" for change in update.changes):
            self._save()

    async def _tell(self, probe: Probe, change: IncidentChange) -> None:
        key = change.result.key
        evidence = {} if change.kind == "recovered" else await self._found_of(probe, change.result)
        self.tracker.keep_evidence(key, evidence)
        log.info(
            f"agent.{change.kind}",
            type=change.type,
            service=change.result.service,
            incident=change.incident,
            key=key,
        )
        AGENT_EVENTS.add(change.kind)
        # Whoever dies between the two: an incident that is only kept is announced again, recoveries that are only
        # sent are found once more. The other way round one would be open for ever, or be opened twice.
        if change.kind != "recovered":
            self._save()
        self._send(event_for(change, self.node, self._clock_ms(), evidence))

    async def _found_of(self, probe: Probe, result: CheckResult) -> dict[str, Any]:
        if result.key.startswith(SOURCE_KEY):
            return await self._evidence.of_host(result)
        return await self._evidence.of(result, probe.evidence)

    def _log_failure(self, probe: Probe, reason: str) -> None:
        """Once, not at every round: a node without an engine is an ordinary node."""
        AGENT_PROBE_FAILURES.add(probe.name)
        if self._failures.get(probe.name) != reason:
            self._failures[probe.name] = reason
            log.warning("agent.check_failed", probe=probe.name, error=reason)

    def _save(self) -> None:
        memories = {probe.name: probe.memory() for probe in self.probes if isinstance(probe, RememberingProbe)}
        self._store.save(self.tracker, self._working, memories, self._clock_ms())


def _with_listed(results: list[CheckResult], listed: list[CheckResult]) -> list[CheckResult]:
    """All of both; of what is in both the check's judgement, with what the list says beside it."""
    said = {one.key: one for one in listed}
    judged = [replace(one, facts={**said[one.key].facts, **one.facts}) if one.key in said else one for one in results]
    return list({**said, **{one.key: one for one in judged}}.values())
