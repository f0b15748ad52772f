"""What a certificate says of itself, out of its DER: from when until when, and for which names. Pure; judges nothing.

The standard library tells that only of certificates that hold, and those that do not are the ones of interest.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

_SEQUENCE = 0x30
_TIMES = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}  # UTCTime, GeneralizedTime
_VERSION = 0xA0
_EXTENSIONS = 0xA3
_COMMON_NAME = b"\x55\x04\x03"
_OTHER_NAMES = b"\x55\x1d\x11"  # subjectAltName
_DNS, _IP = 0x82, 0x87


class Certificate(NamedTuple):
    """`begins_at`, `ends_at` in unix seconds; `names` of hosts, each once; `digest`: 8 hex that tell it from others."""

    begins_at: float
    ends_at: float
    names: tuple[str, ...]
    digest: str

    @property
    def lifetime_seconds(self) -> float:
        return self.ends_at - self.begins_at


def read_certificate(der: bytes) -> Certificate:
    """ValueError where these bytes are no certificate."""
    try:
        _, body, _ = _value(der)
        _, signed, _ = _value(body)
        tag, _, rest = _value(signed)
        if tag == _VERSION:
            _, _, rest = _value(rest)  # the serial number
        for _ in ("algorithm", "issuer"):
            _, _, rest = _value(rest)
        tag, validity, rest = _value(rest)
        if tag != _SEQUENCE:
            raise ValueError("no validity stands where it belongs")
        begins_at, ends_at = (_moment(kind, text) for kind, text in _values(validity))
        _, subject, rest = _value(rest)
        names = dict.fromkeys((*_names_beside(rest), *_common_names(subject)))
        return Certificate(begins_at, ends_at, tuple(names), hashlib.sha256(der).hexdigest()[:8])
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"no certificate: {error!r}") from error


def certificate_in(der: bytes) -> Certificate | None:
    """The same, and None where these bytes are none."""
    try:
        return read_certificate(der)
    except ValueError:
        return None


def _moment(kind: int, text: bytes) -> float:
    return datetime.strptime(text.decode("ascii"), _TIMES[kind]).replace(tzinfo=UTC).timestamp()


def _common_names(subject: bytes) -> Iterator[str]:
    for _, group in _values(subject):
        for _, pair in _values(group):
            _, kind, value = _value(pair)
            if kind == _COMMON_NAME:
                yield _value(value)[1].decode("utf-8", "replace")


def _names_beside(rest: bytes) -> Iterator[str]:
    """Behind the subject stand the key, and in the last part the extensions."""
    extensions = next((content for tag, content in _values(rest) if tag == _EXTENSIONS), b"")
    for _, one in _values(_value(extensions)[1] if extensions else b""):
        _, kind, value = _value(one)
        if kind == _OTHER_NAMES:
            *_, (_, packed) = _values(value)  # it may be marked as critical before
            for tag, name in _values(_value(packed)[1]):
                if tag == _DNS:
                    yield name.decode("ascii")
                elif tag == _IP:
                    yield str(ipaddress.ip_address(name))


def _values(der: bytes) -> Iterator[tuple[int, bytes]]:
    while der:
        tag, content, der = _value(der)
        yield tag, content


def _value(der: bytes) -> tuple[int, bytes, bytes]:
    """(tag, content, what comes behind it) of the first value."""
    tag, size, at = der[0], der[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(der[2:at], "big")
    if at + size > len(der):
        raise ValueError("it is cut short")
    return tag, der[at : at + size], der[at + size :]
