"""What a remedy leaves to a person: within its bounds, on the card, in the bytes that run, and nobody else's to set."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from action_rig import a_proposal
from folders_rig import outcome_for
from pydantic import ValidationError
from remedy_events import proposal_for
from remedy_rig import SET_DAYS, own_folder, scratch_proposal

from mesh_core.actions.register import action_type, playbook_for, what_it_touches, with_digest
from mesh_core.actions.remedies.loader import BadRemedy, read_remedy
from mesh_core.approvals.card import CardContext, MaySet, card_for
from mesh_core.approvals.decisions import next_attempt
from mesh_core.approvals.previews import preview_of
from mesh_core.approvals.proposal_files import ActionName, Filed
from mesh_core.approvals.undoing import undo_of
from mesh_core.models.proposals import Proposal


def vacuum(**params: Any) -> Proposal:
    return proposal_for("journal_vacuum").model_copy(update={"params": params})


def test_what_nobody_sets_is_the_default_and_leaves_the_file_as_it_was() -> None:
    assert b"params" not in vacuum().wire()
    assert "--vacuum-size={{ keep_mib }}M" in playbook_for(vacuum()).apply
    assert "keep_mib: 64\n" in playbook_for(vacuum()).apply


def test_what_a_person_sets_stands_in_all_that_runs_and_on_the_card() -> None:
    plays = playbook_for(vacuum(keep_mib=200))
    for text in (plays.apply, plays.look, plays.converge):
        assert "keep_mib: 200\n" in text
    assert "the newest 200 MiB of the journal stay" in what_it_touches(vacuum(keep_mib=200))
    assert with_digest(vacuum(keep_mib=200)).remedy_sha256 != with_digest(vacuum()).remedy_sha256
    again = Proposal.model_validate_json(vacuum(keep_mib=200).wire())
    assert (again.params, playbook_for(again)) == ({"keep_mib": 200}, plays)


def test_the_card_says_what_may_be_set_and_what_counts_now() -> None:
    for proposal, now in ((vacuum(), "64"), (vacuum(keep_mib=200), "200")):
        card = card_for(proposal, CardContext(), datetime.now(UTC))
        assert card.may_set == (MaySet("keep_mib", now, "a whole number from 16 to 10000"),)
    assert card_for(a_proposal("container_restart"), CardContext(), datetime.now(UTC)).may_set == ()


def test_the_outcome_says_what_was_set_even_where_nothing_changed() -> None:
    told = action_type("journal_vacuum").told_change
    before, after = ({"used_percent": used, "journal_kib": 1024} for used in (97, 71))
    assert told(vacuum(keep_mib=200), before, after) == (
        "/var 97 % -> 71 % full, the journal 1.0 MiB; keep_mib was set to 200 MiB"
    )
    assert told(vacuum(keep_mib=200), before, before) == "keep_mib was set to 200 MiB"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"keep_mib": 15}, "keep_mib may not be '15'; set it to a whole number from 16 to 10000"),
        ({"keep_mib": 10001}, "keep_mib may not be '10001'"),
        ({"keep_mib": "a lot"}, "keep_mib may not be 'a lot'"),
        ({"keep_mib": True}, "keep_mib may not be 'True'"),
        ({"keep": 200}, "nobody may set 'keep' here; a person may set keep_mib, a whole number from 16 to 10000"),
        ({"mount": "/srv"}, "nobody may set 'mount' here"),
        ({"limit": 5}, "nobody may set 'limit' here"),
    ],
)
def test_what_does_not_fit_runs_nothing_and_says_what_does(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        playbook_for(vacuum(**params))
    with pytest.raises(ValueError, match=said):
        with_digest(vacuum(**params))


def test_an_action_that_leaves_nothing_to_a_person_is_refused_with_a_value() -> None:
    for kind, action in (("container_restart", "restart"), ("notify", "notify"), ("unit_start", "unit_start")):
        proposal = proposal_for("unit_start").model_copy(update={"type": kind, "action": action, "params": {"a": 1}})
        with pytest.raises(ValueError, match="a person sets nothing of this action"):
            playbook_for(proposal)


@pytest.mark.parametrize("params", [{"Keep": 1}, {"keep_mib": 1.5}, {"keep_mib": None}, {"how": "rm -rf /"}, {"a": []}])
def test_a_file_may_set_numbers_and_plain_words_and_nothing_else(params: dict[str, Any]) -> None:
    said = {**json.loads(vacuum().wire()), "params": params}
    with pytest.raises(ValidationError):
        Proposal.model_validate_json(json.dumps(said))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("from: person, default: 7", "from: person", "params.days.integer: from: person needs a default"),
        ("default: 7", "default: 31", "default is 31, which is not within 1 to 30"),
        ("default: 7", "default: 7, percent: 50", "percent is of what an event says, and a person sets the number"),
        ("from: payload.mount", "from: person", "a person sets an integer, a duration or an enum"),
        (
            "{days} days",
            "some days",
            "estimate: a person may set days, so the card has to say what counts; name {days}",
        ),
        ("from: person", "from: persons", "'persons' is neither room.fact"),
    ],
)
def test_a_remedy_that_leaves_too_much_to_a_person_is_refused(old: str, new: str, said: str) -> None:
    assert old in SET_DAYS
    with pytest.raises(BadRemedy) as refused:
        read_remedy(SET_DAYS.replace(old, new, 1).encode(), "bad.yml")
    assert said in str(refused.value)


def test_a_word_of_a_list_may_be_set_and_stays_text_in_what_runs(tmp_path: Path) -> None:
    how = "  how: {type: enum, values: [fast, safe], from: person, default: safe}\n"
    own_folder(tmp_path, mine=SET_DAYS.replace("  days:", f"{how}  days:").replace('estimate: "', 'estimate: "{how}: '))
    assert "how: safe" in playbook_for(scratch_proposal()).apply
    chosen = scratch_proposal().model_copy(update={"params": {"how": "fast", "days": 3}, "remedy_sha256": None})
    assert "how: !unsafe 'fast'" in playbook_for(chosen).apply
    assert "fast: empties what is older than 3 days" in what_it_touches(chosen)
    with pytest.raises(ValueError, match="how may not be 'slow'; set it to one of fast, safe"):
        playbook_for(chosen.model_copy(update={"params": {"how": "slow"}}))


def test_a_preview_an_undo_and_a_retry_are_of_what_was_set() -> None:
    moment, path = datetime.now(UTC), Path("plan.json")
    chosen = with_digest(vacuum(keep_mib=200))
    asked = preview_of(Filed(ActionName(chosen.id, "0" * 16), path, chosen), "ann", moment)
    assert playbook_for(asked).apply == playbook_for(next_attempt(chosen, moment)).apply == playbook_for(chosen).apply
    outcome = outcome_for(ActionName(chosen.id, "0" * 16)).model_copy(update={"before": {"is_running": 0}})
    assert undo_of(proposal_for("unit_start"), outcome, moment).params == {}
    took = proposal_for("unit_start").model_copy(update={"params": {"a": 1}})
    assert undo_of(took, outcome, moment).params == {"a": 1}
