"""The one table of action types. Whoever needs to know what a type does asks here; nobody switches on its name."""

from __future__ import annotations

from importlib import import_module

from mesh_core.actions.action_type import ActionType, Choice
from mesh_core.actions.choices import IGNORE
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.remedies.action import action_of, shipped_remedies
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Proposal, Risk
from mesh_core.models.records import is_name

# Each line is a file of this folder with an ACTION. The order is that in which a model reads the choices.
_FILES = (
    "container_restart",
    "service_restart",
    "redeploy",
    "notify",
    "playbook",
)
_WRITTEN: tuple[ActionType, ...] = tuple(import_module(f"{__package__}.{file}").ACTION for file in _FILES)
_TAKEN = frozenset((IGNORE.word, *(word for action in _WRITTEN for word in (action.name, action.action))))
# What is data stands behind what is code: a model that minds the order reads what it knows first.
REMEDIES: dict[str, Remedy] = shipped_remedies(_TAKEN)
ACTION_TYPES = (*_WRITTEN, *(action_of(name, remedy) for name, remedy in REMEDIES.items()))
CHOICES: tuple[Choice, ...] = (*dict.fromkeys(a.choice for a in ACTION_TYPES if a.choice), IGNORE)

TYPE_NAMES = tuple(action.name for action in ACTION_TYPES)
CHOICE_WORDS = tuple(choice.word for choice in CHOICES)  # what a model may answer and policy may allow
# What the `action` of a proposal's file may be. One that says `ignore` is read, so that it can be refused in words.
PROPOSAL_ACTIONS = tuple(dict.fromkeys((*CHOICE_WORDS, *(action.action for action in ACTION_TYPES))))

_BY_NAME = {action.name: action for action in ACTION_TYPES}
_BY_WORD = {choice.word: choice for choice in CHOICES}


def action_type(name: str) -> ActionType:
    """The type of that name. ValueError, a sentence, where there is none."""
    if name not in _BY_NAME:
        raise ValueError(f"there is no action of type {name}; the types are {', '.join(TYPE_NAMES)}")
    return _BY_NAME[name]


def type_for(word: str, event: HealthEvent) -> ActionType | None:
    """What would run if this choice were made for this event; None where nothing would."""
    return next((a for a in ACTION_TYPES if a.choice and a.choice.word == word and a.fits(event)), None)


def risk_of_choice(word: str) -> Risk | None:
    """How much is risked where this choice is made; None where it is none of ours."""
    return next((a.risk for a in ACTION_TYPES if a.choice and a.choice.word == word), None)


def playbook_for(proposal: Proposal) -> PlaybookSet:
    """The playbooks of a proposal. ValueError (a sentence) where no honest playbook can be made of it."""
    return action_type(proposal.type).playbooks(proposal)


MAX_DEPENDENTS = 8  # named in a sentence


def what_it_touches(proposal: Proposal) -> str:
    """How far approval goes, for people: what it touches, and who depends on that as far as the event says."""
    said = proposal.event.payload.get("dependents")
    names = [name for name in said if isinstance(name, str) and is_name(name)] if isinstance(said, list) else []
    touched = action_type(proposal.type).touches(proposal)
    if not names or is_message(proposal.type):
        return touched
    more = f" and {len(names) - MAX_DEPENDENTS} more" if len(names) > MAX_DEPENDENTS else ""
    who = "1 other depends" if len(names) == 1 else f"{len(names)} others depend"
    return f"{touched}; {who} on it: {', '.join(names[:MAX_DEPENDENTS])}{more}"


def is_wide(proposal: Proposal) -> bool:
    """Does approval touch more than the one thing that the proposal is named after?"""
    return action_type(proposal.type).is_wide(proposal)


def is_message(name: str) -> bool:
    """Does this type only tell people? A name that we do not know, out of an old file or a newer executor, does not."""
    return name in _BY_NAME and not _BY_NAME[name].touches_host


def is_loop_guarded(word: object) -> bool:
    """Does this choice count as one of the restarts of an hour?"""
    return word in _BY_WORD and _BY_WORD[str(word)].loop_guarded
