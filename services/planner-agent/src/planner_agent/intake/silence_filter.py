"""What this planner knows of silences: which hold for an event, what was put aside, which a recovery ends.

Reads silences/ and moves an acknowledgement that is over to silences/ended/; makes none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import structlog

from mesh_core.incidents.rule import concerns, ends
from mesh_core.models.events import Decision, DecisionVerdict, HealthEvent
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.silences.folder import SilenceFolder
from mesh_core.silences.silence import Silence, SilenceKind, ends_with, silences_of
from planner_agent.store.planner_store import PlannerStore

log = structlog.get_logger()


class SilenceFilter:
    """Each question looks into the folder, which costs one listing as long as nothing changed there."""

    def __init__(self, folder: SilenceFolder, store: PlannerStore, *, clock: Callable[[], datetime] = utc_now):
        self._folder = folder
        self._store = store
        self._clock = clock
        self._over: set[str] = set()  # ended by a recovery, though their file could not be moved

    def current(self) -> tuple[Silence, ...]:
        return tuple(silence for silence in self._folder.current() if silence.id not in self._over)

    def about(self, event: HealthEvent) -> tuple[Silence, ...]:
        """Those that hold for this event now, the longest first."""
        return silences_of(self.current(), event, self._clock())

    def decision(self, event: HealthEvent, silence: Silence) -> Decision:
        """What the archive keeps with an event that led to nothing."""
        because = f": {silence.reason}" if silence.reason else ""
        reason = f"{silence.id} by {silence.by} until {silence.ends_at}{because}"
        return Decision(
            ts=rfc3339(self._clock()), event_id=event.id or "", verdict=DecisionVerdict.SILENCED, reason=reason[:500]
        )

    def put_aside(self) -> frozenset[str]:
        """The events whose proposals a person rejected only for a while: they count as undecided afterwards."""
        event_ids: set[str] = set()
        for silence in (*self._folder.current(), *self._folder.ended()):
            event_ids |= silence.put_aside.keys()
        return frozenset(event_ids)

    async def note(self, silenced: Sequence[tuple[HealthEvent, tuple[Silence, ...]]]) -> None:
        """Remember what is kept quiet by acknowledgements. Raises BusDown."""
        await self._store.note_silenced(
            [(s.id, event) for event, holding in silenced for s in holding if s.kind is SilenceKind.ACKNOWLEDGE]
        )

    async def end_acknowledged(self, recovery: HealthEvent) -> None:
        """Those whose trouble is all over are over: the next trouble there is new trouble. Raises BusDown.

        A folder that may not be changed is no obstacle.
        """
        for silence in acknowledgements(self.current(), recovery):
            silenced = await self._store.still_silenced(silence.id)
            if ends_with(silence, recovery, silenced):
                self._end(silence, recovery)
            await self._store.end_silenced(silence.id, [trouble for trouble in silenced if ends(recovery, trouble)])

    def _end(self, silence: Silence, recovery: HealthEvent) -> None:
        try:
            moved = self._folder.end(silence.id, f"{recovery.type} at {recovery.timestamp}\n-- planner")
        except OSError as error:
            self._over.add(silence.id)
            log.error("silence_filter.not_moved", silence=silence.id, error=str(error))
        else:
            if moved:
                log.info("silence_filter.acknowledgement_over", silence=silence.id, target=silence.target)


def acknowledgements(silences: Iterable[Silence], recovery: HealthEvent) -> tuple[Silence, ...]:
    """Those of that very target, whatever type of trouble they are about."""
    return tuple(
        silence
        for silence in silences
        if silence.kind is SilenceKind.ACKNOWLEDGE and concerns(recovery, silence.node, silence.service)
    )
