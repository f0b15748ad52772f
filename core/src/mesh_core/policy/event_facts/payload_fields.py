"""Every field of a payload of any shape, by its path. Pure; bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mesh_core.models.owner_labels import bare_key

MAX_FIELDS = 4000
# A key that names a log, whose entries are objects here: who asks the program for something may choose keys in there
# (`?downtime_depth=1`). Of a key that only mentions one (`log_rotation`, `journal_usage`) what is below are fields.
_IS_A_LOG = re.compile(r"(?:.*[^a-z])?(?:logs?|log_?lines|log_?entries|stdout|stderr|journal)")
_EARLIER = ("last", "prev", "old", "former", "from", "before", "next")


def fields_of(payload: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any, int]]:
    """(the last four folded keys of its path, value, depth) of every field; lists do not lengthen the path, and what
    lies in a log is no field."""
    todo: list[tuple[tuple[str, ...], Any, int]] = [((), payload, 0)]
    seen = 0
    while todo and seen < MAX_FIELDS:
        path, value, depth = todo.pop()
        seen += 1
        if path:
            yield path, value, depth
        if isinstance(value, dict):
            todo.extend(
                ((*path[-3:], bare_key(key)), child, depth + 1)
                for key, child in value.items()
                if not (isinstance(child, dict | list) and _IS_A_LOG.fullmatch(str(key).lower()))
            )
        elif isinstance(value, list):
            todo.extend((path, child, depth + 1) for child in value if isinstance(child, dict | list))


def is_of_another_time(path: tuple[str, ...]) -> bool:
    """Does its name, or that of what it is in, say that it is none of now? `previous_there`, `{"last": {"up": 1}}`."""
    return path[-1].startswith(_EARLIER) or (len(path) > 1 and path[-2].startswith(_EARLIER))
