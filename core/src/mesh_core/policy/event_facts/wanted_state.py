"""What a thing should be beside what it is, as panels, orchestrators and samples of metrics say it. Pure; keys are
folded (`facts.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.models.events import HealthEvent
from mesh_core.models.owner_labels import bare_key
from mesh_core.policy.event_facts.payload_fields import word_in
from mesh_core.policy.event_facts.purpose import MEANT

_RUNS = ("running", "active", "up", "started", "online", "on", "listen", "alive", "enabled", "läuft", "aktiv")
_IS = ("actualstate", "actualstatus", "actual", "currentstate", "currentstatus", "current", "state", "status", "found")
_NOT_RUNNING = (
    *("exited", "stopped", "stop", "dead", "failed", "inactive", "crashed", "errored", "error", "offline", "down"),
    *("not running", "nothing", "none", "missing", "terminated", "halted", "off"),
)
_NAMES = ("name", "unit", "container", "containername", "id")
_UNIT_STATES = ("failed", "inactive")


def is_not_as_wanted(event: HealthEvent, told: Mapping[str, Any]) -> bool:
    """`{"expected_state": "running", "actual_state": "exited"}`; `{"labels": {"name": "web.service", "state":
    "failed"}, "value": 1}`, which is how exporters say it."""
    parts = [told, *({bare_key(key): said for key, said in part.items()} for part in _parts(told))]
    wanted = any(word_in(part.get(key)).startswith(_RUNS) for part in parts for key in MEANT)
    if wanted and any(word_in(part.get(key)).startswith(_NOT_RUNNING) for part in parts for key in _IS):
        return True
    own = (event.service or "").removesuffix(".service")
    if own and _name(told.get("check")) == own:  # a check that is called as the service, with what it found in a part
        found = (part for part in told.values() if isinstance(part, Mapping))
        if any(part.get(key) is False for part in found for key in ("status", "state", "running", "active")):
            return True
    return any(
        word_in(part.get("state")) in _UNIT_STATES and own in (_name(part.get(key)) for key in _NAMES)
        for part in parts[1:]
        if own and str(told.get("value")) in ("1", "1.0", "True")
    )


def _parts(told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (told[key] for key in ("labels", "metric", "attributes") if isinstance(told.get(key), Mapping))


def _name(value: Any) -> str:
    return value.removesuffix(".service") if isinstance(value, str) else ""
