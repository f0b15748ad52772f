"""A sender's text as its words alone, and as its lines. Pure."""

from __future__ import annotations

import re

_MOST_NAME_WORDS = 4


def plain_words(text: str, most_chars: int) -> str:
    """In lower case, one blank between two; marks, underscores and pictures around them do not count."""
    return " ".join(re.findall(r"\w+", text[:most_chars].replace("_", " ").lower()))


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def only_names(line: str) -> bool:
    """Is it no more than who says what stands below it?"""
    return len(line.split()) <= _MOST_NAME_WORDS and not line.endswith(":")
