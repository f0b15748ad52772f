"""A recipe and the values of one request to tasks. Pure; a value is never read again for places or templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.actions.playbooks import play
from mesh_core.actions.remedies.recipe_file import Recipe, Way, places_in
from mesh_core.actions.remedies.wording import PLACE

MAX_NAME = 120  # characters of a task's name
_LEFT_OUT = object()


def tasks_of(recipe: Recipe, way: Way, values: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """Its tasks with literal values. `values` by slot, beside what the way sets; those of `many` are lists."""
    slots = recipe.ask.slots
    defaults = {name: slot.value_in(slot.default) for name, slot in slots.items() if slot.default is not None}
    known: dict[str, Any] = {**defaults, **way.sets, **values}
    made: list[dict[str, Any]] = []
    for task in recipe.tasks_for(way):
        each = next((name for name in _names(task) if name in slots and slots[name].many == "each"), None)
        for one in known.get(each, []) if each else [None]:
            made.append(_filled_task(task, {**known, each: one} if each else known))
    return tuple(made)


def example_tasks(recipe: Recipe) -> Iterator[tuple[dict[str, Any], ...]]:
    """Of each way, with all its slots filled by examples."""
    for way in recipe.ask.ways:
        given = {name: slot.example for name, slot in recipe.slots_of(way).items()}
        # Of one_of the first alone: the tasks leave out what nobody gave.
        for group in recipe.ask.one_of:
            for name in group[1:]:
                given.pop(name, None)
        yield tasks_of(recipe, way, {n: [v] if recipe.ask.slots[n].many else v for n, v in given.items()})


def example_playbooks(recipe: Recipe, node: str) -> tuple[str, ...]:
    """What each way would run there, for whoever judges a recipe before there is a request."""
    return tuple(play(f"{recipe.title} on {node}", node, {}, *tasks) for tasks in example_tasks(recipe))


def _names(task: Mapping[str, Any]) -> Iterator[str]:
    return (place.partition(".")[0] for place in places_in(task))


def _filled_task(task: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    filled = _filled({key: said for key, said in task.items() if key != "name"}, known)
    return {"name": PLACE.sub(lambda found: _in_words(found[1], known), str(task.get("name", "")))[:MAX_NAME], **filled}


def _filled(part: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(part, Mapping):
        each = {key: _filled(said, known) for key, said in part.items()}
        return {key: said for key, said in each.items() if said is not _LEFT_OUT}
    if isinstance(part, list):
        return [said for said in (_filled(one, known) for one in part) if said is not _LEFT_OUT]
    if not isinstance(part, str) or not (places := PLACE.findall(part)):
        return part
    values = {place: _value(place, known) for place in places}
    if any(value is None for value in values.values()):
        return _LEFT_OUT
    if part == f"{{{places[0]}}}":
        return values[places[0]]
    return PLACE.sub(lambda found: str(values[found[1]]), part)


def _value(place: str, known: Mapping[str, Any]) -> Any:
    name, _, part = place.partition(".")
    value = known.get(name)
    return value.get(part) if part and isinstance(value, Mapping) else value


def _in_words(place: str, known: Mapping[str, Any]) -> str:
    value = _value(place, known)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else " ".join(str(value).split())
