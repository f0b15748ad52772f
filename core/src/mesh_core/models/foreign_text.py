"""Text of strangers: bytes in the encoding that they say, or show, to text. Never guesses a language's code page. Pure.

A byte order mark says it, and so do the zero bytes of UTF-16 and UTF-32 JSON; else the charset that came beside the
bytes, else UTF-8. Files and streams of our own are UTF-8 without a mark: they are read by `strict_json` alone.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import re
import zlib
from typing import Any

from mesh_core.models.strict_json import MAX_DEPTH, Refusal, parse_object

_CHARSET = re.compile(r';\s*charset\s*=\s*"?([A-Za-z0-9._:+-]{1,40})', re.IGNORECASE)
# How zlib is told of it; what is called deflate comes with zlib's own header, or without.
_PACKED = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
# Codecs of Python that turn bytes to text and are no charset of a document; some take quadratic time.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"})


def parse_foreign(
    raw: bytes, *, max_bytes: int, content_type: str = "", max_depth: int = MAX_DEPTH
) -> dict[str, Any] | Refusal:
    """A JSON object out of a stranger's bytes; `content_type` is the header of that name, where there was one."""
    if len(raw) > max_bytes or (not content_type and encoding_of(raw) == "utf-8"):
        return parse_object(raw, max_bytes=max_bytes, max_depth=max_depth)
    text = decoded(raw, content_type)
    if isinstance(text, Refusal):
        return text
    return parse_object(text.encode("utf-8", "surrogatepass"), max_bytes=max_bytes, max_depth=max_depth)


def unpacked(raw: bytes, packing: str, *, max_bytes: int) -> bytes | Refusal:
    """The bytes of a body that may be packed; `packing` is the header Content-Encoding, '' where there was none.

    Costs `max_bytes`, whatever it would come to.
    """
    word = packing.strip().lower()
    if word in ("", "identity"):
        return raw
    if word not in _PACKED:
        return Refusal(f"the body is packed ({word[:20]!r}), which is not read here; send it plain or as gzip")
    for form in _PACKED[word]:
        unpacking = zlib.decompressobj(form)
        try:
            plain = unpacking.decompress(raw, max_bytes + 1)
        except zlib.error:
            continue
        if len(plain) > max_bytes:
            return Refusal(f"too large: more than {max_bytes} bytes when it is unpacked")
        return plain if unpacking.eof else Refusal(f"the body is no whole {word}: it ends too early")
    return Refusal(f"the body is no {word}, as its header Content-Encoding says")


def decoded(raw: bytes | bytearray, content_type: str = "") -> str | Refusal:
    """The text, whole, without its mark."""
    encoding = encoding_of(raw, content_type)
    if isinstance(encoding, Refusal):
        return encoding
    try:
        return raw.decode(encoding)
    except UnicodeError as error:
        at = f": byte {error.start} cannot be decoded" if isinstance(error, UnicodeDecodeError) else ""
        instead = "; send UTF-8, or name the charset in Content-Type" if content_type else ""
        return Refusal(f"not {encoding.upper()}{at}{instead}")


def text_of(raw: bytes, content_type: str = "") -> str:
    """The text for people to read, whatever it is: without its mark, U+FFFD where no text can be made of it."""
    encoding = encoding_of(raw, content_type)
    return raw.decode("utf-8" if isinstance(encoding, Refusal) else encoding, "replace")


def encoding_of(raw: bytes | bytearray, content_type: str = "") -> str | Refusal:
    """The codec for these bytes, `utf-8` if nothing says another; a Refusal names a charset that nobody knows."""
    if (shown := json.detect_encoding(raw[:4])) != "utf-8":
        return shown
    found = _CHARSET.search(content_type)
    if found is None:
        return "utf-8"
    try:
        codec = codecs.lookup(found[1])
        with contextlib.suppress(UnicodeError):
            b" ".decode(codec.name)  # LookupError for a codec that makes no text, such as base64
    except LookupError:
        return Refusal(f"the charset {found[1]!r} is not known here; send UTF-8")
    if codec.name in _NO_CHARSETS:
        return Refusal(f"the charset {found[1]!r} is not read here; send UTF-8")
    return codec.name
