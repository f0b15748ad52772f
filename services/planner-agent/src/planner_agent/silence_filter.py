"""What this planner knows of silences: which hold for an event, what was put aside, which a recovery ends.

Reads silences/ and moves an acknowledgement that is over to silences/ended/; makes none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from mesh_core.models.events import Decision, HealthEvent
from mesh_core.models.records import rfc3339
from mesh_core.silences.folder import SilenceFolder
from mesh_core.silences.silence import Silence, ends_with, silences_for

log = structlog.get_logger()


class SilenceFilter:
    """Each question looks into the folder, which costs one listing as long as nothing changed there."""

    def __init__(self, folder: SilenceFolder, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self._folder = folder
        self._clock = clock
        self._over: set[str] = set()  # ended by a recovery, though their file could not be moved

    def current(self) -> tuple[Silence, ...]:
        return tuple(silence for silence in self._folder.current() if silence.id not in self._over)

    def about(self, event: HealthEvent, among: tuple[Silence, ...] | None = None) -> tuple[Silence, ...]:
        """Those that hold for this event now, the longest first. `among`: what `current` said a moment ago."""
        known = self.current() if among is None else among
        return silences_for(known, event.node, event.service, event.type, self._clock()) if known else ()

    def decision(self, event: HealthEvent, silence: Silence) -> Decision:
        """What the archive keeps with an event that led to nothing."""
        because = f": {silence.reason}" if silence.reason else ""
        reason = f"{silence.id} by {silence.by} until {silence.ends_at}{because}"
        return Decision(ts=rfc3339(self._clock()), event_id=event.id or "", verdict="silenced", reason=reason[:500])

    def put_aside(self) -> frozenset[str]:
        """The events whose proposals a person rejected only for a while: they count as undecided afterwards."""
        aside: set[str] = set()
        for silence in (*self._folder.current(), *self._folder.ended()):
            aside |= silence.put_aside.keys()
        return frozenset(aside)

    def acknowledged(self, recovery: HealthEvent, among: tuple[Silence, ...] | None = None) -> tuple[Silence, ...]:
        """The acknowledgements that this recovery ends."""
        return tuple(s for s in (self.current() if among is None else among) if ends_with(s, recovery))

    def end_acknowledged(self, recovery: HealthEvent) -> None:
        """They are over: the next trouble there is new trouble. A folder that may not be changed is no obstacle."""
        for silence in self.acknowledged(recovery):
            try:
                moved = self._folder.end(silence.id, f"{recovery.type} at {recovery.timestamp}\n-- planner")
            except OSError as error:
                self._over.add(silence.id)
                log.error("quiet.not_moved", silence=silence.id, error=str(error))
            else:
                if moved:
                    log.info("quiet.acknowledgement_over", silence=silence.id, place=silence.place)
