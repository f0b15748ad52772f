"""The head of an HTTP answer, made strict. Pure; knows no body.

The devices of a house end lines with LF alone, indent a header, put a blank before its colon or none before the reason;
browsers read all of that. Only the headers that say where the body ends and how its text is written are kept: nobody
here asks for another.
"""

from __future__ import annotations

import re

_PROTOCOL = b"HTTP/"
_END = re.compile(rb"\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.(\d)[ \t]+(\d{3})(?!\d)")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class NotHttp(ValueError):
    """Somebody answers, but not with HTTP; the text shows how the answer begins."""


def split_head(data: bytes) -> tuple[bytes, bytes] | None:
    """(the head, what came after it); None while its end has not come. Raises NotHttp as soon as it is none."""
    data = data.lstrip(b"\r\n")
    if not data.startswith(_PROTOCOL[: len(data)]):
        raise NotHttp(f"it begins with {data[:40]!r}")
    found = _END.search(data)
    return (data[: found.end()], data[found.end() :]) if found else None


def strict_head(head: bytes) -> tuple[int, bytes]:
    """(status, the same head in the words of the standard). Raises NotHttp."""
    first, *lines = head.lstrip(b"\r\n").split(b"\n")
    status = _STATUS.match(first)
    if status is None:
        raise NotHttp(f"it begins with {first[:40]!r}")
    kept = [b"HTTP/1.%s %s " % (b"0" if status[1] == b"0" else b"1", status[2])]
    for line in lines:
        name, _, value = line.partition(b":")
        name, value = name.strip().lower(), value.strip()
        framing = name in _FRAMING and value.lower() != b"identity"  # "as it is": the word says nothing
        if framing or (name == b"content-type" and value.decode("latin-1").isprintable()):
            kept.append(b"%s: %s" % (name, value))
    return int(status[2]), b"\r\n".join([*kept, b"", b""])
