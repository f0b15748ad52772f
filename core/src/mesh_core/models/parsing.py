"""Raw bytes to a record, or the reason why not: the one place where a foreign message is judged. Pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mesh_core.models.config_file import said_of_value
from mesh_core.models.events import ENTRY_BYTES, MAX_EVENT_BYTES, HealthEvent, Trust
from mesh_core.models.foreign_text import parse_foreign
from mesh_core.models.records import Record, rfc3339
from mesh_core.models.requests import MAX_REQUEST_BYTES, Request, RequestReply, request_id
from mesh_core.models.streams import EVENT_STREAM_PREFIX, LAST_MS, trust_of
from mesh_core.models.strict_json import Refusal, parse_object

R = TypeVar("R", bound=Record)


def read_record(raw: bytes, kind: type[R], max_bytes: int) -> R | Refusal:
    """The record that these bytes are, strictly; a Refusal that names each field that does not fit."""
    value = parse_object(raw, max_bytes=max_bytes)
    return value if isinstance(value, Refusal) else _record(value, kind)


def read_event(raw: bytes, trust: Trust = Trust.FOREIGN, *, entry_id: str | None = None) -> HealthEvent | Refusal:
    """A health event in its wire format (docs/contract.md); `trust` comes from the door, never from the message.

    With the `entry_id` of the stream entry that holds it, its id is `<node>/<entry id>`, whatever it says itself.
    Anybody may have typed or piped it, so a byte order mark is read as what it says.
    """
    has_entered = entry_id is not None and trust is not Trust.NODE  # an agent writes its own, whole
    value = parse_foreign(raw, max_bytes=MAX_EVENT_BYTES + (ENTRY_BYTES if has_entered else 0))
    if isinstance(value, Refusal):
        return value
    value["trust"] = trust
    value.pop("sighting", None)  # likewise: only the planner asks a node's agent
    if entry_id is not None:
        value["id"] = f"{value.get('node')}/{entry_id}"
    return _record(value, HealthEvent)


def event_in(stream: str, entry_id: str, raw: bytes) -> HealthEvent | Refusal:
    """The event of a stream entry, with the id and trust that its place gives it, whatever it says of itself.

    A node's own stream speaks for that node only.
    """
    trust = trust_of(stream)
    event = read_event(raw, trust, entry_id=entry_id)
    speaker = stream.removeprefix(EVENT_STREAM_PREFIX)
    if trust is Trust.NODE and isinstance(event, HealthEvent) and event.node != speaker:
        return Refusal(f"the stream of {speaker!r} cannot speak for node {event.node!r}")
    return event


def read_asked(raw: bytes, heard_ms: int) -> Request | RequestReply | Refusal:
    """What a person asks for, or their word about an earlier request (it has `request`).

    Anybody may have typed it: one without an id or a time gets those of the moment at which it was heard, so that the
    same bytes of one moment are one request.
    """
    value = parse_foreign(raw, max_bytes=MAX_REQUEST_BYTES)
    if isinstance(value, Refusal):
        return value
    # Anybody may give an entry an id of the year 100,000.
    value.setdefault("ts", rfc3339(datetime.fromtimestamp(min(heard_ms, LAST_MS) / 1000, UTC)))
    if "request" in value and "text" not in value:
        return _record(value, RequestReply)
    value.setdefault("id", request_id(f"{hashlib.sha256(raw).hexdigest()} {heard_ms}"))
    return _record(value, Request)


def _record(value: dict[str, object], kind: type[R]) -> R | Refusal:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        return Refusal(problems(error))


def problems(error: ValidationError) -> str:
    """What does not fit, field by field, in one line of at most 500 characters."""
    found = error.errors(include_url=False, include_input=False)
    missing = ", ".join(_place(one) for one in found if one["type"] == "missing")
    unfit = [f"{_place(one)}: {said_of_value(one)}" for one in found if one["type"] != "missing"]
    return "; ".join([f"{missing}: missing", *unfit] if missing else unfit)[:500]


def _place(problem: ErrorDetails) -> str:
    return ".".join(str(step) for step in problem["loc"]) or "the object"
