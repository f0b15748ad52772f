"""What may be taken back: a run of this event, whole, of this executor, and nothing of the lifeline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from admission_rig import CONFIG, NOW, candidate, reason_for
from executor_rig import proposal_for

from executor_agent.admission.admission import Admitted, admit
from executor_agent.admission.beginning import never_ran
from mesh_core.actions.register import with_digest
from mesh_core.models.events import Trust
from mesh_core.models.proposals import Proposal, Risk, Undoes
from mesh_core.policy.policy import Policy


def an_undo(**changes: Any) -> Proposal:
    payload = {"runtime": "systemd", "investigation": {"unit": {"enabled": True}}}
    ran = proposal_for(1, type="unit_start", action="unit_start")
    ran = ran.model_copy(update={"event": ran.event.model_copy(update={"payload": payload, "trust": Trust.NODE})})
    undo = {"type": "undo_unit_start", "action": "undo_unit_start", "risk_level": Risk.GUARDED}
    back = Undoes(action_id=ran.id, before={"is_running": 0, "restarts": 0})
    made = ran.model_copy(update={**undo, "undoes": back})
    made = with_digest(made).model_copy(update=changes)
    return made if "id" in changes else made.model_copy(update={"id": made.id_by_its_parts})


def test_an_undo_of_what_this_event_led_to_is_accepted_and_so_is_its_second_attempt() -> None:
    for attempt in (1, 2):
        admission = admit(candidate(an_undo(attempt=attempt)), CONFIG, NOW)
        assert isinstance(admission, Admitted), admission


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"undoes": None, "id": proposal_for(1).id}, "half an undo"),
        ({"type": "container_restart", "action": "restart", "risk_level": Risk.LOW}, "half an undo"),
        ({"action": "restart"}, "half an undo"),
        ({"risk_level": Risk.LOW}, "risk_level must be guarded"),
        ({"undoes": Undoes(action_id=proposal_for(2).id, before={"is_running": 0, "restarts": 0})}, "no action of its"),
        ({"undoes": Undoes(action_id=proposal_for(1).id, before={"restarts": 0})}, "nobody knows any more"),
        ({"id": proposal_for(1).id}, "does not belong to its event"),
        ({"remedy_sha256": None}, "does not say which playbooks its remedy gave"),
        ({"remedy_sha256": "0" * 64}, "was changed since this was proposed"),
    ],
)
def test_half_an_undo_or_one_of_something_else_is_refused(changes: dict[str, Any], word: str) -> None:
    assert word in reason_for(an_undo(**changes))


def test_nothing_is_taken_away_from_the_lifeline() -> None:
    ssh = Policy.from_text("never: {services: [web]}\nrules: []\n")
    assert "never list" in reason_for(an_undo(), replace(CONFIG, policy=ssh))


@pytest.mark.parametrize(
    ("ran_in", "refused"),
    [("done", False), ("failed", False), ("executed", False), (None, True), ("running", True), ("withdrawn", True)],
)
def test_only_what_ran_here_can_be_taken_back(ran_in: str | None, refused: bool) -> None:
    assert bool(never_ran(an_undo(), lambda action_id: ran_in)) is refused
    assert never_ran(proposal_for(1), lambda action_id: None) is None
