"""The form of a remedy's file, which is also its JSON Schema (schemas/remedy.schema.json). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from mesh_core.actions.remedies.looking import looking_problem, shape_problem
from mesh_core.actions.remedies.parameters import Flag, From, NameParam, Param, VariableName, Whole
from mesh_core.actions.remedies.wording import PLACE, names_in
from mesh_core.actions.settable import Settable
from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.fact import Fact
from mesh_core.incidents.known_facts import type_problem
from mesh_core.models.config_file import FilePart
from mesh_core.models.proposals import ActionWord, Risk

MAX_SECONDS = 600  # what an executor gives any run
# Of a look, whatever it looks at; `restarts` may be a number of it: how often the thing restarted by itself.
_TAKEN = frozenset({"words", "checked", "exists", "incarnation", "containers", "start_period_seconds", "item"})
REBOOT = "ansible.builtin.reboot"
BEFORE_NAME = "before_"  # what a number of the first look is called in an undo begins so
TARGETS = {
    "unit": ("unit",),
    "container": ("container",),
    "unit_or_container": ("unit", "container"),
}  # by params' types
_OURS = "mend_"  # what a run itself registers begins so
_TEXT_OR_NAME = re.compile(r"'[^']*'|\"[^\"]*\"|(?<![\w.])[A-Za-z_]\w*")  # in an expression

_OF_RUNS = (EventType.REMEDIATION_STARTED, EventType.REMEDIATION_COMPLETED, EventType.REMEDIATION_FAILED)


def _no_template(text: str) -> str:
    if any(sign in text for sign in ("{{", "{%", "{#")):
        raise ValueError("a template may stand in tasks only; write the text itself, and a number as {name}")
    return text


def _a_type(pattern: str) -> str:
    if problem := type_problem(pattern):
        raise ValueError(problem)
    return pattern


Line = Annotated[
    str, StringConstraints(min_length=3, max_length=200, pattern=r"^[^\n\r]+$"), AfterValidator(_no_template)
]
# Jinja, without its braces.
Expression = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^{}]+$")]
TypePattern = Annotated[str, StringConstraints(pattern=r"^[a-z*][a-z0-9_*]{0,63}$"), AfterValidator(_a_type)]
TaskList = Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=20)]


class Need(FilePart):
    """What must be known of a fact; all that is given must hold. Nothing given: it must be there.

    `otherwise`: what people are told where it does not, such as what would make the remedy available.
    """

    at_least: Whole | None = None
    at_most: Whole | None = None
    same_as: From | None = None
    is_: Annotated[bool | str | None, Field(alias="is")] = None
    plus: From | None = None  # at_least and at_most are of both together
    percent_of: From | None = None  # at_least and at_most are percent of that fact
    otherwise: Line | None = None


class OfferedWhen(FilePart):
    """For which events it is offered: of one of these types (`*` is any part), where what it needs was found."""

    types: Annotated[tuple[TypePattern, ...], Field(min_length=1)]
    needs: dict[From, Need] = Field(default_factory=dict)


class Look(FilePart):
    """Tasks that only read, and the whole numbers that they give: Jinja expressions over what they registered."""

    tasks: TaskList
    numbers: Annotated[dict[VariableName, Expression], Field(min_length=1, max_length=20)]


class Undo(FilePart):
    """Tasks that take back what `apply` did. They know the params, and each number of the first look as `before_NAME`.

    `by_itself`: they run at once where the proof failed; if not, only as an action of its own that a person asks for.
    `proof`: true: all is as before; not given: each number is what it was.
    """

    tasks: TaskList
    by_itself: Flag
    proof: Expression | None = None


class Translation(FilePart):
    """What people read of it in a list, in their language; where something is decided, it is said in English."""

    title: Line
    explain: Line


class Limits(FilePart):
    """`seconds`: a run that takes longer is ended. `per_hour`: how often it may begin on one target within an hour;
    not given: as often as the policy's max_restarts_per_hour says of all repairs there together."""

    seconds: Annotated[int, Field(strict=True, ge=5, le=MAX_SECONDS)]
    per_hour: Annotated[int, Field(strict=True, ge=1, le=60)] | None = None


class Remedy(FilePart):
    """One remedy. `title` goes on with "on NODE"; `estimate` may name facts and params, `shows` numbers and params.

    `whole_node`: all that runs on the node is away meanwhile. It goes on without a service that the event names, and is
    refused where the mesh itself lives.

    `replaces`, of a person's own: the shipped one that is offered no more where this one is there.
    """

    title: Line
    explain: Line
    when: OfferedWhen
    params: dict[VariableName, Param] = Field(default_factory=dict)
    risk: Risk
    interrupts: Flag
    whole_node: Flag = False
    never: tuple[Fact, ...] = ()
    look: Look
    estimate: Line
    apply: TaskList
    proof: Expression
    steadily: Flag = False  # the proof must hold for a while: what runs may fall over again
    shows: Line
    undo: Undo | None = None
    limits: Limits
    replaces: ActionWord | None = None
    translations: dict[Literal["pl", "ko"], Translation] = Field(default_factory=dict)

    def told_in(self, languages: Iterable[str]) -> Remedy | Translation:
        """Whatever has the title and the words in the first of these languages that it is there in; else itself."""
        known: Mapping[str, Translation] = {str(code): told for code, told in self.translations.items()}
        first = next((code for code in languages if code == "en" or code in known), "en")
        return known.get(first, self)

    @property
    def may_interrupt(self) -> bool:
        """What is taken back by itself may leave the service as it was: away."""
        return self.interrupts or bool(self.undo and self.undo.by_itself)

    @property
    def targets(self) -> dict[str, NameParam]:
        """Its params that name a unit or a container."""
        named = {name: param for name, param in self.params.items() if isinstance(param, NameParam)}
        return {name: param for name, param in named.items() if param.type in TARGETS}

    @property
    def settable(self) -> dict[str, Settable]:
        """Its params that a person may set before a yes."""
        each = ((name, getattr(param, "settable", None)) for name, param in self.params.items())
        return {name: one for name, one in each if one}

    @model_validator(mode="after")
    def _holds_together(self) -> Remedy:
        if problem := next(self._problems(), ""):
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        if told := next((t for t in _OF_RUNS if any(fnmatchcase(t, p) for p in self.when.types if p.strip("*"))), ""):
            yield f"when.types: it is for what its own run says ({told}), and would follow itself; take that out"
        if unsaid := next((name for name in self.settable if name not in names_in(self.estimate)), ""):
            yield f"estimate: a person may set {unsaid}, so the card has to say what counts; name {{{unsaid}}} in it"
        if self.whole_node and not self.interrupts:
            yield "whole_node: what takes the whole node away interrupts; write interrupts: true"
        undo = self.undo.tasks if self.undo else ()
        if not self.whole_node and any(REBOOT in task for task in (*self.apply, *undo)):
            yield f"{REBOOT} takes the whole node away; write whole_node: true"
        for part, tasks in (("look.tasks", self.look.tasks), ("apply", self.apply), ("undo.tasks", undo)):
            for number, task in enumerate(tasks):
                if said := shape_problem(task) or (looking_problem(task) if part == "look.tasks" else ""):
                    yield f"{part}.{number}: {said}"
        params, numbers = {*self.params}, {*self.look.numbers}
        registered = {str(task["register"]) for task in (*self.look.tasks, *self.apply, *undo) if "register" in task}
        registered |= {f"{BEFORE_NAME}{name}" for name in numbers}
        for part, names, others in (("params", params, numbers | registered), ("look.numbers", numbers, registered)):
            for name in sorted(names):
                if name in others:
                    yield f"{part}.{name}: a number or what a task registers is called so, too; rename one"
                if name in _TAKEN or name.startswith(_OURS):
                    yield f"{part}.{name}: this name means something else in a look; choose another"
        for part, proof in (("proof", self.proof), ("undo.proof", self.undo.proof if self.undo else None)):
            if proof is not None and numbers.isdisjoint(_TEXT_OR_NAME.findall(proof)):
                yield f"{part}: it names no number of the look, so it proves nothing; there are {', '.join(numbers)}"
        for part, text, known in (
            ("title", self.title, set[str]()),
            ("explain", self.explain, set[str]()),
            *((f"translations.{code}.title", told.title, set[str]()) for code, told in self.translations.items()),
            *((f"translations.{code}.explain", told.explain, set[str]()) for code, told in self.translations.items()),
            ("estimate", self.estimate, params | {*self.when.needs}),
            ("shows", self.shows, params | numbers),
        ):
            if unknown := next((name for name in names_in(text) if name not in known), None):
                fix = f"it may name {', '.join(sorted(known))}" if known else "it is a plain text"
                yield f"{part}: {{{unknown}}} is not known here; {fix}"
            if "{" in (rest := PLACE.sub("", text)) or "}" in rest:
                yield f"{part}: a brace is left over; a number is written as {{name}}"
