"""A text as somebody's editor saved it: its words, and how other words are written in the same form. Pure."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass

# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)


@dataclass(frozen=True)
class SavedText:
    """`mark` is its byte order mark, which is no part of `text`."""

    text: str
    charset: str = "utf-8"
    mark: bytes = b""

    def written(self, text: str) -> bytes:
        """Other words in the form of these."""
        return self.mark + text.encode(self.charset)


def saved_text(raw: bytes) -> SavedText:
    """UTF-8, or what a mark or the zeros of its first letters say. Raises UnicodeDecodeError."""
    for mark, charset in _MARKS:
        if raw.startswith(mark):
            return SavedText(raw[len(mark) :].decode(charset), charset, mark)
    charset = json.detect_encoding(raw[:4])
    return SavedText(raw.decode(charset), charset)
