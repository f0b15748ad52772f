"""Evidence that may travel: bytes read as what they are, control characters and escape sequences out, capped. Pure;
judges nothing.
"""

from __future__ import annotations

import re
from typing import Any

LOG_LINES = 20
LINE_CHARS = 500
TEXT_CHARS = 2000
VALUE_DEPTH = 6

# Linear patterns only: they run over whatever a container prints.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-9;:<=>?]{0,40}[ -/]{0,4}[@-~]"  # colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]{0,400}(?:\x07|\x1b\\)"  # titles, links, device strings
    r"|\x1b[ -/]{1,4}[0-~]"  # character sets
    r"|\x1b[0-Z\\-~]"
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# Where a line ends; a bar of progress goes back with \r alone.
_ENDS = re.compile("\r\n?|[\u2028\u2029\x85\x0b\x0c]")
_PLAIN = re.compile(rb"[\t\r\n\x1b -~]*")
_LETTER_BY_LETTER = re.compile(rb"(?:[^\0]\0){4}|(?:\0[^\0]){4}")
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def clean_text(text: str, limit: int = TEXT_CHARS) -> str:
    """No escapes, no control characters but newline and tab, at most `limit` characters (the end is kept)."""
    text = _ENDS.sub("\n", text[-4 * limit :])
    text = _CONTROLS.sub("", _ESCAPES.sub("", text)).strip()
    return text if len(text) <= limit else "…" + text[-(limit - 1) :]


def decoded(raw: bytes) -> str:
    """As UTF-8, or as UTF-16 where its mark or its many zeros say so; what fits in neither becomes U+FFFD."""
    if encoding := _UTF16.get(raw[:2]):
        return raw[2:].decode(encoding, "replace")
    zeros, letters = raw.count(0), raw.replace(b"\0", b"")
    if zeros * 4 < len(raw) or _PLAIN.fullmatch(letters):  # some lines of UTF-16 among others; or between words
        words = zeros > 1 and not _LETTER_BY_LETTER.search(raw)
        return (raw.replace(b"\0", b"\n") if words else letters).decode("utf-8", "replace")
    if b"\xef\xbf\xbd" in raw:  # the engine read it as UTF-8 before us, so that nothing is where it was
        return letters.decode("utf-8", "replace").lstrip("\ufffd")
    # Letters of western scripts have their zero behind them, or before.
    return raw.decode("utf-16-le" if raw[1::2].count(0) >= raw[::2].count(0) else "utf-16-be", "replace")


def clean_lines(raw: bytes, lines: int = LOG_LINES) -> list[str]:
    """The last `lines` lines that say something, each at most 500 characters."""
    text = _ENDS.sub("\n", decoded(raw[-256 * 1024 :]))
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
