"""What the journal holds of a unit, as evidence: what its program printed, and what its manager said of it. Pure.

Before a process of a unit becomes its program, it is still systemd's own and speaks under a name in parentheses,
`(nginx)`. Where it gives up, it says so as an error (no such executable). What it warns of, it went on without: no unit
failed of that, and words such as "no such file" in it would be taken for the cause.
"""

from __future__ import annotations

import json
from typing import Any

from node_agent.checks.evidence import clean_lines

FIELDS = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER"  # what to ask journalctl for, with --all and --output=json
_ERROR = 3


def lines_of(journal: str) -> list[str]:
    """The last lines of journalctl's JSON entries, one in each of its lines."""
    entries = [json.loads(line) for line in journal.splitlines() if line.strip()]
    return clean_lines(b"\n".join(_bytes_of(entry.get("MESSAGE")) for entry in entries if not _is_before_it(entry)))


def _is_before_it(entry: dict[str, Any]) -> bool:
    name, priority = str(entry.get("SYSLOG_IDENTIFIER")), str(entry.get("PRIORITY"))
    return name.startswith("(") and name.endswith(")") and priority.isdecimal() and int(priority) > _ERROR


def _bytes_of(message: object) -> bytes:
    """journalctl writes as a list of numbers what is no UTF-8, or holds control characters."""
    if isinstance(message, list) and all(isinstance(one, int) and 0 <= one < 256 for one in message):
        return bytes(message)
    return message.encode("utf-8", "replace") if isinstance(message, str) else b""
