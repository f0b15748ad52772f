"""The form of a recipe: a remedy's file with `ask`, for what a person asks for instead of what an event says. Pure.

It says in which words people ask, which values their sentence gives, and the tasks that these values enter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from mesh_core.actions.remedies.looking import shape_problem
from mesh_core.actions.remedies.parameters import Flag, VariableName
from mesh_core.actions.remedies.remedy_file import Line, TaskList
from mesh_core.actions.remedies.slot_values import SlotType, example_of, parts_of, value_of
from mesh_core.actions.remedies.wording import PLACE
from mesh_core.models.config_file import FilePart
from mesh_core.models.proposals import ActionWord, Risk

LanguageCode = Literal["en", "ko", "pl", "de", "fr", "es"]  # in which people ask
# `install*` is any word that begins so; several words stand one behind the other.
Phrase = Annotated[str, StringConstraints(pattern=r"^[^\s*{}]+\*?( [^\s*{}]+\*?)*$", max_length=60)]
Phrases = dict[LanguageCode, tuple[Phrase, ...]]
ChoiceValue = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Said = bool | int | Annotated[str, StringConstraints(pattern=r"^[^{}]{1,100}$")]


class SlotRole(StrEnum):
    """How a value stands in a sentence: what the verb is about, or what a preposition or a particle makes of it."""

    OBJECT = "object"
    PLACE = "place"  # to, into, in, onto
    SOURCE = "source"  # from, out of
    WITH = "with"  # with, using
    FOR = "for"
    AT = "at"  # of a schedule


class Slot(FilePart):
    """One value. `roles`: how it may stand in the sentence; `labels`: words that announce it wherever it stands.

    `many`: a list of it may be said, which enters its tasks as a list, or makes tasks for `each`. `question`: what is
    asked where it is missing. `usual`: names that are one whatever else they mean. `endings`: how the
    name of an attached file may end that stands for it; of another type than `attachment` its text is the value.
    `values`: of a choice, each with the words that people say for it.
    """

    type: SlotType
    roles: tuple[SlotRole, ...] = (SlotRole.OBJECT,)
    labels: Phrases = Field(default_factory=dict)
    needs_label: Flag = False
    many: Literal["list", "each"] | None = None
    optional: Flag = False
    default: str | None = None
    question: dict[LanguageCode, Line] = Field(default_factory=dict)
    usual: tuple[Phrase, ...] = ()
    endings: tuple[Phrase, ...] = ()
    values: dict[ChoiceValue, Phrases] = Field(default_factory=dict)

    def value_in(self, text: str) -> Any:
        """The text as a value of this slot (`slot_values.value_of`), None where it does not fit."""
        if self.type is not SlotType.CHOICE:
            return value_of(self.type, text)
        return next((value for value in self.values if text.lower() in self.words_for(value)), None)

    def words_for(self, value: str) -> tuple[str, ...]:
        """What may be said for it, in any language: itself as well."""
        return (value, *(word.lower() for said in self.values[value].values() for word in said))

    @property
    def example(self) -> Any:
        """A value that fits."""
        return next(iter(self.values), None) if self.type is SlotType.CHOICE else example_of(self.type)

    @property
    def must_be_said(self) -> bool:
        return not self.optional and self.default is None


class Way(FilePart):
    """One way to ask, by its verbs. `sets`: what they mean, by name. `needs`: slots that this way cannot be without.

    `named`: one of the recipe's own words must stand there as well, because the verb alone says too little.
    `confirm`: where none does, its values are asked back, because the verb is said of other things, too.
    """

    words: Phrases
    sets: dict[VariableName, Said] = Field(default_factory=dict)
    needs: tuple[VariableName, ...] = ()
    named: Flag = False
    confirm: Flag = False
    risk: Risk | None = None
    apply: TaskList | None = None


class Ask(FilePart):
    """`words` are common nouns for what the recipe is about, never a value; `names` are programs that hint at it.
    Of each group of `one_of` a request must give one. `example`: a sentence that asks for it, for people."""

    example: Line | None = None
    words: Phrases = Field(default_factory=dict)
    names: tuple[Phrase, ...] = ()
    ways: Annotated[tuple[Way, ...], Field(min_length=1, max_length=12)]
    slots: dict[VariableName, Slot] = Field(default_factory=dict)
    one_of: tuple[tuple[VariableName, ...], ...] = ()


class Recipe(FilePart):
    """One recipe. `title` goes on with "on NODE". `{slot}` in a task is its value, `{slot.part}` a part of it; an
    argument whose value nobody gave is left out. `replaces`: the shipped one that this one of a person's own is for."""

    title: Line
    explain: Line
    ask: Ask
    apply: TaskList
    risk: Risk
    replaces: ActionWord | None = None

    def tasks_for(self, way: Way) -> tuple[Mapping[str, Any], ...]:
        """With their places."""
        return way.apply or self.apply

    def slots_of(self, way: Way) -> dict[str, Slot]:
        """Those that its tasks have a place for, and whose value its verbs do not say."""
        used = {place.partition(".")[0] for place in places_in(self.tasks_for(way))}
        return {name: slot for name, slot in self.ask.slots.items() if name in used and name not in way.sets}

    @model_validator(mode="after")
    def _holds_together(self) -> Recipe:
        if problem := next(self._problems(), ""):
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        slots = self.ask.slots
        for name, slot in slots.items():
            yield from (f"ask.slots.{name}: {problem}" for problem in _choice_problems(slot))
            if slot.default is not None and slot.value_in(slot.default) is None:
                yield f"ask.slots.{name}: default is {slot.default!r}, which is no {slot.type}"
            if slot.must_be_said and "en" not in slot.question:
                yield f"ask.slots.{name}: say under question.en what to ask where it is missing, or make it optional"
            if slot.needs_label and not slot.labels:
                yield f"ask.slots.{name}: it needs a label and has none; write the words that announce it"
        for group in self.ask.one_of:
            for name in group:
                if name not in slots or "en" not in slots[name].question:
                    yield f"ask.one_of: {name} is no slot with a question; one of these is asked for where none is said"
        yield from _task_problems("apply", self.apply)
        meant = {name for way in self.ask.ways for name in way.sets}
        for number, way in enumerate(self.ask.ways):
            where = f"ask.ways.{number}"
            if not any(way.words.values()):
                yield f"{where}: it has no words; write the verbs that people say"
            for name in way.needs:
                if name not in slots or "en" not in slots[name].question:
                    yield f"{where}.needs: {name} is no slot with a question"
            yield from _task_problems(f"{where}.apply", way.apply or ())
            used = list(places_in(self.tasks_for(way)))
            for place in used:
                name, _, part = place.partition(".")
                parts = parts_of(slots[name].type) if name in slots else ()
                if (name not in slots and name not in meant) or (part or "") not in (parts or ("",)):
                    known = [f"{n}.{p}" if p else n for n in slots for p in parts_of(slots[n].type) or ("",)]
                    may = ", ".join((*known, *sorted(meant)))
                    yield f"{where}: {{{place}}} is not known in its tasks; they may name {may}"


def places_in(part: Any) -> Iterator[str]:
    """The names between braces, of any nesting."""
    todo = [part]
    while todo:
        one = todo.pop()
        if isinstance(one, Mapping):
            todo += one.values()
        elif isinstance(one, list | tuple):
            todo += one
        elif isinstance(one, str):
            yield from PLACE.findall(one)


def _choice_problems(slot: Slot) -> Iterator[str]:
    if slot.type is not SlotType.CHOICE:
        if slot.values:
            yield f"values are those of a choice, and this is a {slot.type}; take them out, or write type: choice"
        return
    if len(slot.values) < 2:
        yield "a choice has two values or more; write them under values, each with its words"
    if slot.many:
        yield "a choice is one value; take many out"
    said = [word for value in slot.values for word in dict.fromkeys(slot.words_for(value))]
    if twice := next((word for word in said if said.count(word) > 1), ""):
        yield f"values: {twice!r} is said for two of them; leave it to one"


def _task_problems(where: str, tasks: tuple[dict[str, Any], ...]) -> Iterator[str]:
    for number, task in enumerate(tasks):
        if problem := shape_problem(task):
            yield f"{where}.{number}: {problem}"
        if any("{{" in text or "{%" in text for text in _texts(task)):
            yield f"{where}.{number}: a recipe's tasks hold no template; write a value as {{slot}}"


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        for one in part.values():
            yield from _texts(one)
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one)
    elif isinstance(part, str):
        yield part
