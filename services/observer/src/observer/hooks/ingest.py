"""Alerts into the foreign stream, each announcement once, durably before anybody says 2xx. Knows no HTTP and no sender.

| dies after | what is left | when the sender tries again |
|---|---|---|
| the episode was named | `mesh:once:hook-open:...` | the same name: entered once |
| the event is in the stream | its once key | counted as repeated |
| the recovery is in the stream | its once key, the open episode | counted as repeated, the episode is closed |
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import structlog

from mesh_core.incidents.rule import is_benign
from mesh_core.messaging.bus import ONCE_SECONDS, Bus
from mesh_core.models.events import Trust
from observer.hooks.alert import Alert, Nothing, Read, Unfit
from observer.hooks.mapping import Mapped

OPEN_SECONDS = 90 * 86_400  # a trouble may be open that long and still find its own recovery
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
    """`mapped` says what an alert means."""

    def __init__(self, bus: Bus, mapped: Mapped, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self._bus = bus
        self._mapped = mapped
        self._clock = clock

    async def enter(self, reads: Iterable[Read], hook: str) -> IngestResult:
        """Each by itself, in order. Raises BusDown: then the whole request may be repeated."""
        receipt = IngestResult()
        for number, read in enumerate(reads, 1):
            receipt.counts[await self._one(read, hook, number, receipt)] += 1
        return receipt

    async def _one(self, read: Read, hook: str, number: int, receipt: IngestResult) -> AlertOutcome:
        if isinstance(read, Nothing):
            return AlertOutcome.IGNORED
        if isinstance(read, Unfit):
            return await self._refuse(read, hook, number, receipt)
        episode = read.episode or await self._episode(read)
        if not episode:
            return AlertOutcome.REPEATED  # it says that it is over, and nothing of it is open here
        event = self._mapped.event_for(read, episode, self._clock())
        if isinstance(event, Unfit):
            return await self._refuse(event, hook, number, receipt)
        entered = await self._bus.enter(
            event,
            Trust.FOREIGN,
            once=f"hook:{event.incident}:{'firing' if read.firing else 'resolved'}",
            once_seconds=REPEAT_SECONDS if read.firing else ONCE_SECONDS,
        )
        if not read.firing and not read.episode:
            await self._bus.call("DEL", _open_key(read))
        if entered is None:
            return AlertOutcome.REPEATED
        log.info("hooks.entered", hook=hook, event_id=entered.id, type=event.type, incident=event.incident)
        receipt.events.append(entered.id or "")
        return AlertOutcome.BENIGN if is_benign(event) else AlertOutcome.ENTERED

    async def _episode(self, alert: Alert) -> str:
        """For a sender that does not tell when it began: the name of what is open, a new one if it begins now."""
        key = _open_key(alert)
        if not alert.firing:
            known = await self._bus.call("GET", key)
        else:
            fresh = f"{self._clock().timestamp() * 1000:.0f}"
            if await self._bus.call("SET", key, fresh, "NX", "EX", OPEN_SECONDS):
                return fresh
            known = await self._bus.call("GET", key)
        return known.decode("ascii", "replace") if known else ""

    async def _refuse(self, unfit: Unfit, hook: str, number: int, receipt: IngestResult) -> AlertOutcome:
        await self._bus.refuse(unfit.raw, source=f"hook:{hook}", reason=unfit.reason, by="observer")
        if len(receipt.problems) < 20:
            receipt.problems.append(f"alert {number}: {unfit.reason}")
        return AlertOutcome.REFUSED


def _open_key(alert: Alert) -> str:
    named = hashlib.sha256(f"{alert.source}/{alert.key}".encode()).hexdigest()[:32]
    return f"mesh:once:hook-open:{named}"
