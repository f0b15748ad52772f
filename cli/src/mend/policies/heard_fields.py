"""Which fields of an event say a fact or a cue: found by leaving fields out, so it holds whatever reads them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

from mesh_core.models.events import HealthEvent

ITSELF = "its type, service or node"
MAX_LEAVES = 300
MAX_DEPTH = 16
Keys = tuple[str | int, ...]


def fields_saying(event: HealthEvent, heard: Callable[[HealthEvent], Collection[str]]) -> dict[str, tuple[str, ...]]:
    """For each word that `heard` finds in the event the paths of the fields that say it.

    A field says it where it does so alone; where none does, some that say it together, of which none can be spared.
    """
    every = set(heard(event))
    found: dict[str, list[str]] = {word: [] for word in sorted(every)}
    for word in every.intersection(heard(_with(event, {}))):
        found[word].append(ITSELF)
    leaves = list(_leaves(event.payload))[:MAX_LEAVES]
    open_words = {word for word in every if not found[word]}
    for keys in leaves:
        for word in open_words.intersection(heard(_with(event, _only(event.payload, keys)))):
            found[word].append(_path(keys))
    for word in (word for word in open_words if not found[word]):
        found[word] = _together(event, leaves, partial(_hears, heard, word))
    return {word: tuple(said) for word, said in found.items()}


def _together(event: HealthEvent, leaves: Sequence[Keys], is_heard: Callable[[HealthEvent], bool]) -> list[str]:
    """What is left where everything is left out that can be. From the end: places in lists before it stay what they
    were."""
    payload, needed = event.payload, list[str]()
    for keys in reversed(leaves):
        shorter = _without(payload, keys)
        if is_heard(_with(event, shorter)):
            payload = shorter
        else:
            needed.insert(0, _path(keys))
    return needed


def _hears(heard: Callable[[HealthEvent], Collection[str]], word: str, event: HealthEvent) -> bool:
    return word in heard(event)


def _with(event: HealthEvent, payload: Any) -> HealthEvent:
    return event.model_copy(update={"payload": payload})


def _leaves(value: Any, keys: Keys = ()) -> Iterator[Keys]:
    if isinstance(value, dict | list) and value and len(keys) < MAX_DEPTH:
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(child, (*keys, key))
    elif keys:
        yield keys


def _only(value: Any, keys: Keys) -> Any:
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    return [_only(value[key], rest)] if isinstance(key, int) else {key: _only(value[key], rest)}


def _without(value: Any, keys: Keys) -> Any:
    key, rest = keys[0], keys[1:]
    if isinstance(value, list):
        at = int(key)
        return [*value[:at], *([_without(value[at], rest)] if rest else []), *value[at + 1 :]]
    kept = {name: child for name, child in value.items() if name != key}
    return kept | {key: _without(value[key], rest)} if rest else kept


def _path(keys: Keys) -> str:
    return ".".join(("payload", *(str(key) for key in keys)))
