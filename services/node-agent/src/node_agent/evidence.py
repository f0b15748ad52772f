"""Evidence that may travel: text stripped of control characters and escape sequences, capped. Pure; judges nothing."""

from __future__ import annotations

import re
from typing import Any

LOG_LINES = 20
LINE_CHARS = 500
TEXT_CHARS = 2000
VALUE_DEPTH = 6

# Linear patterns only: they run over whatever a container prints.
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;:?]{0,40}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,400}(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean_text(text: str, limit: int = TEXT_CHARS) -> str:
    """No escapes, no control characters but newline and tab, at most `limit` characters (the end is kept)."""
    text = text[-4 * limit :].replace("\r\n", "\n")
    text = _CONTROLS.sub("", _ESCAPES.sub("", text)).strip()
    return text if len(text) <= limit else "…" + text[-(limit - 1) :]


def clean_lines(raw: bytes, lines: int = LOG_LINES) -> list[str]:
    """The last `lines` lines that say something, each at most 500 characters."""
    text = raw[-256 * 1024 :].decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    kept = [_CONTROLS.sub("", _ESCAPES.sub("", line[: 4 * LINE_CHARS])).rstrip() for line in text.split("\n")]
    return [line[:LINE_CHARS] for line in kept if line][-lines:]


def clean_value(value: Any, depth: int = 0) -> Any:
    """Any JSON value with every text in it cleaned; deeper than 6 levels is cut."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return (
            {clean_text(str(k), 100): clean_value(v, depth + 1) for k, v in list(value.items())[:64]}
            if depth < VALUE_DEPTH
            else {}
        )
    if isinstance(value, list | tuple):
        return [clean_value(item, depth + 1) for item in value[:64]] if depth < VALUE_DEPTH else []
    return value
