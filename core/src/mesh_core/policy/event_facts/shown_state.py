"""A state as `systemctl status` and `docker ps` show it to people, where a sender put the name of a unit or container.
Pure; never a name from it."""

from __future__ import annotations

import re

from mesh_core.models.events import HealthEvent
from mesh_core.models.owner_labels import bare_key

_SINCE = r"(?: since [\w :.+-]+(?:; [\w ]+ ago)?)?"
_UNIT = re.compile(
    r"(?:(?P<unit>[\w@.:\\-]+) )?(?P<active_state>active|inactive|failed|activating|deactivating|reloading)"
    rf" \((?:Result: (?P<result>[a-z-]+)|(?P<sub_state>[a-z-]+))\){_SINCE}"
)
_CONTAINER = re.compile(r"(?P<status>(?:[Uu]p [\w ]+|[Ee]xited \(\d{1,3}\)[\w ]*)(?: \([a-z: ]+\))?)")


def with_shown_state(event: HealthEvent) -> HealthEvent:
    """With the manager's own fields instead of `{"unit": "failed (Result: oom-kill)"}`; what these say already stays.

    The answer to `systemctl status` of the event's own service, under that command as its key, is such a line, too.
    """
    service = (event.service or "").removesuffix(".service")
    lines = {"container": _CONTAINER, "unit": _UNIT, bare_key(f"systemctl status {service}"): _UNIT}
    for key, value in event.payload.items():
        line = lines.get(bare_key(key))
        said = line.fullmatch(value[:200].strip()) if line and isinstance(value, str) else None
        shown = {field: word for field, word in said.groupdict().items() if word} if said else {}
        if shown and shown.get("unit", service).removesuffix(".service") == service:
            rest = {name: told for name, told in event.payload.items() if name != key}
            return event.model_copy(update={"payload": {**shown, **rest}})
    return event
