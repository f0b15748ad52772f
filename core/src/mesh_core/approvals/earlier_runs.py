"""What was run at one place before, out of the folders of finished runs. Changes nothing; believes what can be read.

`proposal.json` and `outcome.json` of a run stay for ever, so this is all that there is to know; a planner, who may not
read them, keeps as many runs in Redis.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from mesh_core.actions.register import action_type
from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.subject import subject_of
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import EXECUTED, HEX, Proposal, proposal_id
from mesh_core.models.records import parse_time
from mesh_core.policy.seen_before import NEWEST_RUNS
from mesh_core.policy.track_record import PastRun
from mesh_core.storage.listing import changed_ns, entries

OUTCOME_FILE = "outcome.json"


class EarlierRuns:
    """One look at the folders, which may hold thousands of runs, for any number of places."""

    def __init__(self, actions: ActionFolders):
        self._actions = actions
        self._known: dict[str, list[Path]] = {}
        for entry in (entry for folder in EXECUTED for entry in entries(actions.folder(folder))):
            self._known.setdefault(entry.name[:-HEX], []).append(Path(entry.path))

    def at(self, node: str, service: str | None) -> tuple[PastRun, ...]:
        """The newest that were to repair something there, the newest first; none where this user may not look."""
        alike = self._known.get(proposal_id("", node, service)[:-HEX], [])
        newest = sorted(alike, key=lambda run: changed_ns(run / OUTCOME_FILE), reverse=True)
        found = islice(self._repairs(newest, node, service), NEWEST_RUNS)
        return tuple(sorted(found, key=lambda run: run.ts, reverse=True))

    def _repairs(self, runs: list[Path], node: str, service: str | None) -> Iterator[PastRun]:
        for path in runs:
            outcome, proposal = self._actions.outcome_at(path), self._actions.proposal_at(path)
            if outcome and proposal and (proposal.node, proposal.service) == (node, service) and _repairs(proposal):
                yield past_run(proposal, outcome)


def _repairs(proposal: Proposal) -> bool:
    """Neither a message, an undo, a preview, nor what a person asked for in words."""
    return action_type(proposal.type).repairs and proposal.event.type != EventType.PLAYBOOK_REQUESTED


def past_run(proposal: Proposal, outcome: Outcome) -> PastRun:
    """What is remembered of a run that has ended."""
    return PastRun(
        action_id=proposal.id,
        type=proposal.type,
        verdict=outcome.verdict,
        ts=outcome.finished_at,
        subject=subject_of(proposal.event),
        seconds=(parse_time(outcome.finished_at) - parse_time(outcome.started_at)).total_seconds(),
    )
