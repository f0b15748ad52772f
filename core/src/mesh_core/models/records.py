"""What travels: one frozen record per kind of message, each knowing its channel. No I/O; `utc_now` asks the clock.

Wire shapes are JSON objects in UTF-8, times RFC 3339 strings in UTC; ids are handed down, never looked up backwards.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    StrictFloat,
    StrictInt,
    StringConstraints,
)

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"

# With the @ of a unit made from a template: wg-quick@wg0.
SERVICE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$"

EVENT_TYPE_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"

INCIDENT_PATTERN = r"^[A-Za-z0-9._@:/-]{1,300}$"

# What people are told in place of one of them.
PATTERNS_IN_WORDS = {
    NAME_PATTERN: "a name: letters A-Z, digits, . _ -, the first a letter or a digit, at most 128",
    SERVICE_PATTERN: "a name: letters A-Z, digits, . _ @ -, the first a letter or a digit, at most 128",
    EVENT_TYPE_PATTERN: "lower case letters, digits and _, the first a letter, at most 64, such as service_down",
    INCIDENT_PATTERN: "1 to 300 letters A-Z, digits and . _ @ : / -",
}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_LEAP_SECOND = re.compile(r"(.{17})60(\.\d+)?")

# What is told of a year beyond counts as these: from here no zone and no span of days leads out of Python's calendar.
_FIRST, _LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


def rfc3339(timestamp: datetime) -> str:
    """The one way we write a time: UTC, milliseconds, Z."""
    return timestamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """An aware datetime from RFC 3339 text; ValueError otherwise.

    Whatever it is (Go's year 1, "for ever" as the last day of 9999, a leap second), it can be shown in every zone.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError("not an RFC 3339 time with a zone, such as 2026-01-31T12:00:00Z")
    upper = text.upper()
    if fraction := re.search(r"\.(\d{7,9})", upper):  # datetime keeps microseconds
        upper = upper.replace(fraction[0], fraction[0][:7])
    if leap := _LEAP_SECOND.match(upper):
        upper = f"{leap[1]}59.999999{upper[leap.end() :]}"
    return min(max(datetime.fromisoformat(upper), _FIRST), _LAST)


def _checked_time(text: str) -> str:
    parse_time(text)
    return text


def not_said(value: object) -> bool:
    """Of a field that stands in a record only where it says something: files from before it stay the same bytes."""
    return value is None


def is_name(text: str) -> bool:
    """May a node be called so? (fullmatch: a trailing newline is not one)"""
    return _NAME.fullmatch(text) is not None


def is_service_name(text: str) -> bool:
    """May a service be called so? Likewise."""
    return _SERVICE.fullmatch(text) is not None


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]

ServiceName = Annotated[str, StringConstraints(pattern=SERVICE_PATTERN)]

# Of a trouble, in each announcement: <node>/<service>/<ms> from an agent, <source>/<key>/<episode> from a hook.
IncidentId = Annotated[str, StringConstraints(pattern=INCIDENT_PATTERN)]

EventTypeName = Annotated[str, StringConstraints(pattern=EVENT_TYPE_PATTERN)]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def sha256_of(text: str) -> str:
    """Of a text that travels, as UTF-8. UnicodeEncodeError for a lone surrogate: nothing that travels has one."""
    return hashlib.sha256(text.encode()).hexdigest()


Timestamp = Annotated[str, AfterValidator(_checked_time)]

Number = StrictFloat | StrictInt


class Record(BaseModel):
    """Base of everything that travels. `channel` is the live copy's name, `stream` the durable copy's."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    channel: ClassVar[str] = ""
    stream: ClassVar[str] = ""

    def wire(self) -> bytes:
        """The record as compact UTF-8 JSON."""
        return self.model_dump_json().encode()
