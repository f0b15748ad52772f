"""What an action type says of itself, and what a choice is. Data and pure functions; each type is a file beside this.

A *choice* is what policy offers and a model answers (`action` on the wire); a *type* is what runs after approval
(`type`). Several types may carry out one choice: a restart is a container's or a unit's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.settable import Settable
from mesh_core.actions.target_state import TargetState
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Proposal, Risk


@dataclass(frozen=True)
class FactCondition:
    """A fact of the event (mesh_core's facts, by its word) without which, or with which, a choice is not offered."""

    fact: str
    must_hold: bool
    fence: str  # how a decision names it
    sentence: str


def not_where(word: str, facts: Iterable[str]) -> tuple[FactCondition, ...]:
    """The choice of this word is not offered where an event says one of these facts."""
    return tuple(
        FactCondition(fact, False, word, f"{word} is not offered where an event says {fact.replace('_', ' ')}")
        for fact in facts
    )


def nothing_needed(event: HealthEvent) -> str:
    return ""


def nothing_else(event: HealthEvent) -> tuple[Mapping[str, Any], ...]:
    return ()


@dataclass(frozen=True)
class Choice:
    """What policy may offer for an event. `meaning` is what a model and people read of it.

    `interrupts`: the service is away meanwhile, so never on the lifeline, nor where no service is named or its owner
    forbids it. `whole_node`: so is all else on the node; needs no service, and is refused where the mesh lives.
    `loop_guarded`: counts as one of the restarts of an hour. `stands_in`: may take the place of a preferred
    choice that a fence took away. `per_hour`: how often it may begin on one target within an hour; None: as often as
    any that is loop-guarded. `unmet` says in a few words what it needs and the event does not give, '' for
    nothing: then it is not offered, and the next that the rule allows takes its place. `targets` are what it touches
    beside the event's own service, or in its stead, each as the event tells of it (`container`, `unit`, `image`,
    `labels`, ...): the lifeline and what owners forbid hold for them too.
    """

    word: str
    meaning: str
    interrupts: bool = False
    whole_node: bool = False
    loop_guarded: bool = False
    stands_in: bool = False
    per_hour: int | None = None
    conditions: tuple[FactCondition, ...] = ()
    unmet: Callable[[HealthEvent], str] = nothing_needed
    targets: Callable[[HealthEvent], tuple[Mapping[str, Any], ...]] = nothing_else


def any_event(event: HealthEvent) -> bool:
    return True


def touches_nothing(proposal: Proposal) -> str:
    return "touches no host"


def one_thing(proposal: Proposal) -> bool:
    return False


def nothing_to_tell(proposal: Proposal, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    return ""


def nothing_missing(proposal: Proposal, variables: Mapping[str, Any]) -> str:
    return ""


@dataclass(frozen=True)
class ActionType:
    """One kind of thing that a person can approve; `name` is the proposal's `type`.

    `playbooks` gives the texts that run (ValueError, a sentence, where no honest one can be made); `fits` says whether
    the choice means this type for an event; `read_look` reads what the task LOOK_TASK answered, None where there is no
    target of its own to look at; `missing` says in a sentence which of the host's variables (as given) a run would
    miss, '' for none; `settable` is what a person may set before a yes, by the names in the proposal's `params`. For
    people: `touches` says how far it goes ("restarts 1 container on web01: shop"), `is_wide` whether that is more than
    the one thing that the proposal is named after (lists say so, too), `effect` what approval does where no playbook
    shows it ("sends ..."), `next_step` what comes right after it ("a notification goes out about" PLACE) where that is
    no run, `told_change` what two looks (their facts) show ("97 % -> 71 % full").

    `sees_the_trouble`: a look that says "well" says that this very trouble is over, so nothing has to run any more.
    `longest_seconds`: a run that takes longer is ended; None: as long as any. `undone_by`: the name of the type that
    takes back what a run of this one did, '' for none; `undoes_by_itself`: where it does not help, that happens in the
    same run. `takes_back`: this is such a type; a run of it mends nothing, so nobody hears of a repair. `only_asks`: it
    logs in and changes nothing there, so nobody does either.
    """

    name: str
    risk: Risk
    choice: Choice | None  # None: only a person asks for it
    playbooks: Callable[[Proposal], PlaybookSet]
    fits: Callable[[HealthEvent], bool] = any_event
    read_look: Callable[[Proposal, Mapping[str, Any]], TargetState] | None = None
    touches: Callable[[Proposal], str] = touches_nothing
    is_wide: Callable[[Proposal], bool] = one_thing
    missing: Callable[[Proposal, Mapping[str, Any]], str] = nothing_missing
    settable: Mapping[str, Settable] = field(default_factory=dict)
    told_change: Callable[[Proposal, Mapping[str, Any], Mapping[str, Any]], str] = nothing_to_tell
    sees_the_trouble: bool = False
    longest_seconds: int | None = None
    undone_by: str = ""
    undoes_by_itself: bool = False
    takes_back: bool = False
    touches_host: bool = True  # False: it is a message to people
    only_asks: bool = False
    effect: str = ""
    next_step: str = ""

    @property
    def action(self) -> str:
        """The proposal's `action` that goes with it."""
        return self.choice.word if self.choice else self.name

    @property
    def repairs(self) -> bool:
        """Does a run of it mend something on a host?"""
        return self.touches_host and not self.takes_back and not self.only_asks

    @property
    def in_words(self) -> str:
        """What it does to a thing, in a sentence."""
        return "undo" if self.takes_back else self.action.replace("_", " ")

    @property
    def interrupts(self) -> bool:
        """May the service be away meanwhile, or afterwards?"""
        return self.takes_back or (self.choice is not None and self.choice.interrupts)

    @property
    def whole_node(self) -> bool:
        """Is all that runs on the node away meanwhile?"""
        return self.choice is not None and self.choice.whole_node

    @property
    def look_says_what(self) -> bool:
        """Is what it interrupts only known by a look at the host, whatever the event is about?"""
        return self.choice is not None and (self.choice.whole_node or self.choice.targets is not nothing_else)

    @property
    def over(self) -> str:
        """What it means for people that nothing has to run any more; what was seen follows."""
        return "there is nothing to take back" if self.takes_back else "the trouble went away first"

    @property
    def after_approval(self) -> str:
        """What happens next, for people; the node and service follow."""
        return self.next_step or f"the executor checks that it is still unhealthy, then runs {self.name} on"
