"""A person's own history as labelled events: what they decided is the label, and what the run proved. Pure.

Only what somebody decided is labelled: nothing that expired, was withdrawn, put aside for now or edited.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mend.evaluation.labels import as_labelled
from mend.evaluation.scoring import MENDING, Row
from mend.policies.past_decisions import PastDecision
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.proposals import EXECUTED, Folder

HELPED = frozenset({OutcomeVerdict.PROVEN, OutcomeVerdict.ACKNOWLEDGED})


def labelled(decisions: Iterable[PastDecision]) -> Iterator[Row]:
    """A row for each that a person decided."""
    for one in decisions:
        word = as_labelled(one.then)
        if label := _label(one, word):
            yield _row(one, *label)


def _label(one: PastDecision, word: str) -> tuple[str, list[str], list[str], str] | None:
    """(preferred, acceptable, unacceptable, why); None where nobody said anything."""
    if one.folder is Folder.REJECTED and not one.put_aside:
        if word == "notify":
            return "ignore", ["ignore", "notify"], ["restart", "redeploy"], "you did not want to hear of it"
        return "notify", ["notify"], [word, "ignore"], f"you rejected {one.then}"
    if one.folder not in EXECUTED or one.outcome is None:
        return None
    if one.outcome.verdict in HELPED:
        return word, [*{word, "notify"}], ["ignore"], f"{one.then} was approved, and {one.outcome.verdict}"
    if word in MENDING:
        return "notify", ["notify"], ["ignore"], f"{one.then} was approved, and ended {one.outcome.verdict}"
    return None


def _row(one: PastDecision, preferred: str, acceptable: list[str], unacceptable: list[str], why: str) -> Row:
    event: dict[str, Any] = one.event.model_dump(mode="json")
    return {
        "id": one.event.id or "",
        "event": event,
        "preferred": preferred,
        "acceptable": acceptable,
        "unacceptable": unacceptable,
        "targets": [{"node": one.event.node, "service": one.event.service}],
        "trust": "A",
        "tags": [],
        "source": {"family": one.event.type},
        "rationale": why,
    }
