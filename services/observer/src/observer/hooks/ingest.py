"""Alerts into the foreign stream, each announcement once, durably before anybody says 2xx. Knows no HTTP and no sender.

| dies after | what is left | when the sender tries again |
|---|---|---|
| the run was named | `mesh:once:hook-open:...` | the same name: entered once |
| the event is in the stream | its once key | counted as repeated |
| the recovery is in the stream | its once key, the open run | counted as repeated, the run is closed |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

import structlog

from mesh_core.incidents.rule import is_benign
from mesh_core.messaging.bus import IDEMPOTENCY_SECONDS, Bus
from mesh_core.models.events import HealthEvent, Trust, has_raw_name
from mesh_core.models.records import utc_now
from mesh_core.models.sightings import MATCHED_BY, MatchedBy
from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.alert import Alert, Nothing, Read, Unfit
from observer.hooks.mapping import Mapped, incident_of
from observer.hooks.open_alerts import OpenAlert, OpenAlerts, run_of
from observer.hooks.seen_services import SeenServices, state_said_of_it

# A repeat within this is the same announcement. Later ones enter again under the same incident, as an agent's do: the
# planner counts them, and what a cooldown had swallowed or a wiped Redis forgot gets its proposal after all.
REPEAT_SECONDS = 900

log = structlog.get_logger()


class AlertOutcome(StrEnum):
    ENTERED = "entered"  # trouble that the mesh did not know yet
    BENIGN = "benign"  # it is over, or never was trouble
    REPEATED = "repeated"  # known already
    IGNORED = "ignored"  # nothing to tell
    REFUSED = "refused"


@dataclass
class IngestResult:
    """What became of the alerts of one request."""

    counts: dict[AlertOutcome, int] = field(default_factory=lambda: dict.fromkeys(AlertOutcome, 0))
    events: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class AlertIngest:
    """`mapped` says what an alert means, `names` what the mesh calls hosts and services."""

    def __init__(
        self,
        bus: Bus,
        mapped: Mapped,
        *,
        names: Callable[[], KnownNames] = KnownNames,
        clock: Callable[[], datetime] = utc_now,
    ):
        self._bus = bus
        self._mapped = mapped
        self._names = names
        self._clock = clock
        self._open = OpenAlerts(bus)
        self._turn = asyncio.Lock()  # two requests about one alert, one after the other

    async def enter(self, reads: Iterable[Read], hook: str) -> IngestResult:
        """Each by itself, in order. Raises BusDown: then the whole request may be repeated."""
        receipt = IngestResult()
        names = self._names()
        seen = SeenServices(self._bus, names)
        for number, read in enumerate(reads, 1):
            async with self._turn:
                receipt.counts[await self._one(read, names, seen, hook, number, receipt)] += 1
        return receipt

    async def _one(
        self, read: Read, names: KnownNames, seen: SeenServices, hook: str, number: int, receipt: IngestResult
    ) -> AlertOutcome:
        if isinstance(read, Nothing):
            return AlertOutcome.IGNORED
        if isinstance(read, Unfit):
            return await self._refuse(read, hook, number, receipt)
        runs = await self._open.of(read)
        if not read.firing:
            return await self._resolved(read, runs, names, hook, number, receipt)
        run = run_of(read, runs or (), self._now_ms())
        event = await self._event_for(read, run.episode, names, seen)
        if isinstance(event, Unfit):
            return await self._refuse(event, hook, number, receipt)
        if run.node:  # one incident has one place, whatever its host is called by now
            event = event.model_copy(update={"node": run.node, "service": run.service})
        others = [one for one in runs or () if one.episode != run.episode]
        await self._open.keep(read, [*others, replace(run, node=event.node, service=event.service)])
        if not await self._enter(event, f"hook:{event.incident}:firing", REPEAT_SECONDS, hook, receipt):
            return AlertOutcome.REPEATED
        return AlertOutcome.BENIGN if is_benign(event) else AlertOutcome.ENTERED

    async def _event_for(self, read: Alert, episode: str, names: KnownNames, seen: SeenServices) -> HealthEvent | Unfit:
        """Where nothing but perhaps a monitor's own name says a service: the one that its host's agent sees."""
        event = self._mapped.event_for(read, episode, self._clock(), names)
        if isinstance(event, Unfit) or has_raw_name(event.payload) or self._mapped.labels_name_a_service(read):
            return event
        meant = await seen.meant_by(read, event)
        if meant is None:
            return event
        service, by = meant
        where = tuple(("", host) for _, host in read.what_and_where)
        details = {**read.details, MATCHED_BY: by.value}
        kind = read.type or (state_said_of_it(read.name) if by is MatchedBy.NAME else "")
        named = replace(read, service=service, type=kind, what_and_where=where, details=details)
        return self._mapped.event_for(named, episode, self._clock(), names)

    async def _resolved(
        self,
        read: Alert,
        runs: tuple[OpenAlert, ...] | None,
        names: KnownNames,
        hook: str,
        number: int,
        receipt: IngestResult,
    ) -> AlertOutcome:
        """Each run that is open is over, where it was announced; of one that we never heard of, what it says itself."""
        if not runs and (runs is None or not read.episode):
            return AlertOutcome.REPEATED  # it is over already, or nobody can say what of it was open
        said = self._mapped.event_for(read, read.episode or "0", self._clock(), names)
        if isinstance(said, Unfit):
            return await self._refuse(said, hook, number, receipt)
        entered = False
        for run in runs or (OpenAlert(read.episode, 0),):
            place = {"node": run.node, "service": run.service} if run.node else {}
            over = said.model_copy(update={"incident": incident_of(read, run.episode), **place})
            entered |= await self._enter(over, f"hook:{over.incident}:resolved", IDEMPOTENCY_SECONDS, hook, receipt)
        await self._open.close(read)
        return AlertOutcome.BENIGN if entered else AlertOutcome.REPEATED

    async def _enter(self, event: HealthEvent, key: str, seconds: int, hook: str, receipt: IngestResult) -> bool:
        entered = await self._bus.enter(event, Trust.FOREIGN, idempotency_key=key, idempotency_seconds=seconds)
        if entered is None:
            return False
        log.info("hooks.entered", hook=hook, event_id=entered.id, type=event.type, incident=event.incident)
        receipt.events.append(entered.id or "")
        return True

    def _now_ms(self) -> int:
        return int(self._clock().timestamp() * 1000)

    async def _refuse(self, unfit: Unfit, hook: str, number: int, receipt: IngestResult) -> AlertOutcome:
        await self._bus.refuse(unfit.raw, source=f"hook:{hook}", reason=unfit.reason, actor="observer")
        if len(receipt.problems) < 20:
            receipt.problems.append(f"alert {number}: {unfit.reason}")
        return AlertOutcome.REFUSED
