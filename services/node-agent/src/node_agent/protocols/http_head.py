"""The head of an HTTP answer, made strict. Pure; knows no body.

The devices of a house end lines with LF alone, indent a header, put a blank before its colon or none before the reason,
give a length that is no number, stream as shoutcast does; browsers read all of that. Only the headers that say where
the body ends and how its text is written are kept: nobody here asks for another.
"""

from __future__ import annotations

import re

_PROTOCOLS = (b"HTTP/", b"ICY ")
_MARK = b"\xef\xbb\xbf"  # a page that begins before its own head
_END = re.compile(rb"\n\r?\n")
_STATUS = re.compile(rb"(?:HTTP/1(?:\.(?P<minor>\d))?|ICY)[ \t]+(?P<status>\d{3})(?!\d)", re.IGNORECASE)
_LENGTH = re.compile(rb"\d{1,19}(?:[ \t]*,[ \t]*\d{1,19})*")
_ABOUT_TEXT = frozenset({b"content-type", b"content-encoding"})


class NotHttp(ValueError):
    """Somebody answers, but not with HTTP; the text shows how the answer begins."""


def split_head(data: bytes) -> tuple[bytes, bytes] | None:
    """(the head, what came after it); None while its end has not come. Raises NotHttp as soon as it is none."""
    if _MARK.startswith(data):
        return None
    data = _trimmed(data)
    if not any(protocol.startswith(data[: len(protocol)].upper()) for protocol in _PROTOCOLS):
        raise NotHttp(f"it begins with {data[:40]!r}")
    found = _END.search(data)
    return (data[: found.end()], data[found.end() :]) if found else None


def strict_head(head: bytes) -> tuple[int, bytes]:
    """(status, the same head in the words of the standard). Raises NotHttp."""
    first, *lines = _trimmed(head).split(b"\n")
    status = _STATUS.match(first)
    if status is None:
        raise NotHttp(f"it begins with {first[:40]!r}")
    kept = [b"HTTP/1.%s %s " % (b"0" if status["minor"] in (None, b"0") else b"1", status["status"])]
    for line in lines:
        name, _, value = line.partition(b":")
        name, value = name.strip().lower(), value.strip()
        if _frames(name, value) or (name in _ABOUT_TEXT and value.decode("latin-1").isprintable()):
            kept.append(b"%s: %s" % (name, value))
    return int(status["status"]), b"\r\n".join([*kept, b"", b""])


def _frames(name: bytes, value: bytes) -> bool:
    """Does it say where the body ends? A length that is no number says nothing: it ends with the connection."""
    if name == b"transfer-encoding":
        return value.lower() != b"identity"  # "as it is": the word says nothing
    return name == b"content-length" and _LENGTH.fullmatch(value) is not None


def _trimmed(data: bytes) -> bytes:
    return data.removeprefix(_MARK).lstrip(b"\r\n \t")
