"""A remedy as an action type and the choice that goes with it: its name is both, `type` and `action`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from importlib import resources
from typing import Any

from mesh_core.actions.action_type import ActionType, Choice, not_where, nothing_else
from mesh_core.actions.playbooks import PlaybookSet, node_of
from mesh_core.actions.remedies.event_values import found_in
from mesh_core.actions.remedies.loader import UNDO, BadRemedy, Loaded, load_remedies
from mesh_core.actions.remedies.offering import unmet_need
from mesh_core.actions.remedies.remedy_file import Remedy, Undo
from mesh_core.actions.remedies.rendering import NOT_MEASURED, playbooks_for, undoing, values_for
from mesh_core.actions.remedies.targets import read_targets, targets_in
from mesh_core.actions.remedies.wording import filled, in_words, told_change
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.proposals import Proposal, Risk
from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in


def shipped_remedies(taken: Collection[str] = ()) -> Loaded:
    """Those inside the package, recipes among them. Raises BadRemedy, which a test prevents."""
    loaded = load_remedies(resources.files(__package__).joinpath("shipped"), taken)
    for why in loaded.refused.values():
        raise BadRemedy(why)
    return loaded


def actions_of(name: str, remedy: Remedy) -> tuple[ActionType, ...]:
    """The types that the register lists: the remedy, and what takes it back where something does."""
    made = action_of(name, remedy)
    return (made, _undo_of(made, remedy, remedy.undo)) if remedy.undo else (made,)


def action_of(name: str, remedy: Remedy) -> ActionType:
    """The remedy itself."""
    return ActionType(
        name=name,
        risk=remedy.risk,
        choice=_choice_of(name, remedy),
        playbooks=partial(playbooks_for, remedy),
        read_look=partial(_read_look, remedy),
        touches=partial(_touches, remedy),
        settable=remedy.settable,
        told_change=partial(_told_change, remedy),
        sees_the_trouble=True,
        longest_seconds=remedy.limits.seconds,
        undone_by=UNDO + name if remedy.undo else "",
        undoes_by_itself=bool(remedy.undo and remedy.undo.by_itself),
    )


def _undo_of(made: ActionType, remedy: Remedy, undo: Undo) -> ActionType:
    """It takes away what somebody may use by now, so it risks more than the least."""
    return replace(
        made,
        name=UNDO + made.name,
        risk=Risk.GUARDED if made.risk is Risk.LOW else made.risk,
        choice=None,
        playbooks=partial(_undo_playbooks, remedy, undo),
        touches=partial(_undo_touches, remedy),
        undone_by="",
        undoes_by_itself=False,
        takes_back=True,
    )


def _choice_of(name: str, remedy: Remedy) -> Choice:
    return Choice(
        name,
        remedy.explain,
        interrupts=remedy.may_interrupt,
        whole_node=remedy.whole_node,
        loop_guarded=True,
        per_hour=remedy.limits.per_hour,
        conditions=not_where(name, remedy.never),
        unmet=partial(unmet_need, remedy),
        targets=partial(targets_in, remedy) if remedy.targets else nothing_else,
    )


def _undo_playbooks(remedy: Remedy, undo: Undo, proposal: Proposal) -> PlaybookSet:
    before = proposal.undoes.before if proposal.undoes else {}
    if lost := sorted(remedy.look.numbers.keys() - before.keys()):
        raise ValueError(f"nobody knows any more what was there before: {', '.join(lost)}")
    return undoing(remedy, undo, node_of(proposal), values_for(remedy, proposal), before)


def _undo_touches(remedy: Remedy, proposal: Proposal) -> str:
    what = f"takes back on {proposal.node} what {proposal.undoes.action_id if proposal.undoes else 'a run'} did"
    before = proposal.undoes.before if proposal.undoes else {}
    try:
        values = values_for(remedy, proposal)
    except ValueError:
        values = {}
    return f"{what} ({remedy.title}); before it: {filled(remedy.shows, {**values, **before})}"


def _read_look(remedy: Remedy, proposal: Proposal, result: Mapping[str, Any]) -> TargetState:
    said = result.get("msg")
    given = said.get("numbers") if isinstance(said, Mapping) else None
    touched = read_targets(said.get("touched") if isinstance(said, Mapping) else None)
    numbers = {name: whole_in(given.get(name)) if isinstance(given, Mapping) else None for name in remedy.look.numbers}
    if lost := sorted(name for name, number in numbers.items() if number is None or number <= NOT_MEASURED):
        return TargetState.seen(TargetStatus.UNKNOWN, f"it could not be measured: {', '.join(lost)}", **touched)
    proven = isinstance(said, Mapping) and truth_in(said.get("proven")) is True
    return TargetState.seen(
        TargetStatus.HEALTHY if proven else TargetStatus.UNHEALTHY,
        filled(remedy.shows, {**values_for(remedy, proposal), **numbers}),
        exists=True,
        checked=not remedy.steadily,
        **numbers,
        **touched,
    )


def _told_change(remedy: Remedy, proposal: Proposal, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if not all(name in seen for seen in (before, after) for name in remedy.look.numbers):
        return ""
    values = values_for(remedy, proposal)
    told = told_change(remedy.shows, {**before, **values}, {**after, **values})
    return "; ".join(filter(None, (told, _told_set(proposal))))


def _told_set(proposal: Proposal) -> str:
    """What of it is a person's choice, and not the file's default."""
    return ", ".join(f"{name} was set to {in_words(name, value)}" for name, value in proposal.params.items())


def _touches(remedy: Remedy, proposal: Proposal) -> str:
    try:
        values = values_for(remedy, proposal)
    except ValueError:  # nothing will run; why not is said where the playbook would stand
        values = {}
    known = {path: found_in(proposal.event, path) for path in remedy.when.needs}
    return f"{remedy.title} on {proposal.node}; {filled(remedy.estimate, {**known, **values})}"
