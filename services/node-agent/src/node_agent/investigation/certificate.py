"""Until when a certificate is good, out of its DER. Pure; judges nothing, and asks nobody whether it is genuine.

The standard library tells that only of certificates that hold, and those that do not are the ones of interest.
"""

from __future__ import annotations

from datetime import UTC, datetime

_SEQUENCE = 0x30
_TIMES = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}  # UTCTime, GeneralizedTime
_VERSION = 0xA0


def ends_at(certificate: bytes) -> float:
    """Its notAfter in unix seconds. ValueError where these bytes are no certificate."""
    try:
        _, body, _ = _value(certificate)
        _, signed, _ = _value(body)
        tag, _, rest = _value(signed)
        if tag == _VERSION:
            _, _, rest = _value(rest)  # the serial number
        for _ in ("algorithm", "issuer"):
            _, _, rest = _value(rest)
        tag, validity, _ = _value(rest)
        _, _, after = _value(validity)
        kind, moment, _ = _value(after)
        if tag != _SEQUENCE:
            raise ValueError("no validity stands where it belongs")
        return datetime.strptime(moment.decode("ascii"), _TIMES[kind]).replace(tzinfo=UTC).timestamp()
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"no certificate: {error!r}") from error


def _value(der: bytes) -> tuple[int, bytes, bytes]:
    """(tag, content, what comes behind it) of the first value."""
    tag, size, at = der[0], der[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(der[2:at], "big")
    if at + size > len(der):
        raise ValueError("it is cut short")
    return tag, der[at : at + size], der[at + size :]
