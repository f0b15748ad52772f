"""One clause read by each way of each recipe, and which reading counts. Pure.

Only a reading that leaves no word over counts; of two that say different things none does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from mesh_core.actions.remedies.recipe_file import Recipe, Slot, Way
from mesh_core.actions.remedies.slot_values import SlotType
from mesh_core.models.proposals import Risk
from planner_agent.requests.understanding.chunks import Parsed, parse
from planner_agent.requests.understanding.clauses import Clause
from planner_agent.requests.understanding.filling import Filled, Filler
from planner_agent.requests.understanding.lexicon import Owner, PhraseKind

# What is installed and what is started are called the same: who names nothing means what the clause before named.
SHARED = (SlotType.PACKAGE, SlotType.UNIT)


@dataclass(frozen=True)
class Reading:
    """A clause as one way of one recipe. `open`: slots that have to be asked for, each with what was said for it."""

    name: str
    recipe: Recipe
    way: Way
    values: Mapping[str, Any]
    open: Mapping[str, tuple[str, ...]]
    weight: int
    told: bool = False  # it tells how something is

    @property
    def risk(self) -> Risk:
        return self.way.risk or self.recipe.risk

    @property
    def shared(self) -> tuple[str, ...]:
        """The names that a clause behind it may mean."""
        slot = _shared_slot(self.recipe, self.way)
        value = self.values.get(slot, ()) if slot else ()
        return tuple(value) if isinstance(value, list | tuple) else (value,)

    def joined(self, other: Reading) -> Reading | None:
        """Both as one, where they say two things of the same; None where they do not go together."""
        if self.name != other.name or self.values != other.values or self.open or other.open:
            return None
        way = _both(self.way, other.way)
        return replace(self, way=way) if way else None


@dataclass
class NotRead:
    """Why no reading counts: the words that the nearest one leaves over, or the recipes between which it is open."""

    left: tuple[str, ...] = ()
    between: tuple[str, ...] = ()


class Attempts:
    """Of one request."""

    def __init__(self, recipes: Mapping[str, Recipe], filler: Filler):
        self.recipes, self.filler = recipes, filler
        self.language = filler.lexicon.language

    def read(self, clause: Clause, bare: Sequence[Clause], before: Sequence[str]) -> Reading | NotRead:
        """`bare`: clauses directly before it that are nothing but verbs ("stop and disable cups"). `before`: the names
        of the clause before."""
        readings: list[Reading] = []
        misses: list[Parsed] = []
        for name, recipe in self.recipes.items():
            for number in self._said(clause, name):
                way: Way | None = recipe.ask.ways[number]
                slots = recipe.slots_of(recipe.ask.ways[number])
                parsed = parse(clause, self.language, _owners(name, recipe, number), bool(slots))
                for one in bare:
                    way = way and self._with_bare(name, recipe, way, one)
                if way is None:
                    continue
                parsed.left += _out_of_place(clause, way)
                filled = None if parsed.left else self.filler.fill(parsed.chunks, slots)
                if filled is None:
                    parsed.left = parsed.left or [
                        token.said or token.text for chunk in parsed.chunks for token in chunk.tokens
                    ]
                    misses.append(parsed)
                elif parsed.nouns or _names_a_file(slots, filled) or not way.named:
                    reading = self._reading(name, way, parsed, filled, before)
                    if parsed.pronoun and not reading.open and parsed.chunks:
                        misses.append(replace(parsed, left=[*self.language.pronouns[:1]]))  # what it stands for is open
                    else:
                        readings.append(reading)
        return _best(readings) or _nearest(misses)

    def _said(self, clause: Clause, name: str) -> Iterator[int]:
        """The ways of that recipe of which a verb stands there."""
        return iter(
            dict.fromkeys(
                int(hit.owner.detail)
                for hit in clause.hits
                if hit.owner.what is PhraseKind.VERB and hit.owner.recipe == name
            )
        )

    def _with_bare(self, name: str, recipe: Recipe, way: Way, clause: Clause) -> Way | None:
        for number in self._said(clause, name):
            parsed = parse(clause, self.language, _owners(name, recipe, number), takes_values=True)
            if not parsed.left and not parsed.chunks:
                return _both(recipe.ask.ways[number], way)
        return None

    def _reading(self, name: str, way: Way, parsed: Parsed, filled: Filled, before: Sequence[str]) -> Reading:
        recipe = self.recipes[name]
        values, slots = filled.values, recipe.slots_of(way)
        shared = _shared_slot(recipe, way)
        inherited = bool(shared and before and not parsed.chunks)
        if shared and inherited:
            values[shared] = [*before] if slots[shared].many else before[0]
        unsure = dict(filled.unsure)
        if way.sets.get("state") != "present":  # "restart nas", "update nas": the host, or what is called so on it?
            unsure |= filled.hosts
        if way.confirm and not parsed.nouns and not inherited:
            said = {n: value if isinstance(value, list) else [value] for n, value in values.items()}
            unsure |= {n: ", ".join(map(str, v)) for n, v in said.items() if any(x not in slots[n].usual for x in v)}
        open_: dict[str, tuple[str, ...]] = {slot_name: (word,) for slot_name, word in unsure.items()}
        for slot_name, slot in slots.items():
            in_group = any(slot_name in group for group in recipe.ask.one_of)
            met = any(slot_name in group and values.keys() & {*group} for group in recipe.ask.one_of)
            needed = (slot.must_be_said and not in_group) or (slot_name in way.needs and not met)
            if (needed or slot_name in filled.absent) and slot_name not in values:
                open_.setdefault(slot_name, ())
        for group in recipe.ask.one_of:
            here = [one for one in group if one in slots]
            if here and not any(one in values or one in open_ for one in here):
                open_[here[0]] = ()
        for slot_name in [one for one in open_ if one not in unsure and one not in filled.absent]:
            if (file := self.filler.only_file_for(slots[slot_name])) is not None:
                values[slot_name] = file  # "put up this page", and one came along
                del open_[slot_name]
        return Reading(name, recipe, way, values, open_, parsed.weight, parsed.told)


def _names_a_file(slots: Mapping[str, Slot], filled: Filled) -> bool:
    """ "create index.html" says what it is about, like "create a file"."""
    return any(slots[name].type is SlotType.ATTACHMENT for name in (*filled.values, *filled.absent))


def _out_of_place(clause: Clause, way: Way) -> list[str]:
    """ "from web01" says where only of what is taken away; elsewhere it is a source."""
    away = any(part.away for part in clause.host_parts)
    return ["from"] if away and way.sets.get("state") != "absent" else []


def _owners(name: str, recipe: Recipe, number: int) -> frozenset[Owner]:
    labels = (Owner(PhraseKind.LABEL, name, slot) for slot in recipe.slots_of(recipe.ask.ways[number]))
    return frozenset(
        (Owner(PhraseKind.VERB, name, number), Owner(PhraseKind.NOUN, name), Owner(PhraseKind.NAME, name), *labels)
    )


def _shared_slot(recipe: Recipe, way: Way) -> str:
    return next((name for name, slot in recipe.slots_of(way).items() if slot.type in SHARED), "")


def _both(one: Way, other: Way) -> Way | None:
    """What both mean, at once; None where they contradict each other or run different tasks."""
    if one.sets.keys() & other.sets.keys() or one.apply or other.apply:
        return None
    risks = [risk for risk in (one.risk, other.risk) if risk]
    risk = max(risks, key=attrgetter("rank"), default=None)
    confirm = one.confirm and other.confirm
    return other.model_copy(update={"sets": {**one.sets, **other.sets}, "risk": risk, "confirm": confirm})


def _best(readings: Sequence[Reading]) -> Reading | NotRead | None:
    if not readings:
        return None

    def rank(one: Reading) -> tuple[bool, int, int, int]:
        return (not one.open, one.weight, -len(one.open), len(one.values))

    first = max(readings, key=rank)
    equal = [one for one in readings if rank(one) == rank(first)]
    other = next((one for one in equal if (one.name, one.way.sets) != (first.name, first.way.sets)), None)
    return NotRead(between=(first.recipe.title, other.recipe.title)) if other else first


def _nearest(misses: Sequence[Parsed]) -> NotRead:
    if not misses:
        return NotRead()
    nearest = min(misses, key=lambda one: (len(one.left), -one.weight))
    return NotRead(left=tuple(dict.fromkeys(nearest.left)))
