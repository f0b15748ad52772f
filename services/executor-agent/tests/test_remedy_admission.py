"""A person's own remedy before it runs: what was shown and approved is what runs, or nothing does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from remedy_rig import GOOD, SET_DAYS, SHELL, own_folder, scratch_proposal

from executor_agent.admission.admission import Admitted, Denied, admit, permission_problem
from executor_agent.admission.candidate import Candidate
from executor_agent.runner.action_runner import ActionRunner
from mesh_core.actions.register import with_digest
from mesh_core.approvals.obstacles import ObstacleKind, Surroundings, obstacles_of
from mesh_core.approvals.proposal_files import ActionName, digest_of
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.proposals import Proposal, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.policy.current_config import ConfigReader

NOW = datetime.now(UTC)
EDITED = GOOD.replace("/srv/scratch/old]", "/]")


@pytest.fixture
def proposal(tmp_path: Path) -> Proposal:
    """Of the remedy `mine` of this test's config/remedies, as a planner files it now."""
    own_folder(tmp_path, mine=GOOD)
    (tmp_path / "config" / "inventory.yml").write_text("all: {hosts: {n1: {}}}\n")
    made = scratch_proposal()
    later = {"id": proposal_id("n1/1-0", "n1", made.service), "expires_at": rfc3339(NOW + timedelta(hours=1))}
    return made.model_copy(update=later)


def candidate(proposal: Proposal) -> Candidate:
    raw = proposal.wire()
    return Candidate(ActionName(proposal.id, digest_of(raw)).file, (1, len(raw), 1), raw)


def said(runtime: Path, proposal: Proposal) -> str:
    """What admission says, and the card and the last look before the run, which must agree; '' where it may run."""
    file = runtime / "config" / "remedies" / "mine.yml"
    if file.exists():
        os.utime(file, (1, 1))  # saved long ago
    config = ConfigReader(runtime).read()
    admission = admit(candidate(proposal), config, NOW)
    around = Surroundings(config.inventory, config.policy)
    against = [one for one in obstacles_of(proposal, around, NOW) if one.kind is ObstacleKind.REMEDY]
    problem = permission_problem(proposal, config)
    assert isinstance(admission, Admitted) is (problem is None) is (not against)
    if not isinstance(admission, Denied):
        return ""
    assert not admission.maybe_incomplete
    return f"{admission.reason} | {problem} | {against[0].told}"


def test_the_same_file_may_run_and_every_change_of_it_is_refused(tmp_path: Path, proposal: Proposal) -> None:
    assert said(tmp_path, proposal) == ""
    mine = tmp_path / "config" / "remedies" / "mine.yml"
    changes: dict[str, Callable[[], object]] = {
        "the remedy mine was changed since this was proposed; inject the event again": lambda: mine.write_text(EDITED),
        "the remedy mine cannot be used: mine.yml:": lambda: mine.write_text(GOOD.replace("risk: low", "risc: low")),
        "there is no action of type mine here (any more)": mine.unlink,
    }
    for why, change in changes.items():
        change()
        assert said(tmp_path, proposal).count(why) == 3, said(tmp_path, proposal)
    mine.write_text(GOOD)
    assert said(tmp_path, proposal) == "", "put back as it was"


def test_who_forges_a_file_must_say_what_was_shown_and_only_for_a_remedy(tmp_path: Path, proposal: Proposal) -> None:
    unsaid = proposal.model_copy(update={"remedy_sha256": None})
    assert said(tmp_path, unsaid).count("it does not say which playbooks its remedy gave") == 3
    config = ConfigReader(tmp_path).read()
    notify = proposal.model_copy(update={"type": "notify", "action": "notify"})
    assert "notify is no remedy and has no remedy_sha256" in str(permission_problem(notify, config))


def test_what_a_person_set_runs_and_what_nobody_may_set_does_not(tmp_path: Path, proposal: Proposal) -> None:
    own_folder(tmp_path, mine=SET_DAYS)
    chosen = with_digest(proposal.model_copy(update={"params": {"days": 3}, "remedy_sha256": None}))
    assert said(tmp_path, chosen) == ""
    elsewise = chosen.model_copy(update={"params": {"days": 4}})
    assert said(tmp_path, elsewise).count("the remedy mine was changed since this was proposed") == 3
    beyond = chosen.model_copy(update={"params": {"days": 31}})
    assert said(tmp_path, beyond).count("days may not be '31'; set it to a whole number from 1 to 30") == 3
    unknown = chosen.model_copy(update={"params": {"mount": "here"}})
    assert said(tmp_path, unknown).count("nobody may set 'mount' here; a person may set days") == 3


def test_a_playbook_that_may_not_run_is_refused_whoever_wrote_the_file(tmp_path: Path, proposal: Proposal) -> None:
    own_folder(tmp_path, mine=SHELL)
    shown = scratch_proposal().model_copy(update={"expires_at": proposal.expires_at, "id": proposal.id})
    assert said(tmp_path, shown).count("may not run: apply: the ") == 3


async def test_one_that_was_changed_after_the_last_check_ends_before_anything_runs(
    tmp_path: Path, proposal: Proposal
) -> None:
    own_folder(tmp_path, mine=EDITED)
    runner = ActionRunner(None, tmp_path / "config" / "inventory.yml")  # type: ignore[arg-type]  (a pool is not asked)
    result = await runner.run(proposal, tmp_path, lambda stage, line: None, asyncio.Event())
    assert (result.result, result.verdict) == ("failed", OutcomeVerdict.NOT_RUN)
    assert "the remedy mine was changed since this was proposed" in result.reason
    assert not (tmp_path / "project").exists()


def test_half_a_file_that_is_being_saved_is_waited_for(tmp_path: Path, proposal: Proposal) -> None:
    (tmp_path / "config" / "remedies" / "mine.yml").write_text(GOOD[:200])
    admission = admit(candidate(proposal), ConfigReader(tmp_path).read(), NOW)
    assert isinstance(admission, Denied)
    assert admission.maybe_incomplete
