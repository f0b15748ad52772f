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

from mesh_core.models.strict_json import MAX_DEPTH, Refusal, as_object, parse_value

_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?(?:x-)?([A-Za-z0-9._:+-]{1,40})""", re.IGNORECASE)
# How zlib is told of it; what is called deflate comes with zlib's own header, or without.
_PACKED = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
_GZIP_MARK = b"\x1f\x8b"
_MOST_PACKINGS = 3  # around each other
_ENDS = "\0 \t\r\n"  # a program in C sends the zero after its text, too
# Codecs of Python that turn bytes to text and are no charset of a document; some take quadratic time.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"})


def parse_foreign(
    raw: bytes, *, max_bytes: int, content_type: str = "", max_depth: int = MAX_DEPTH
) -> dict[str, Any] | Refusal:
    """A JSON object out of a stranger's bytes; `content_type` is the header of that name, where there was one."""
    return as_object(parse_foreign_value(raw, max_bytes=max_bytes, content_type=content_type, max_depth=max_depth))


def parse_foreign_value(raw: bytes, *, max_bytes: int, content_type: str = "", max_depth: int = MAX_DEPTH) -> Any:
    """Any JSON value, or a Refusal.

    A charset in which they are none is passed over where they are one in UTF-8: some senders only believe to know.
    """
    as_it_is = not content_type and encoding_of(raw) == "utf-8" and not raw.endswith(b"\0")
    if len(raw) > max_bytes or as_it_is:
        return parse_value(raw, max_bytes=max_bytes, max_depth=max_depth)
    text = decoded(raw, content_type)
    value = text if isinstance(text, Refusal) else _value(text, max_bytes, max_depth)
    if isinstance(value, Refusal) and content_type and not isinstance(plain := decoded(raw), Refusal):
        otherwise = _value(plain, max_bytes, max_depth)
        return value if isinstance(otherwise, Refusal) else otherwise
    return value


def _value(text: str, max_bytes: int, max_depth: int) -> Any:
    raw = text.rstrip(_ENDS).encode("utf-8", "surrogatepass")
    return parse_value(raw, max_bytes=max_bytes, max_depth=max_depth)


def unpacked(raw: bytes, packing: str, *, max_bytes: int) -> bytes | Refusal:
    """The bytes of a body that may be packed; `packing` is the header Content-Encoding, '' where there was none.

    Costs `max_bytes` for each packing that it names, whatever it would come to. Bytes that show gzip are gzip.
    """
    words = [word for word in packing.lower().replace(" ", "").split(",") if word not in ("", "identity")]
    if unknown := next((word for word in words if word not in _PACKED), None):
        return Refusal(f"the body is packed ({unknown[:20]!r}), which is not read here; send it plain or as gzip")
    if len(words) > _MOST_PACKINGS:
        return Refusal(f"the body is packed {len(words)} times; send it plain or as gzip")
    if not words and raw.startswith(_GZIP_MARK):
        words = ["gzip"]
    plain: bytes | Refusal = raw
    for word in reversed(words):
        if isinstance(plain, Refusal):
            break
        plain = _unpacked_once(plain, word, max_bytes)
    return plain


def _unpacked_once(raw: bytes, word: str, max_bytes: int) -> bytes | Refusal:
    for form in _PACKED[word]:
        try:
            plain, whole = _members(raw, form, max_bytes + 1)
        except zlib.error:
            continue
        if len(plain) > max_bytes:
            return Refusal(f"too large: more than {max_bytes} bytes when it is unpacked")
        return plain if whole else Refusal(f"the body is no whole {word}: it ends too early")
    return Refusal(f"the body is no {word}, as its header Content-Encoding says")


def _members(raw: bytes, form: int, most: int) -> tuple[bytes, bool]:
    """Up to `most` bytes, and whether all is there; several packed one behind the other are one, as for gzip itself."""
    plain, left = b"", raw
    while True:
        unpacking = zlib.decompressobj(form)
        plain += unpacking.decompress(left, most - len(plain))
        left = unpacking.unused_data
        if not unpacking.eof or len(plain) >= most or not left.startswith(_GZIP_MARK):
            return plain, unpacking.eof


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
