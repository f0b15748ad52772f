"""Undo: what can be taken back and what cannot is said in a sentence; the proposal waits like any other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from folders_rig import outcome_for, proposal_for

from mesh_core.actions.register import SHIPPED
from mesh_core.approvals.proposal_files import ActionName
from mesh_core.approvals.reasons import told_reason
from mesh_core.approvals.undoing import no_undo, undo_of
from mesh_core.models.outcomes import Outcome, OutcomeVerdict
from mesh_core.models.proposals import Folder, ModelRef, Proposal

UNDOABLE = next(name for name, remedy in SHIPPED.remedies.items() if remedy.undo)
NOW = datetime(2026, 5, 5, tzinfo=UTC)


def ran(type_: str = UNDOABLE) -> Proposal:
    model = ModelRef(name="tiny", provider="llamacpp", position=1, latency_ms=5)
    return proposal_for(1).model_copy(update={"type": type_, "action": type_, "model": model})


def came_of_it(**changes: Any) -> Outcome:
    said = {"type": UNDOABLE, "before": {"is_running": 0, "words": "no", "exists": True}}
    return outcome_for(ActionName(ran().id, "0" * 16)).model_copy(update={**said, **changes})


@pytest.mark.parametrize(
    ("type_", "folder", "outcome", "why"),
    [
        (UNDOABLE, Folder.DONE, came_of_it(), ""),
        (UNDOABLE, Folder.FAILED, came_of_it(result="failed", verdict="not_helped"), ""),
        (UNDOABLE, Folder.FAILED, came_of_it(result="failed", undone=False), ""),
        (UNDOABLE, Folder.FAILED, came_of_it(result="failed", undone="failed"), ""),
        (UNDOABLE, Folder.INTERRUPTED, came_of_it(result="interrupted", verdict="inconclusive"), ""),
        (UNDOABLE, Folder.FAILED, came_of_it(result="failed", undone=True), "taken back by itself"),
        (UNDOABLE, Folder.FAILED, came_of_it(result="failed", verdict=OutcomeVerdict.NOT_RUN), "nothing of it ran"),
        (UNDOABLE, Folder.DONE, came_of_it(before={"exists": True, "words": "?"}), "was not measured"),
        (UNDOABLE, Folder.DONE, None, "it lies in done/; only what ran"),
        (UNDOABLE, Folder.WITHDRAWN, came_of_it(result="withdrawn"), "it lies in withdrawn/; only what ran"),
        (UNDOABLE, Folder.PENDING, None, "it lies in pending/; only what ran"),
        ("container_restart", Folder.DONE, came_of_it(), "what container_restart does cannot be taken back"),
        (f"undo_{UNDOABLE}", Folder.DONE, came_of_it(), "it takes something back itself"),
    ],
)
def test_what_cannot_be_taken_back_is_told_why(type_: str, folder: Folder, outcome: Outcome | None, why: str) -> None:
    said = no_undo(ran(type_), folder, outcome)
    assert (why in said, bool(said)) == (True, bool(why)), said


def test_an_undo_is_a_proposal_of_its_own_whose_reason_is_no_models() -> None:
    old = ran()
    new = undo_of(old, came_of_it(reason="green"), NOW)
    assert new.undoes is not None
    assert (new.undoes.action_id, new.undoes.before) == (old.id, {"is_running": 0})
    assert (new.event, new.attempt, new.evidence) == (old.event, 1, ())
    assert told_reason(new) == f"a person asks to take back what {old.id} did: green"
    assert new.id == new.id_by_its_parts != old.id
    again = new.model_copy(update={"attempt": 2})
    assert len({old.id, new.id, again.id_by_its_parts}) == 3
    assert Proposal.model_validate_json(new.wire()) == new


def test_a_proposal_that_takes_nothing_back_says_nothing_of_it_on_disk() -> None:
    assert b"undoes" not in ran().wire()
    assert b"undone" not in came_of_it().wire()
    assert b'"undone":true' in came_of_it(undone=True).wire().replace(b" ", b"")
