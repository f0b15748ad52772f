"""The words beside a proposal that a silence put aside: rejected for now, which is no verdict on it. Pure.

Written and read here alone; they stay in rejected/ when the silence is long forgotten.
"""

from __future__ import annotations

from mesh_core.silences.silence import Silence, SilenceKind

DONE = {SilenceKind.SNOOZE: "snoozed", SilenceKind.ACKNOWLEDGE: "acknowledged"}  # what a person did with it


def words_for(silence: Silence) -> str:
    because = f": {silence.reason}" if silence.reason else ""
    until = f" until {silence.ends_at}" if silence.kind is SilenceKind.SNOOZE else ""
    return f"{DONE[silence.kind]}{until} by {silence.by}{because}"


def put_aside_by(reason: str) -> SilenceKind | None:
    """Which kind of silence put it aside, by the reason beside it; None for a rejection."""
    return next((kind for kind, done in DONE.items() if reason.startswith((f"{done} until ", f"{done} by "))), None)
