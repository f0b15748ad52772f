"""Which actions there are. Whoever needs to know what a type does asks here; nobody switches on its name.

What is code and what is shipped is always there; a person's own remedies join it. The process holds one register, which
is swapped as a whole when config/remedies changed (policy/remedy_folder.py); who asks twice may see two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from operator import attrgetter
from typing import Any

from mesh_core.actions.action_type import ActionType, Choice
from mesh_core.actions.choices import IGNORE
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.remedies.action import actions_of, shipped_remedies
from mesh_core.actions.remedies.loader import UNDO
from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.actions.settable import values_set
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.events import HealthEvent
from mesh_core.models.name_lists import first_of
from mesh_core.models.proposals import Proposal, Risk
from mesh_core.models.records import is_name

# Each line is a file of this folder with an ACTION. The order is that in which a model reads the choices.
_FILES = (
    "container_restart",
    "service_restart",
    "redeploy",
    "rollback_image",
    "restart_with_dependents",
    "notify",
    "playbook",
    "preview",
)


@dataclass(frozen=True, eq=False, repr=False)
class Register:
    """Immutable. `written` are types that are code; `remedies` those that are data, shipped and own, by name.
    `recipes`, by name as well, are no types: what a request makes of them runs as a `playbook`.

    `own`: which of the files are a person's. `replaced`: a shipped one's name -> that of the own one in its place.
    `refused`: a file of config/remedies, by its name there -> why it cannot be used.
    """

    written: tuple[ActionType, ...]
    remedies: Mapping[str, Remedy]
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    replaced: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def types(self) -> tuple[ActionType, ...]:
        """What is data stands behind what is code: a model that minds the order reads what it knows first."""
        made = (one for name, remedy in self.remedies.items() for one in actions_of(name, remedy))
        return (*self.written, *made)

    def is_data(self, name: str) -> bool:
        """Does a remedy's file say what runs under this name?"""
        return name in self.remedies or (name in self.by_name and self.by_name[name].takes_back)

    def is_own(self, name: str) -> bool:
        """Is it a person's own file that says so?"""
        made = self.by_name.get(name)
        return name in self.own or (made is not None and made.takes_back and name.removeprefix(UNDO) in self.own)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        return (*dict.fromkeys(a.choice for a in self.types if a.choice), IGNORE)

    @cached_property
    def type_names(self) -> tuple[str, ...]:
        return tuple(self.by_name)

    @cached_property
    def choice_words(self) -> tuple[str, ...]:
        """What a model may answer and policy may allow."""
        return tuple(self.by_word)

    @cached_property
    def proposal_actions(self) -> tuple[str, ...]:
        """What the `action` of a file may be. One that says `ignore` is read, so that it can be refused in words."""
        return tuple(dict.fromkeys((*self.choice_words, *(action.action for action in self.types))))

    @cached_property
    def by_name(self) -> Mapping[str, ActionType]:
        return {action.name: action for action in self.types}

    @cached_property
    def by_word(self) -> Mapping[str, Choice]:
        return {choice.word: choice for choice in self.choices}

    @cached_property
    def names(self) -> frozenset[str]:
        """All words that mean something already."""
        return frozenset((*self.type_names, *self.proposal_actions, *self.recipes))

    @cached_property
    def files(self) -> Mapping[str, Remedy | Recipe]:
        """All that is data."""
        return {**self.remedies, **self.recipes}

    @cached_property
    def asked_for(self) -> Mapping[str, Recipe]:
        """The recipes that a request may use."""
        return {name: recipe for name, recipe in self.recipes.items() if name not in self.replaced}

    @cached_property
    def unusable(self) -> Mapping[str, str]:
        """Of each remedy that is not there because its file was refused, by its name -> why."""
        named = ((file.removesuffix(".yml"), why) for file, why in self.refused.items())
        return {name: why for name, why in named if name not in self.names}

    def with_own(self, files: Mapping[str, Remedy | Recipe], refused: Mapping[str, str]) -> Register:
        """A person's own beside these. A shipped one that one of them replaces stays known and is offered no more."""
        taken: dict[str, str] = {}
        told = dict(refused)
        for name, remedy in files.items():
            if remedy.replaces and type(remedy) is not type(self.files[remedy.replaces]):
                told[f"{name}.yml"] = (
                    f"{name}.yml: replaces: of {name} and {remedy.replaces} one has ask and the other has when; a file "
                    "replaces one of its own kind"
                )
            elif remedy.replaces in taken:
                told[f"{name}.yml"] = (
                    f"{name}.yml: replaces: {taken[remedy.replaces]}.yml replaces {remedy.replaces} already; "
                    "take one of the two away"
                )
            elif remedy.replaces:
                taken[remedy.replaces] = name
        own = {name: remedy for name, remedy in files.items() if f"{name}.yml" not in told}
        replaced = {old: new for old, new in taken.items() if old != new}
        remedies = {**self.remedies, **{name: one for name, one in own.items() if isinstance(one, Remedy)}}
        recipes = {**self.recipes, **{name: one for name, one in own.items() if isinstance(one, Recipe)}}
        return replace(self, remedies=remedies, recipes=recipes, own=frozenset(own), replaced=replaced, refused=told)


def _shipped() -> Register:
    written = tuple(import_module(f"{__package__}.{file}").ACTION for file in _FILES)
    shipped = shipped_remedies(Register(written, {}).names)
    return Register(written, shipped.remedies, shipped.recipes)


SHIPPED = _shipped()  # without anything of a person's own
_current = SHIPPED


def current() -> Register:
    """The register of this process."""
    return _current


def use(register: Register) -> None:
    """The register of this process from now on."""
    global _current
    _current = register


def action_type(name: str) -> ActionType:
    """The type of that name. One that is not there (any more) makes no playbook, and says why when asked for one."""
    known = _current.by_name.get(name)
    return known or _gone(name)


def type_for(word: str, event: HealthEvent) -> ActionType | None:
    """What would run if this choice were made for this event; None where nothing would."""
    return next((a for a in _current.types if a.choice and a.choice.word == word and a.fits(event)), None)


def risk_of_choice(word: str) -> Risk | None:
    """How much is risked where this choice is made; None where it is none of ours."""
    return next((a.risk for a in _current.types if a.choice and a.choice.word == word), None)


def risk_of_its_type(proposal: Proposal) -> Risk:
    """What its type risks; at least guarded where a model chose to touch a host against the rules."""
    action, rules = action_type(proposal.type), proposal.rules_choice
    if rules is None or rules.action == proposal.action or not action.touches_host:
        return action.risk
    return max(action.risk, Risk.GUARDED, key=attrgetter("rank"))


def playbook_for(proposal: Proposal) -> PlaybookSet:
    """The playbooks of a proposal. ValueError (a sentence) where no honest playbook can be made of it, or where it
    would be another one than the proposal was made with: a remedy's file may change after the card was shown."""
    meant = proposal.meant
    action = action_type(meant.type)
    values_set(action.settable, meant.params)  # of a type that is code, too: what is ignored must not stand in a file
    made = action.playbooks(meant)
    if meant.remedy_sha256 not in (None, made.sha256):
        raise ValueError(f"the remedy {meant.type} was changed since this was proposed; inject the event again")
    return made


def with_digest(proposal: Proposal) -> Proposal:
    """The same, bound to what its remedy renders now; ValueError as above. Other types need none: they are code."""
    digest = action_type(proposal.type).playbooks(proposal).sha256 if _current.is_data(proposal.type) else None
    return proposal.model_copy(update={"remedy_sha256": digest})


MAX_DEPENDENTS = 8  # named in a sentence


def dependents_in(event: HealthEvent) -> list[str]:
    """Names of the containers of which its agent found that they depend on the sick one."""
    said = event.payload.get("dependents")
    return [name for name in said if isinstance(name, str) and is_name(name)] if isinstance(said, list) else []


def what_it_touches(proposal: Proposal) -> str:
    """How far approval goes, for people: what it touches, and who depends on that as far as the event says."""
    if proposal.preview_of:
        asks = what_it_touches(proposal.meant)
        return f"changes nothing on {proposal.node}; it asks there what this would change: {asks}"
    names = dependents_in(proposal.event)
    touched = action_type(proposal.type).touches(proposal)
    if not names or is_message(proposal.type):
        return touched
    who = "1 other depends" if len(names) == 1 else f"{len(names)} others depend"
    return f"{touched}; {who} on it: {first_of(names, MAX_DEPENDENTS)}"


def is_wide(proposal: Proposal) -> bool:
    """Does approval touch more than the one thing that the proposal is named after?"""
    return action_type(proposal.type).is_wide(proposal)


def is_message(name: str) -> bool:
    """Does this type only tell people? A name that we do not know, out of an old file or a newer executor, does not."""
    return not action_type(name).touches_host


def only_asks(name: str) -> bool:
    """Is this type a person's question to a host, which changes nothing there? A name that we do not know is none."""
    return action_type(name).only_asks


def is_loop_guarded(word: object) -> bool:
    """Does this choice count as one of the restarts of an hour?"""
    return word in _current.by_word and _current.by_word[str(word)].loop_guarded


def why_gone(name: str) -> str:
    """Why there is no type of this name, in a sentence; '' where there is one."""
    if name in _current.by_name:
        return ""
    if why := _current.unusable.get(name):
        return f"the remedy {name} cannot be used: {why}"
    return f"there is no action of type {name} here (any more): no remedy of this name lies in config/remedies"


def _gone(name: str) -> ActionType:
    def no_playbooks(proposal: Proposal) -> PlaybookSet:
        raise ValueError(why_gone(name))

    def not_seen(proposal: Proposal, result: Mapping[str, Any]) -> TargetState:
        """Of one that was taken away while it ran: nobody knows what its look means, so nothing is proven."""
        return TargetState.seen(TargetStatus.UNKNOWN, why_gone(name))

    return ActionType(
        name,
        Risk.HIGH,
        None,
        no_playbooks,
        read_look=not_seen,
        touches=lambda proposal: f"nothing: {why_gone(name)}",
    )
