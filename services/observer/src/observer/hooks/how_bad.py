"""How bad a body says that it is: in a severity, a number of syslog's, a state, in what was done about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from mesh_core.models.events import Severity
from mesh_core.models.owner_labels import bare_key
from mesh_core.models.truth import truth_in
from observer.hooks import field_names as names
from observer.hooks.plain_words import plain_words
from observer.hooks.said_over import speaks_of_trouble
from observer.hooks.severities import SEVERE, SYSLOG, severity_in, severity_of_state

_MOST_CHARS = 200


def severity_of(texts: Mapping[str, str], body: Mapping[str, Any]) -> Severity | None:
    """None where nothing says it. `texts`: the nearest text of each bare key."""
    return next((one for one in _told(texts, body) if one), None)


def of_state(text: str) -> Severity | None:
    return severity_of_state(text.replace("_", " "))


def _told(texts: Mapping[str, str], body: Mapping[str, Any]) -> Iterator[Severity | None]:
    for key in names.SEVERITIES:
        said = severity_in(texts.get(key, "")) if key != names.LOG_LEVEL or _is_a_lines(body) else None
        yield Severity.WARNING if key == names.URGENCY and said is Severity.INFO else said
    yield from map(severity_in, _called_otherwise(texts))
    yield from (SYSLOG.get(texts.get(key, "")) for key in _keys_of_numbers(texts))
    yield from (of_state(texts.get(key, "")) for key in (*names.STATES, *names.KINDS))
    yield from (
        said for key in (*names.SAY_HOW_IT_STANDS, "hoststate") if (said := of_state(texts.get(key, ""))) in SEVERE
    )


def is_information(own: Mapping[str, str], kind: str, text: str) -> bool:
    """Where nothing says how bad it is and no rule found it: a line that its logger calls information and that speaks
    of no trouble, a guest who was turned away as he has to be, a client that comes or goes, what took its course.

    `own`: what lies at the top, by bare key; what lies deeper may be said of something else.
    """
    logged = (own.get(key, "").strip().lower() for key in names.SYSLOGS)
    if any(word in names.SYSLOGS_INFORMATION for word in logged) or _is_syslogs(own, names.SYSLOGS_INFORMATION):
        return bool(text) and not speaks_of_trouble(text)
    if own.get("action", "").strip().lower() in names.TURNED_AWAY or any(own.get(key) for key in names.BANNED_FOR):
        return True
    words = _words_of(kind)
    comes_or_goes = len(words) == 2 and words[0] in names.CLIENTS and words[1] in names.COME_AND_GO
    return comes_or_goes or (_is_course(words, text) and not speaks_of_trouble(text))


def tells_updates(texts: Mapping[str, str]) -> bool:
    """Does a field say that there is something newer, or two fields that the newest is not in use?"""
    newest, used = (
        next(filter(None, map(texts.get, keys)), "") for keys in (names.NEWEST_VERSIONS, names.VERSIONS_IN_USE)
    )
    if newest and used and newest != used:
        return True
    said = (texts.get(key, "") for key in names.UPDATE_AVAILABLE)
    return any(truth_in(text) is True or (text.isdigit() and int(text[:9]) > 0) for text in said)


def _is_course(kind: Sequence[str], text: str) -> bool:
    """`room_finished`, `image.updated`; a title that begins so: "Updates applied on nas"."""
    title = plain_words(text, _MOST_CHARS).split()
    updated = len(title) > 1 and title[0] in names.UPDATES and title[1] in names.COURSE
    return (
        updated
        or list(kind) == ["updates"]
        or (len(kind) > 1 and kind[-1] in names.COURSE and names.NO_COURSE.isdisjoint(kind))
    )


def _words_of(kind: str) -> list[str]:
    return plain_words(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind), _MOST_CHARS).split()


def _is_syslogs(texts: Mapping[str, str], numbers: Collection[str]) -> bool:
    return any(texts.get(key, "") in numbers for key in _keys_of_numbers(texts))


def _keys_of_numbers(texts: Mapping[str, str]) -> tuple[str, ...]:
    is_of_a_log = not names.BESIDE_SYSLOGS_NUMBER.isdisjoint(texts)
    return (*names.SYSLOGS_NUMBER, *(names.MAY_BE_SYSLOGS_NUMBER if is_of_a_log else ()))


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
