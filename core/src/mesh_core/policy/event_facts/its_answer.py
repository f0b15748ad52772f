"""Does a thing itself answer that it is in maintenance: in a header of its answer, or in a state of its own? Pure.

A request's headers are a stranger's, and are never looked at. An answer's are the thing's own, or of what stands before
it; headers of which nothing says whose they are count beside a status that only an answer has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.models.owner_labels import bare_key
from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.event_facts.payload_fields import word_in

_DEPTH, _MOST = 4, 100  # parts in each other, headers of an answer
_ANSWERS = re.compile(r"(?:http)?(?:response|resp|reply|answer)")
_HEADERS = re.compile(r"(?:http)?headers?")
_ITS_HEADERS = re.compile(rf"{_ANSWERS.pattern}{_HEADERS.pattern}")
_BODIES = re.compile(r"(?:response|reply|answer)(?:body|json|data|payload)")
_CODES = frozenset({"status", "statuscode", "httpstatus", "httpstatuscode", "httpcode", "responsecode", "code", "http"})
_A_WHILE_SECONDS = 300  # who is only busy asks to come back in seconds
_A_DATE = re.compile(r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*, ")
_NONE = ("off", "no", "none", "false", "0", "inactive", "disabled", "ended", "over")
_STATES = re.compile(r"(?!last|prev|old|next)[a-z]*(?:status|state|mode|indicator|phase|statuspage|error|reason)")
_IN_MAINTENANCE = re.compile(r"(?:in |under |scheduled |planned )?maintenance(?: mode)?|im wartungsmodus|wartung")


def answers_with_maintenance(payload: Mapping[str, Any]) -> bool:
    """`{"response_headers": {"X-Maintenance": "until nine"}}`, `{"reply": {"json": {"status": "maintenance"}}}`."""
    return any(map(_says_so, _answers_in(payload, (), 0))) or any(map(_closes, _headers_in(payload, "", 0)))


def is_in_maintenance(path: tuple[str, ...], value: Any) -> bool:
    """In the words of status pages: `{"component_status": "under_maintenance"}`."""
    return isinstance(value, str) and _STATES.fullmatch(path[-1]) is not None and _is_the_word(value)


def _answers_in(part: Mapping[str, Any], above: tuple[str, ...], depth: int) -> Iterator[Mapping[str, Any]]:
    """What an answer said in fields."""
    for name, value in part.items():
        if isinstance(value, Mapping) and depth < _DEPTH and not _is_a_request(key := bare_key(name)):
            if _BODIES.fullmatch(key) or (above and _ANSWERS.fullmatch(above[-1]) and not _HEADERS.fullmatch(key)):
                yield value
            yield from _answers_in(value, (*above, key), depth + 1)


def _says_so(body: Mapping[str, Any]) -> bool:
    fields = [(bare_key(name), value) for name, value in body.items()]
    return any(
        is_in_maintenance((key,), value) or (key.startswith("maintenance") and truth_in(value) is True)
        for key, value in fields
    )


def _headers_in(part: Mapping[str, Any], parent: str, depth: int) -> Iterator[Any]:
    of_an_answer = _ANSWERS.fullmatch(parent) is not None or _failed(part)
    for name, value in part.items():
        key = bare_key(name)
        if _ITS_HEADERS.fullmatch(key) or (_HEADERS.fullmatch(key) and of_an_answer):
            yield value
        elif isinstance(value, Mapping) and depth < _DEPTH and not _is_a_request(key):
            yield from _headers_in(value, key, depth + 1)


def _failed(part: Mapping[str, Any]) -> bool:
    return any(bare_key(name) in _CODES and 500 <= (whole_in(value) or 0) < 600 for name, value in part.items())


def _is_a_request(key: str) -> bool:
    return key.endswith(("request", "requests", "req", "query", "params", "form", "cookies", "log", "logs"))


def _closes(headers: Any) -> bool:
    """Says one of them that it is closed for a while?"""
    for name, value in _each(headers):
        said = value.strip().lower()
        if "maintenance" in name and said and not said.startswith(_NONE):
            return True
        if name == "retryafter" and ((whole_in(said) or 0) >= _A_WHILE_SECONDS or _A_DATE.match(said)):
            return True
    return False


def _each(headers: Any) -> Iterator[tuple[str, str]]:
    """Of an object, of a list of lines, or of a text that has one in each line."""
    if isinstance(headers, Mapping):
        yield from ((bare_key(name), str(value)) for name, value in list(headers.items())[:_MOST])
        return
    lines = headers.splitlines() if isinstance(headers, str) else headers if isinstance(headers, list) else []
    for line in lines[:_MOST]:
        name, colon, value = line.partition(":") if isinstance(line, str) else ("", "", "")
        if colon:
            yield bare_key(name), value


def _is_the_word(value: str) -> bool:
    return _IN_MAINTENANCE.fullmatch(word_in(value).replace("_", " ").replace("-", " ")) is not None
