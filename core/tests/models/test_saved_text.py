"""A text is read in the form in which an editor saved it, and another one is written in that form."""

from __future__ import annotations

import codecs

import pytest

from mesh_core.models.saved_text import SavedText, saved_text


@pytest.mark.parametrize(
    ("mark", "charset"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-be"),
        (b"", "utf-32-le"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
@pytest.mark.parametrize("text", ["naïve: ż\r\n", "#\n", "two words"])
def test_it_is_written_as_it_was(mark: bytes, charset: str, text: str) -> None:
    saved = saved_text(mark + text.encode(charset))
    assert saved == SavedText(text, charset, mark)
    assert saved.written("ä") == mark + "ä".encode(charset)


def test_nothing_is_text_and_rubbish_is_none() -> None:
    assert saved_text(b"") == SavedText("")
    for raw in (b"\xff\xfe\x00", b"caf\xe9", codecs.BOM_UTF8 + b"\xff"):
        with pytest.raises(UnicodeDecodeError):
            saved_text(raw)
