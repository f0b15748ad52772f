"""A person's own remedies for a planner at work: asked for, chosen, bound to what was rendered, gone meanwhile."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from remedy_rig import GOOD, own_folder, scratch_full

from mesh_core.models.attempts import ModelAnswer
from mesh_core.models.proposals import ModelRef
from mesh_core.policy.answer_schema import narrow
from mesh_core.policy.current_config import ConfigReader
from mesh_core.policy.policy import Policy
from planner_agent.diagnosis.diagnosis import Diagnosis
from planner_agent.prompts.prompts import base_schema, prompt_for, read_answer
from planner_agent.proposals.proposal_drafts import ProposalDrafts

CHOSEN = {
    **{"action": "mine", "service": None, "node": "n1", "confidence": 0.9, "requires_human": True},
    "reason": "the scratch folder's disk is 97 percent full",
}


def test_a_model_is_asked_and_believed_about_one_that_lies_there_now(tmp_path: Path) -> None:
    own_folder(tmp_path)
    event = scratch_full()
    before = ConfigReader(tmp_path).policy()
    assert isinstance(before, Policy)
    answer = json.dumps(CHOSEN)
    assert not isinstance(read_answer(event, before.allows(event))(answer), ModelAnswer)
    own_folder(tmp_path, mine=GOOD)
    policy = ConfigReader(tmp_path).policy()
    assert isinstance(policy, Policy)
    allowed = policy.allows(event)
    assert "- mine: empty the scratch folder; it is full" in prompt_for(event, (), allowed, may_choose=True).user
    assert narrow(base_schema(), event, allowed)["properties"]["action"]["enum"] == ["mine", "notify"]  # type: ignore[index]
    assert isinstance(read_answer(event, allowed)(answer), ModelAnswer)


def test_what_was_chosen_and_taken_away_meanwhile_becomes_a_message(tmp_path: Path) -> None:
    folder = own_folder(tmp_path, mine=GOOD)
    diagnosis = Diagnosis(
        ModelAnswer.model_validate(CHOSEN), ModelRef(name="m", provider="p", position=1, latency_ms=1), ()
    )
    drafts = ProposalDrafts(None, None, timedelta(hours=1), lambda: datetime.now(UTC))  # type: ignore[arg-type]
    action_id = "plan-n1-node-0123456789ab"
    kept = drafts._proposal(scratch_full(), diagnosis, action_id)
    assert (kept.type, kept.action, len(kept.remedy_sha256 or "")) == ("mine", "mine", 64)
    (folder.folder / "mine.yml").unlink()
    folder.use()
    told = drafts._proposal(scratch_full(), diagnosis, action_id)
    assert (told.type, told.action, told.remedy_sha256) == ("notify", "notify", None)
    assert told.reason.endswith("but the remedy mine was taken away meanwhile")
