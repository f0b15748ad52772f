"""The rules fallback: what is answered when no model did. Asks nobody, never fails, knows no events.

`answer_or_rules` gives the planner one path: whoever answered, it gets an answer and the reference that the proposal
keeps. In files and metrics this fallback is called `floor`: that name is contract.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mesh_core.llm.router import Attempt, Provider, RouterResult
from mesh_core.models.proposals import RULES_FALLBACK as RULES_FALLBACK  # asked for here, too
from mesh_core.models.proposals import ModelRef

T = TypeVar("T")


@dataclass(frozen=True)
class Answered(Generic[T]):
    """The answer that counts, and who gave it."""

    answer: T
    model: ModelRef


def answer_or_rules(
    result: RouterResult[T], providers: Sequence[Provider], rules: Callable[[tuple[Attempt, ...]], T]
) -> Answered[T]:
    """The result's answer, or `rules(attempts)` at the position after the last provider. Both cost nothing more."""
    if result.answer is not None and result.provider is not None:
        ref = ModelRef(
            name=result.provider.model,
            provider=result.provider.vendor,
            position=result.position,
            latency_ms=result.latency_ms,
        )
        return Answered(result.answer, ref)
    ref = ModelRef(
        name=RULES_FALLBACK, provider=RULES_FALLBACK, position=len(providers) + 1, latency_ms=result.latency_ms
    )
    return Answered(rules(result.attempts), ref)
