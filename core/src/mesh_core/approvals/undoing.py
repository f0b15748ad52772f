"""Undo: what a run did is to be taken back, by an action of its own that waits for a yes like any other. Runs nothing.

Whether a run can be taken back at all is said in one place, for the command line and the page.
"""

from __future__ import annotations

from datetime import datetime

from mesh_core.actions.register import action_type, with_digest
from mesh_core.actions.target_state import numbers_in
from mesh_core.approvals.decisions import asked_by_a_person, file_once, find_one, times_from
from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.approvals.operator_folders import OperatorFolders
from mesh_core.approvals.proposal_files import ActionName
from mesh_core.models.outcomes import Outcome, OutcomeVerdict
from mesh_core.models.proposals import EXECUTED, Folder, Proposal, Undoes

MAX_TOLD = 300  # characters of what came of the run, in the reason


def undo(actions: OperatorFolders, query: str, now: datetime) -> tuple[ActionName, Proposal]:
    """A new proposal that takes back what that run did. CannotDecide where there is nothing to take back."""
    found = find_one(actions, query)
    old = actions.proposal_at(found.path)
    outcome = actions.outcome_at(found.path) if found.folder in EXECUTED else None
    if old is None:
        raise CannotDecide(RefusalReason.UNREADABLE, f"{found.path} holds no proposal that could be read")
    problem = no_undo(old, found.folder, outcome)
    if problem or outcome is None:
        raise CannotDecide(RefusalReason.DECIDED, f"{found.id} cannot be undone: {problem}")
    try:
        new = with_digest(undo_of(old, outcome, now))
    except ValueError as error:
        raise CannotDecide(RefusalReason.INVALID, f"{found.id} cannot be undone: {error}") from None
    return file_once(actions, new, "that is asked for already"), new


def no_undo(old: Proposal, folder: Folder, outcome: Outcome | None) -> str:
    """Why nobody can ask for it to be taken back, as a sentence; '' where a person can. Pure."""
    action = action_type(old.type)
    if action.takes_back:
        return "it takes something back itself; let the mesh propose what it would do now"
    if not action.undone_by:
        return f"what {old.type} does cannot be taken back"
    if folder not in EXECUTED or outcome is None:
        return f"it lies in {folder}/; only what ran can be taken back"
    if outcome.verdict is OutcomeVerdict.NOT_RUN:
        return "nothing of it ran"
    if outcome.undone is True:
        return "it was taken back by itself, and all was as before"
    return "" if numbers_in(outcome.before) else "what was there before it was not measured"


def undo_of(old: Proposal, outcome: Outcome, now: datetime) -> Proposal:
    """The proposal itself. It lives as long as the old one did. Pure."""
    return asked_by_a_person(
        old,
        action_type(action_type(old.type).undone_by),
        f"a person asks to take back what {old.id} did: {outcome.reason}"[: MAX_TOLD + len(old.id)],
        **times_from(old, now),
        remedy_sha256=None,
        rules_choice=None,
        undoes=Undoes(action_id=old.id, attempt=old.attempt, before=numbers_in(outcome.before)),
    )
