"""A remedy as an action type and the choice that goes with it: its name is both, `type` and `action`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from importlib import resources
from typing import Any

from mesh_core.actions.action_type import ActionType, Choice, FactCondition
from mesh_core.actions.remedies.event_values import found_in
from mesh_core.actions.remedies.loader import BadRemedy, load_remedies
from mesh_core.actions.remedies.offering import unmet_need
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.actions.remedies.rendering import NOT_MEASURED, playbooks_for, values_for
from mesh_core.actions.remedies.wording import filled, told_change
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.proposals import Proposal
from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in


def shipped_remedies(taken: Collection[str] = ()) -> dict[str, Remedy]:
    """Those inside the package. Raises BadRemedy, which a test prevents."""
    loaded = load_remedies(resources.files(__package__).joinpath("shipped"), taken)
    for why in loaded.refused.values():
        raise BadRemedy(why)
    return loaded.remedies


def action_of(name: str, remedy: Remedy) -> ActionType:
    """The type that the register lists."""
    return ActionType(
        name=name,
        risk=remedy.risk,
        choice=_choice_of(name, remedy),
        playbooks=partial(playbooks_for, remedy),
        read_look=partial(_read_look, remedy),
        touches=partial(_touches, remedy),
        told_change=partial(_told_change, remedy),
        sees_the_trouble=True,
        longest_seconds=remedy.limits.seconds,
    )


def _choice_of(name: str, remedy: Remedy) -> Choice:
    return Choice(
        name,
        remedy.explain,
        interrupts=remedy.interrupts,
        loop_guarded=True,
        conditions=tuple(
            FactCondition(fact, False, name, f"{name} is not offered where an event says {fact.replace('_', ' ')}")
            for fact in remedy.never
        ),
        unmet=partial(unmet_need, remedy),
    )


def _read_look(remedy: Remedy, proposal: Proposal, result: Mapping[str, Any]) -> TargetState:
    said = result.get("msg")
    given = said.get("numbers") if isinstance(said, Mapping) else None
    numbers = {name: whole_in(given.get(name)) if isinstance(given, Mapping) else None for name in remedy.look.numbers}
    if lost := sorted(name for name, number in numbers.items() if number is None or number <= NOT_MEASURED):
        return TargetState.seen(TargetStatus.UNKNOWN, f"it could not be measured: {', '.join(lost)}")
    proven = isinstance(said, Mapping) and truth_in(said.get("proven")) is True
    return TargetState.seen(
        TargetStatus.HEALTHY if proven else TargetStatus.UNHEALTHY,
        filled(remedy.shows, {**values_for(remedy, proposal), **numbers}),
        exists=True,
        checked=not remedy.steadily,
        **numbers,
    )


def _told_change(remedy: Remedy, proposal: Proposal, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if not all(name in seen for seen in (before, after) for name in remedy.look.numbers):
        return ""
    values = values_for(remedy, proposal)
    return told_change(remedy.shows, {**values, **before}, {**values, **after})


def _touches(remedy: Remedy, proposal: Proposal) -> str:
    try:
        values = values_for(remedy, proposal)
    except ValueError:  # nothing will run; why not is said where the playbook would stand
        values = {}
    known = {path: found_in(proposal.event, path) for path in remedy.when.needs}
    return f"{remedy.title} on {proposal.node}; {filled(remedy.estimate, {**known, **values})}"
