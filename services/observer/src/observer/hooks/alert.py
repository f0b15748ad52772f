"""One alert as any monitoring system tells it: what it is called, whom it concerns, whether it fires. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mesh_core.models.records import parse_time, rfc3339
from mesh_core.models.truth import truth_in
from mesh_core.policy.event_facts.alert_state import says_well

MOST_ALERTS = 5000  # of one request; a whole MiB of short ones
MAX_WORD_CHARS = 8192  # of a text in an alert: its end, which in a log says most; redaction shortens it further

_KEY = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True)
class Alert:
    """`labels` say whom it concerns; `node`, `service`, `type` and `severity` are words that the sender chose itself.

    `key` is the same for every announcement of one trouble, `episode` is another each time it begins anew; a sender
    that does not tell leaves it empty. `called` are words that count where the mesh knows a host or a service of that
    very name, and nothing else says which is meant; for a host those of fields alone, `named`, come before them.
    `what_and_where`: services (or '') and their hosts, as a monitor's
    own name may mean them; a host counts where the mesh knows it and nothing else says which is meant, a service where
    its host is the one that the alert is about, before a `service` that is such a name as a whole. `headline`: what its
    sender put above its text; a service there counts where the agent of that host sees it.
    """

    source: str
    name: str
    key: str
    firing: bool
    episode: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    node: str = ""
    service: str = ""
    type: str = ""
    severity: str = ""
    at: str = ""
    named: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    what_and_where: tuple[tuple[str, str], ...] = ()
    headline: str = ""


@dataclass(frozen=True)
class Unfit:
    """Why something in a request is no alert; one sentence. `raw` is what was refused."""

    reason: str
    raw: bytes = b""


@dataclass(frozen=True)
class Nothing:
    """Nothing to tell: a test message, a first failed attempt, a maintenance window."""

    reason: str


Read = Alert | Unfit | Nothing


def stable_key(given: object, *otherwise: object) -> str:
    """`given` if it can stand in an incident's name, else a digest of it (or of what else names the trouble)."""
    text = str(given) if isinstance(given, str | int) and not isinstance(given, bool) else ""
    if _KEY.fullmatch(text):
        return text
    named = [text] if text else list(otherwise)
    return hashlib.sha256(json.dumps(named, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()[:16]


def says_that_it_fires(value: object) -> bool:
    """A truth value, also as text (`"false"` is no), or a word for a state; of anything else whether it is there."""
    said = truth_in(value)
    if said is not None:
        return said
    return not (isinstance(value, str) and says_well(value)) and bool(value)


def timestamp_in(text: object) -> str:
    """A time as we write it; '' for what is none (Go's year 1 included)."""
    if not isinstance(text, str) or len(text) > 40:
        return ""
    try:
        when = parse_time(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return rfc3339(when) if when > datetime(1970, 1, 2, tzinfo=UTC) else ""


def words_in(value: object) -> dict[str, str]:
    """The string members of an object, the first hundred; everything else is left out."""
    if not isinstance(value, dict):
        return {}
    return {str(k)[:200]: v[-MAX_WORD_CHARS:] for k, v in list(value.items())[:100] if isinstance(v, str)}


def raw_of(value: object) -> bytes:
    """What was refused, as it goes into the dead letters."""
    return json.dumps(value, ensure_ascii=False, default=str)[:8192].encode("utf-8", "replace")
