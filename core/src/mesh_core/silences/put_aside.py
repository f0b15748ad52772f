"""The words beside a proposal that a silence put aside: rejected for now, which is no verdict on it. Pure.

Written and read here alone; they stay in rejected/ when the silence is long forgotten.
"""

from __future__ import annotations

from datetime import UTC

from mesh_core.models.records import parse_time
from mesh_core.silences.silence import Silence, SilenceKind

DONE = {SilenceKind.SNOOZE: "snoozed", SilenceKind.ACKNOWLEDGE: "acknowledged"}  # what a person did with it


def words_for(silence: Silence) -> str:
    because = f": {silence.reason}" if silence.reason else ""
    until = f" until {end_for_people(silence)}" if silence.kind is SilenceKind.SNOOZE else ""
    return f"{DONE[silence.kind]}{until} by {silence.by}{because}"


def end_for_people(silence: Silence) -> str:
    """`2026-01-31 18:30 UTC`: they may read it in any zone."""
    return parse_time(silence.ends_at).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def put_aside_by(reason: str) -> SilenceKind | None:
    """Which kind of silence put it aside, by the reason beside it; None for a rejection."""
    return next((kind for kind, done in DONE.items() if reason.startswith((f"{done} until ", f"{done} by "))), None)
