"""The floor under the ladder: what is answered when no model did. Asks nobody, never fails, knows no events.

`landed` gives the planner one path: whoever answered, it gets an answer and the reference that the proposal keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mesh_core.llm.ladder import Climb, Rung, Try
from mesh_core.models.proposals import ModelRef

T = TypeVar("T")
FLOOR = "floor"


@dataclass(frozen=True)
class Landing(Generic[T]):
    """The answer that counts, and who gave it."""

    answer: T
    model: ModelRef


def landed(climb: Climb[T], rungs: Sequence[Rung], floor: Callable[[tuple[Try, ...]], T]) -> Landing[T]:
    """The climb's answer, or `floor(tries)` at the position after the last rung. Both cost nothing more."""
    if climb.answer is not None and climb.rung is not None:
        ref = ModelRef(
            name=climb.rung.model,
            provider=climb.rung.provider,
            position=climb.position,
            latency_ms=climb.latency_ms,
        )
        return Landing(climb.answer, ref)
    ref = ModelRef(name=FLOOR, provider=FLOOR, position=len(rungs) + 1, latency_ms=climb.latency_ms)
    return Landing(floor(climb.tries), ref)
