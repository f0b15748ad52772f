"""Is the certificate on the disk a newer one than that which is shown? Then what shows it has to load it. Pure; keys
are folded (`facts.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from mesh_core.policy.event_facts.payload_fields import Field, is_of_another_time

_ON_DISK = re.compile(
    r"(?:cert(?:ificate)?|pem|fullchain|new|renewed|stored)?(?:on)?(?:disk|file|filesystem|store|pem|path)(?:cert)?|fullchain|pem"
)
_SHOWN = re.compile(
    r"(?:cert(?:ificate)?)?(?:shown|served|presented|serving|live|remote|peer|handshake|showing|c2s|s2s|port\d*|https?|smtp|imap)(?:cert)?"
)
_ENDS = re.compile(r"[a-z0-9]*(?:notafter|expires?|expiry|validuntil|enddate)[a-z]*")
_A_DATE = re.compile(r"(?<!\d)(20\d\d-\d\d-\d\d)")
_RENEWED = frozenset(
    {"renewed", "renewedat", "lastrenewed", "lastrenewal", "renewal", "certrenewed", "certificaterenewed"}
)
_DID = re.compile(
    r"(?:yes|true|ok|success\w*|succeeded|done|\d{1,4} ?(?:s|min|minutes|h|hours|d|days|weeks) ago"
    r"|20\d\d-\d\d-\d\d.{0,30})"
)
_VALID = re.compile(r"valid(?: for| until| till)? (?:another )?(?:\d{1,4} ?(?:d|days)\b|20\d\d-\d\d-\d\d).{0,30}")


def is_newer_on_disk(fields: Iterable[Field]) -> bool:
    """`{"served": {"notAfter": "2026-01-02"}, "on_disk": {"notAfter": "2026-04-01"}}`, `{"renewed": "9 days ago"}`."""
    near = [(path, value) for path, value, depth in fields if depth <= 2]
    if any(path[0] in _RENEWED and len(path) == 1 and _did(value) for path, value in near):
        return True
    told = [(path, value) for path, value in near if not is_of_another_time(path)]
    if any(_ON_DISK.fullmatch(path[0]) and _VALID.fullmatch(_word(value)) for path, value in told):
        return True
    disk, shown = max(_dates(told, _ON_DISK), default=""), max(_dates(told, _SHOWN), default="")
    return bool(disk and shown) and disk > shown


def _dates(told: list[tuple[tuple[str, ...], Any]], where: re.Pattern[str]) -> Iterator[str]:
    """Of its end, as a day: `shown_not_after`, `{"served": {"notAfter": ...}}`, `file: ... notAfter=2026-04-01`."""
    for path, value in told:
        said = _word(value)
        ends = _ENDS.fullmatch(path[-1]) is not None or "notafter" in said
        is_there = where.fullmatch(path[0]) is not None or where.match(path[-1]) is not None
        if ends and is_there and (found := _A_DATE.search(said)):
            yield found[1]


def _did(value: Any) -> bool:
    return value is True or _DID.fullmatch(_word(value)) is not None


def _word(value: Any) -> str:
    return value.strip().lower()[:300] if isinstance(value, str) else ""
