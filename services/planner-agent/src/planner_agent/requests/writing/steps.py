"""What a model may choose from: ways of recipes and modules of the lint's table, each with the values that fit. Pure.

A value is one of the order's own, an attachment by its name, or a word that the table lists: nothing is made up. What
takes away is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh_core.actions.remedies.recipe_file import Recipe, Slot, Way
from mesh_core.actions.remedies.recipe_tasks import tasks_of
from mesh_core.actions.remedies.slot_values import SlotType
from mesh_core.models.proposals import Attachment
from mesh_core.policy.playbook_lint.checkers import CHECKERS, TaskContext
from mesh_core.policy.playbook_lint.table import Checker, table
from planner_agent.requests.understanding.answering import value_said
from planner_agent.requests.understanding.beyond import takes_away

Task = dict[str, Any]
Scalar = str | int | bool

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_LISTS = frozenset({"names", "words", "paths", "api_names", "no_options"})
_SINGLE = {"names": "name", "words": "text", "paths": "path", "api_names": "api_name", "no_options": "no_option"}
_NESTED = frozenset({"mapping", "condition", "conditions", "variables", "body_format", "literal_bool"})


@dataclass(frozen=True)
class Argument:
    """The values that it may have; `many`: a list of them, too."""

    values: tuple[Scalar, ...]
    many: bool = False


@dataclass(frozen=True, eq=False)
class Step:
    """One thing to choose. `recipe` and `way` where it is a recipe's, else `name` is a module's."""

    name: str
    arguments: Mapping[str, Argument]
    needed: tuple[str, ...] = ()
    recipe: Recipe | None = None
    way: Way | None = None

    def tasks(self, values: Mapping[str, Any], attachments: Sequence[Attachment]) -> tuple[Task, ...]:
        """Of values that its arguments may have."""
        if self.recipe and self.way:
            slots = self.recipe.ask.slots
            return tasks_of(self.recipe, self.way, {n: _of_slot(v, slots[n], attachments) for n, v in values.items()})
        return (_module_task(self.name, values, attachments),)


def steps_for(
    recipes: Mapping[str, Recipe], values: Sequence[str], needed: Sequence[str], attachments: Sequence[Attachment]
) -> tuple[Step, ...]:
    """Recipes first. Only what one of the `needed` values, or an attachment, fits into."""
    names = [one.name for one in attachments]
    offered = (*_of_recipes(recipes, values, attachments), *_of_modules(values, names))
    wanted = {*needed, *names}
    return tuple(step for step in offered if wanted & {str(v) for one in step.arguments.values() for v in one.values})


def _of_recipes(
    recipes: Mapping[str, Recipe], values: Sequence[str], attachments: Sequence[Attachment]
) -> Iterator[Step]:
    for name, recipe in recipes.items():
        for way in recipe.ask.ways:
            if takes_away(way):
                continue
            slots = recipe.slots_of(way)
            fit = {slot_name: _fitting(slot, values, attachments) for slot_name, slot in slots.items()}
            arguments = {n: Argument(v, many=slots[n].many is not None) for n, v in fit.items() if v}
            must = tuple(n for n, slot in slots.items() if slot.must_be_said or n in way.needs)
            groups = [group for group in recipe.ask.one_of if {*group} & slots.keys()]
            in_groups = {n for group in groups for n in group}
            must = tuple(n for n in must if n not in in_groups)
            if arguments.keys() >= {*must} and all(arguments.keys() & {*group} for group in groups):
                yield Step(f"{name}: {way.words.get('en', (str(way.sets),))[0]}", arguments, must, recipe, way)


def _fitting(slot: Slot, values: Sequence[str], attachments: Sequence[Attachment]) -> tuple[str, ...]:
    names = [one.name for one in attachments]
    takes_files = slot.type is SlotType.ATTACHMENT or slot.endings
    said = names if takes_files else values
    return tuple(text for text in said if value_said(text, slot, attachments) is not None)


def _of_slot(value: Any, slot: Slot, attachments: Sequence[Attachment]) -> Any:
    if not slot.many:
        return value_said(value, slot, attachments)
    made: list[Any] = []
    for text in value if isinstance(value, list) else [value]:
        one = value_said(text, slot, attachments)
        made += one if isinstance(one, list) else [one]
    return made


def _of_modules(values: Sequence[str], files: Sequence[str]) -> Iterator[Step]:
    left_out = table().not_for_models
    for module, arguments in table().modules.items():
        if module not in left_out.modules:
            allowed = {
                name: _argument(who, values, files) for name, who in arguments.items() if name not in left_out.arguments
            }
            yield Step(module, {name: one for name, one in allowed.items() if one.values})


def _argument(who: Checker, values: Sequence[str], files: Sequence[str]) -> Argument:
    if isinstance(who, tuple):
        return Argument(
            tuple(one for one in who if isinstance(one, str | int) and str(one) not in table().not_for_models.values)
        )
    if who == "bool":
        return Argument((True, False))
    if who in _NESTED:
        return Argument(())
    if who == "number":
        return Argument(tuple(int(text) for text in values if _NUMBER.fullmatch(text)))
    if who == "attachment":
        return Argument((*files,))
    if who in ("source", "host_source"):
        on_host = tuple(text for text in values if _passes("host_source", text, {"remote_src": True}))
        return Argument((*(files if who == "source" else ()), *on_host))
    return Argument(tuple(text for text in values if _passes(_SINGLE.get(who, who), text)), many=who in _LISTS)


def _passes(who: str, text: str, arguments: Mapping[str, Any] | None = None) -> bool:
    return "{" not in text and CHECKERS[who](text, TaskContext(frozenset(), arguments or {}, {})) is None


def _module_task(module: str, values: Mapping[str, Any], attachments: Sequence[Attachment]) -> Task:
    checkers, made = table().modules[module], dict(values)
    files = {one.name: f"files/{one.sha256}" for one in attachments}
    for name, who in checkers.items():
        if name in made and who in ("source", "host_source", "attachment"):
            if made[name] in files:
                made[name] = files[made[name]]
            else:
                made["remote_src"] = True
    said = ", ".join(str(one) for value in values.values() for one in (value if isinstance(value, list) else [value]))
    return {"name": f"{module.rpartition('.')[2]}: {said}"[:120], module: made}
