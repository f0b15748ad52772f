"""What was decided about past events, and what a policy says of them now, after the runs of then. Reads files only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from mend.policies.event_archive import PastEvent, events_since
from mesh_core.actions.choices import IGNORE
from mesh_core.actions.register import is_loop_guarded
from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.approvals.decisions import OPEN
from mesh_core.approvals.earlier_runs import past_run
from mesh_core.approvals.proposal_files import REASON_SUFFIX, is_beside, name_of, signed_reason
from mesh_core.approvals.reasons import is_a_models
from mesh_core.incidents.subject import subject_of
from mesh_core.models.events import DecisionVerdict, HealthEvent
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import AT_REST, Folder, Proposal
from mesh_core.models.records import parse_time
from mesh_core.policy.policy import Policy
from mesh_core.policy.track_record import NOTHING_KNOWN, TrackRecord
from mesh_core.silences.put_aside import put_aside_by
from mesh_core.storage.files import read_regular
from mesh_core.storage.listing import entries

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class PastDecision:
    """`then`: the choice, a word of the policy; `by` the name of the model that chose it, '' for the rules.

    `proposal`, `folder`, `outcome`: of what was proposed, as far as it is still there. `put_aside`: rejected only for
    now, by a silence.
    """

    event: HealthEvent
    then: str
    by: str
    reason: str
    proposal: Proposal | None = None
    folder: Folder | None = None
    outcome: Outcome | None = None
    put_aside: bool = False


class PastActions:
    """Every proposal that still lies in actions/, and what its run came to; read once."""

    def __init__(self, actions: ActionFolders):
        self._actions = actions
        self._places = dict(_places(actions))
        self._runs: dict[str, list[tuple[Proposal, Outcome]]] = {}
        for run in sorted(self._read_runs(), key=lambda run: run[1].started_at, reverse=True):
            self._runs.setdefault(f"{run[1].node}/{run[1].service or ''}", []).append(run)

    def decision_on(self, archived: PastEvent) -> PastDecision | None:
        """None where nothing was decided by a policy or a model: counted, silenced, over by itself."""
        event = archived.event
        if archived.verdict == DecisionVerdict.IGNORED:
            return PastDecision(event, IGNORE.word, "", archived.reason)
        place = self._places.get(archived.action_id) if archived.verdict == DecisionVerdict.PROPOSED else None
        proposal = self._actions.proposal_at(place[1]) if place else None
        if place is None or proposal is None or proposal.edited_by:  # an edit is a person's own choice
            return None
        by = proposal.model.name if is_a_models(proposal) else ""
        outcome = self._actions.outcome_at(place[1])
        aside = place[0] is Folder.REJECTED and put_aside_by(_note(place[1])) is not None
        return PastDecision(event, str(proposal.action), by, proposal.reason, proposal, place[0], outcome, aside)

    def record_at(self, event: HealthEvent) -> TrackRecord:
        """What was known of the target's runs when `event` happened."""
        moment, about = parse_time(event.timestamp), self._runs.get(event.target_key, [])
        over = [past_run(proposal, one) for proposal, one in about if parse_time(one.finished_at) <= moment]
        if not about:
            return NOTHING_KNOWN
        begun = [str(p.action) for p, one in about if moment - HOUR <= parse_time(one.started_at) <= moment]
        guarded = [word for word in begun if is_loop_guarded(word)]
        return TrackRecord.of(over, moment, len(guarded), Counter(guarded), subject_of(event))

    def _read_runs(self) -> Iterator[tuple[Proposal, Outcome]]:
        for _, path in self._places.values():
            outcome = self._actions.outcome_at(path)
            if outcome and (proposal := self._actions.proposal_at(path)):
                yield proposal, outcome


def decisions_since(runtime: Path, past: PastActions, since: datetime) -> Iterator[PastDecision]:
    """In the order of the archive."""
    for archived in events_since(runtime, since):
        if decided := past.decision_on(archived):
            yield decided


@dataclass(frozen=True)
class Compared:
    """What is chosen for one event: then, and by a policy now. `rule` decided now."""

    decision: PastDecision
    now: str
    rule: str
    reason: str
    offered: frozenset[str]

    @property
    def differs(self) -> bool:
        """Would it be another today? A model's choice may be made again as long as it is offered."""
        if self.decision.by:
            return self.decision.then not in self.offered
        return self.decision.then != self.now


def compared(
    decision: PastDecision, policy: Policy, past: PastActions, why_untouchable: Callable[[HealthEvent], str]
) -> Compared:
    """`why_untouchable`: why nothing can be run on its host, '' where it can."""
    event = decision.event
    allowed = policy.allows(event, past.record_at(event), why_untouchable(event))
    return Compared(decision, allowed.preferred, allowed.rule, allowed.reason, allowed.actions)


def _note(path: Path) -> str:
    note = read_regular(path.with_name(path.name + REASON_SUFFIX), 16 * 1024) or b""
    return signed_reason(note.decode("utf-8", "replace"))[1]


def _places(actions: ActionFolders) -> Iterator[tuple[str, tuple[Folder, Path]]]:
    """By the whole id; of several of one id the last is where it got furthest."""
    for folder in (Folder.QUARANTINE, *OPEN, *(folder for folder in reversed(AT_REST) if folder != Folder.QUARANTINE)):
        for entry in entries(actions.folder(folder)):
            name = name_of(entry.name)
            if not is_beside(entry.name):
                yield (name.id if name else entry.name), (folder, Path(entry.path))
