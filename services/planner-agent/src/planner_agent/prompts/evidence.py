"""Evidence: what a model is shown of an event, and what its proposal keeps. Pure; never shows a secret, never runs.

Each field is capped before any pattern looks at it, and every pattern is linear: a hostile payload costs milliseconds.
"""

from __future__ import annotations

import json
from typing import Any

from mesh_core.incidents.at_work import AT_WORK, work_in_words
from mesh_core.incidents.findings import findings_in
from mesh_core.incidents.investigation import INVESTIGATION, investigated
from mesh_core.incidents.sighting import AGENTS_WORD, sighting_in_words
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Evidence
from mesh_core.security.redaction import clean, is_lines, pruned, redacted, tail
from mesh_core.security.secret_names import is_secret_name
from mesh_core.security.secret_values import HIDDEN

MAX_FIELDS = 60
MAX_TOTAL_BYTES = 12 * 1024

# What a person would look at first; the rest follows in alphabetical order.
_FIRST = (
    "status",
    "state",
    "health",
    "exit_code",
    "oom_killed",
    "reason",
    AT_WORK,
    "error",
    "signal",
    "active_state",
    "sub_state",
    "result",
    "restart_count",
    "restart_policy",
    "runtime",
    "unit",
    "program",
    "container",
    "image",
    "compose_project",
    "compose_service",
    "url",
    "port",
    "probe",
    "message",
    "msg",
    "summary",
    "description",
    "alert",
    "alertname",
    "log_tail",
    "logs",
    "health_log",
    "health_output",
    "events",
    "investigation",
)
_NOTHING: tuple[object, ...] = (None, "", {}, [])  # a sender's own form has fields that it does not fill in
_RANK = {name: number for number, name in enumerate(_FIRST)}


def evidence_for(event: HealthEvent) -> tuple[Evidence, ...]:
    """What its node's agent sees of it, then the payload as redacted text, one piece per top-level field, most telling
    first, MAX_TOTAL_BYTES in all."""
    seen = event.sighting
    pieces = [Evidence(source=AGENTS_WORD, text=redacted(sighting_in_words(event, seen)))] if seen else []
    left = MAX_TOTAL_BYTES
    telling = (key for key, value in event.payload.items() if value not in _NOTHING)
    fields = sorted(telling, key=lambda k: (_RANK.get(str(k).lower(), len(_RANK)), str(k)))[:MAX_FIELDS]
    for key, text in (piece for field in fields for piece in _told(event, field)):
        source = "payload." + clean(key[:100]).replace("\n", " ")
        size = len(source.encode()) + len(text.encode())
        if not text or size > left:
            continue
        left -= size
        pieces.append(Evidence(source=source, text=text))
    return tuple(pieces)


def _told(event: HealthEvent, field: str) -> list[tuple[str, str]]:
    """A field and its text; what its agent looked up is a piece for each room, a sentence a line."""
    if field == AT_WORK and (words := work_in_words(event)):
        return [(AT_WORK, redacted(words))]
    if field != INVESTIGATION or not investigated(event):
        return [(str(field), HIDDEN if is_secret_name(str(field)) else _shown(event.payload[field]))]
    rooms: dict[str, list[str]] = {}
    for finding in findings_in(event):
        rooms.setdefault(finding.room, []).append(str(finding))
    return [(f"{INVESTIGATION}.{room}", redacted("\n".join(lines))) for room, lines in rooms.items()]


def kept_event(event: HealthEvent) -> HealthEvent:
    """The event as a proposal file keeps it: the same facts, secrets hidden, depth and lengths bounded."""
    return event.model_copy(update={"payload": pruned(event.payload)})


def _shown(value: Any) -> str:
    """A field as redacted text: strings as they are, lists of strings line by line, the rest as JSON."""
    if isinstance(value, str):
        return redacted(value)
    if is_lines(value):
        return redacted("\n".join(value[-200:]))
    return tail(json.dumps(pruned(value), ensure_ascii=False, default=str, sort_keys=True))
