"""What was run at a place before is read out of its finished runs, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from folders_rig import outcome_for, proposal_for

from mesh_core.approvals.earlier_runs import EarlierRuns
from mesh_core.approvals.proposal_files import ActionName
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.policy.seen_before import NEWEST_RUNS
from mesh_core.testing import AllFolders

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def ended(actions: AllFolders, number: int, folder: Folder = Folder.DONE, **changes: Any) -> Proposal:
    """A run that ended `number` hours after all began and took as many seconds, as an executor leaves it."""
    proposal = proposal_for(number)
    end = BEGAN + timedelta(hours=number)
    run = actions.folder(folder) / proposal.id
    run.mkdir(parents=True)
    (run / "proposal.json").write_bytes(proposal.wire())
    times = {"started_at": rfc3339(end - timedelta(seconds=number)), "finished_at": rfc3339(end)}
    outcome = outcome_for(ActionName(proposal.id, "0" * 16)).model_copy(update={**times, **changes})
    (run / "outcome.json").write_bytes(outcome.wire())
    return proposal


def test_the_newest_runs_come_first_with_their_trouble_and_how_long_they_took(actions: AllFolders) -> None:
    ended(actions, 2)
    ended(actions, 3, Folder.FAILED, result="failed", verdict=OutcomeVerdict.NOT_HELPED)
    ended(actions, 1)
    runs = EarlierRuns(actions).at("here", "web")
    assert [(run.verdict, run.seconds) for run in runs] == [("not_helped", 3), ("proven", 2), ("proven", 1)]
    assert {run.subject for run in runs} == {"here/web"}
    assert EarlierRuns(actions).at("here", "we") == EarlierRuns(actions).at("here", None) == ()


def test_only_as_many_as_a_planner_keeps_are_looked_at(actions: AllFolders) -> None:
    for number in range(1, NEWEST_RUNS + 6):
        ended(actions, number)
    runs = EarlierRuns(actions).at("here", "web")
    assert [run.seconds for run in runs] == list(range(NEWEST_RUNS + 5, 5, -1))


def test_what_mends_nothing_or_cannot_be_read_is_no_earlier_run(actions: AllFolders) -> None:
    ended(actions, 1)
    message = ended(actions, 2).model_copy(update={"type": "notify", "action": "notify"})
    (actions.folder(Folder.DONE) / message.id / "proposal.json").write_bytes(message.wire())
    broken = actions.folder(Folder.DONE) / ended(actions, 3).id / "outcome.json"
    broken.write_text("{")
    assert [run.action_id for run in EarlierRuns(actions).at("here", "web")] == [proposal_for(1).id]
