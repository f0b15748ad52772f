"""A sender's text as its words alone. Pure."""

from __future__ import annotations

import re


def plain_words(text: str, most_chars: int) -> str:
    """In lower case, one blank between two; marks, underscores and pictures around them do not count."""
    return " ".join(re.findall(r"\w+", text[:most_chars].replace("_", " ").lower()))
