"""How bad a body says that it is: in a severity, in a number of syslog's, in a state. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.models.events import Severity
from mesh_core.models.owner_labels import bare_key
from observer.hooks import field_names as names
from observer.hooks.severities import SEVERE, SYSLOG, severity_in


def severity_of(texts: Mapping[str, str], body: Mapping[str, Any]) -> Severity | None:
    """None where nothing says it. `texts`: the nearest text of each bare key."""
    return next((one for one in _told(texts, body) if one), None)


def of_state(text: str) -> Severity | None:
    return severity_in(text.replace("_", " "), of_a_state=True)


def _told(texts: Mapping[str, str], body: Mapping[str, Any]) -> Iterator[Severity | None]:
    for key in names.SEVERITIES:
        said = severity_in(texts.get(key, "")) if key != names.LOG_LEVEL or _is_a_lines(body) else None
        yield Severity.WARNING if key == names.URGENCY and said is Severity.INFO else said
    yield from map(severity_in, _called_otherwise(texts))
    is_of_a_log = not names.BESIDE_SYSLOGS_NUMBER.isdisjoint(texts)
    numbers = (*names.SYSLOGS_NUMBER, *(names.MAY_BE_SYSLOGS_NUMBER if is_of_a_log else ()))
    yield from (SYSLOG.get(texts.get(key, "")) for key in numbers)
    yield from (of_state(texts.get(key, "")) for key in (*names.STATES, *names.KINDS))
    yield from (said for key in names.SAY_HOW_IT_STANDS if (said := of_state(texts.get(key, ""))) in SEVERE)


def _is_a_lines(body: Mapping[str, Any]) -> bool:
    """A level of a log is a line's at the top or in `log`; of a job it is how much that is to say."""
    parts = (body, *(part for key, part in body.items() if bare_key(key) == "log" and isinstance(part, Mapping)))
    return any(bare_key(key) == names.LOG_LEVEL for part in parts for key in part)


def _called_otherwise(texts: Mapping[str, str]) -> Iterator[str]:
    """`vuln_severity`, `SeverityName`; not what it was or has to be, and no line's of a log: people choose which lines
    they send, and programs call failures information."""
    for key, text in texts.items():
        if key.endswith(names.ENDS_OF_SEVERITIES) and not key.startswith(names.NO_SEVERITIES):
            yield text
