"""Text as a person reads it. Pure. Text from events, models and logs goes through here before it is shown.

It never reaches a terminal with control characters (colours, cursor moves, a forged line) or with marks that turn the
reading direction; what was taken out is replaced by a visible sign.
"""

from __future__ import annotations

import unicodedata

SIGN = "\N{REPLACEMENT CHARACTER}"
# Cc control, Cf format (every bidi mark, zero-width characters), Cs half surrogates, Co private, Zl/Zp line breaks
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def plain(text: object, limit: int = 0) -> str:
    """One line of `text` with nothing in it that a terminal would obey; at most `limit` characters (0: all)."""
    return _cut(" ".join(_visible(str(text)).split()), limit)


def plain_lines(text: object, limit: int = 0) -> str:
    """As `plain`, but its lines stay lines and its indentation stays."""
    lines = [_visible(line.expandtabs(4)).rstrip() for line in str(text).replace("\r\n", "\n").split("\n")]
    return _cut("\n".join(lines), limit)


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if c in "\t\n\r" else SIGN if unicodedata.category(c) in _UNSEEN else c for c in text)


def _cut(text: str, limit: int) -> str:
    return text if not limit or len(text) <= limit else text[: max(1, limit - 1)] + "\N{HORIZONTAL ELLIPSIS}"
