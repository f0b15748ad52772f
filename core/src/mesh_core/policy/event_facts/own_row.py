"""What a list or a part of an event says of the very service: the row that names it, as `docker ps`, `systemctl`, pm2
and compose print them as JSON. Pure; rows of others say nothing of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.models.events import HealthEvent
from mesh_core.models.owner_labels import bare_key

MAX_ROWS = 200
_CALLED = ("name", "names", "unit", "id", "container", "containername", "unitname", "service", "servicename", "process")
# Where things that a manager runs stand. What else has a name (a comment, a customer, a form that somebody filled in)
# may have chosen it after the service.
_RUN_BY = r"(?:systemd|docker|podman|compose|pm2|supervisor|runit|nomad|engine)"
_KINDS = r"(?:services?|containers?|units?|process(?:es)?|procs?|programs?|daemons?|tasks|apps|instances|workers|jobs)"
_OF_THINGS = re.compile(
    rf"(?:{_RUN_BY}?(?:failed|stopped|ended|down|unhealthy|all|other)?{_KINDS}(?:list|states?|status|info)?"
    rf"|{_RUN_BY}(?:ps|psa|list|jlist|inspect|status)?|ps|psa|jlist|failed|found|list|listunits|rows?)"
)
_KEPT = frozenset({"runtime", "node", "host", "labels", "logs", "message"})  # the event's own word alone


def with_own_row(event: HealthEvent) -> HealthEvent:
    """With the fields of `{"units": [{"unit": "web.service", "active": "failed"}]}` beside its own, which win."""
    own = (event.service or "").removesuffix(".service").lower()
    for key, value in event.payload.items() if own else ():
        if not (_OF_THINGS.fullmatch(bare_key(key)) or _is_its_own(key, own)):
            continue
        rows = [row for row in _rows(value) if _is_about(row, own)]
        if len(rows) == 1:
            fields = {name: told for name, told in rows[0].items() if bare_key(name) not in _KEPT}
            return event.model_copy(update={"payload": {**fields, **event.payload}})
    return event


def _is_its_own(key: str, own: str) -> bool:
    return key.lower().removesuffix(".service") == own


def _rows(value: Any) -> Iterator[Mapping[str, Any]]:
    listed = value[:MAX_ROWS] if isinstance(value, list) else [value]
    yield from (row for row in listed if isinstance(row, Mapping))


def _is_about(row: Mapping[str, Any], own: str) -> bool:
    for key, value in row.items():
        said = value[0] if isinstance(value, list) and len(value) == 1 else value
        name = said.lower().lstrip("/").removesuffix(".service") if isinstance(said, str) else ""
        if name == own and bare_key(key) in _CALLED:
            return True
    return False
