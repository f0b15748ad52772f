"""What of an event the classifier sees: its facts, the words of its names, its keys and their short values. Pure.

No sentence is among them, for anybody can write one into a log: what a person or a program wrote freely is no feature,
nor is a field of a part that may tell of something else, nor a label that whoever made an image may have chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from mesh_core.incidents.investigation import set_aside
from mesh_core.models.events import HealthEvent
from mesh_core.policy.event_facts.backed import CALLED
from mesh_core.policy.event_facts.facts import Fact
from mesh_core.policy.event_facts.payload_fields import fields_of, is_of_itself, is_written_freely
from mesh_core.runbooks.clues import Clues
from mesh_core.runbooks.folding import words_of

MOST_WORDS = 3  # of a value: what is longer tells
MOST_CHARS = 60
MOST_NAME_WORDS = 8  # a name of more is a sentence
_MAKERS = frozenset({"labels", "attributes"})  # of what is run: most of its labels are those of its image
MOST_NUMBER = 255  # an exit code, a count of attempts; what is greater is measured, and differs each time
# What something is about, who runs it and how bad it is: none of it says what is wrong.
_OF_ANY_TROUBLE = ("has service", "program ", "severity ", f"known {Fact.BACKED}", "key runtime", "runtime=")


def features_of(event: HealthEvent, known: Collection[str], clues: Clues) -> frozenset[str]:
    """`known`: its facts and what its names say. Each feature is what it is of, and a word or a value."""
    found = {f"known {one}" for one in known}
    for name in clues.names:
        found.update(f"name {word}" for word in _words_of_name(name))
    found.add(f"severity {event.severity}")
    if event.service:
        found.add("has service")
        found.update(f"program {word}" for word in _words_of_name(event.service))
    others = _MAKERS if Fact.BACKED in known else frozenset()
    for path, value, _ in fields_of(set_aside(event).payload):
        if isinstance(value, dict | list) or not is_of_itself(path) or not others.isdisjoint(path[:-1]):
            continue
        if not is_written_freely(key := path[-1]):
            if key not in CALLED:
                found.add(f"key {key}")
            found.update(f"{key}={short}" for short in _short(value))
    return frozenset(found)


def of_any_trouble(features: Iterable[str]) -> list[str]:
    """Those of them that an event has whatever is wrong."""
    return [feature for feature in features if feature.startswith(_OF_ANY_TROUBLE)]


def _words_of_name(name: str) -> list[str]:
    words = words_of(name)
    return words if len(words) <= MOST_NAME_WORDS else []


def _short(value: Any) -> Iterator[str]:
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) <= MOST_NUMBER):
        yield str(value)
    elif isinstance(value, str) and len(value) <= MOST_CHARS and 0 < len(words := words_of(value)) <= MOST_WORDS:
        yield " ".join(words)
