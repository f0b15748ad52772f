"""Complaints: what the body of a server's error says, in whatever shape, as one short text. Pure; judges nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_DEPTH = 6
# Under which names servers put a sentence for people, the most telling first; and what it is about.
_SAYS = ("message", "msg", "detail", "error", "errors", "error_description", "description", "reason", "title")
_ABOUT = ("param", "loc", "field", "code")
# A vendor's filter, not the model, kept an answer back: in the sentence, or as the reason why a completion stopped.
_FILTERED = re.compile(r"content[_ -](?:filter|management|policy)|responsible ?ai|safety (?:system|filter|setting)")
_STOPPED = re.compile(
    r"content[_-]?filter|refus|safety|prohibited|recitation|blocklist|moderat|guardrail", re.IGNORECASE
)


def complaint_in(raw: bytes) -> str:
    """The sentences in an error's body, and what each is about; the body itself where it has none."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        said = None
    found = list(dict.fromkeys(_sentences(said, MAX_DEPTH)))
    return "; ".join(found) if found else raw.decode("utf-8", "replace")


def is_filtered(sentence: str) -> bool:
    """Does an error say that a filter of the vendor's took question or answer away?"""
    return _FILTERED.search(sentence.lower()) is not None


def stopped_by_filter(reason: str) -> bool:
    """Is this reason to stop a completion a refusal, in any vendor's word for it?"""
    return _STOPPED.search(reason) is not None


def _sentences(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        if value.strip():
            yield value.strip()
    elif isinstance(value, list) and depth:
        for item in value[:10]:
            yield from _sentences(item, depth - 1)
    elif isinstance(value, dict) and depth:
        about = _about(value)
        for name in _SAYS:
            for sentence in _sentences(value.get(name), depth - 1):
                told = about and about not in sentence.replace("'", " ").replace('"', " ").split()
                yield f"{sentence} ({about})" if told else sentence


def _about(value: dict[str, Any]) -> str:
    for name in _ABOUT:
        part = value.get(name)
        if isinstance(part, list):
            part = ".".join(str(step) for step in part[:6])
        if isinstance(part, str) and part not in ("", "None"):
            return part[:60]
    return ""
