"""Which languages somebody reads, best first: out of Accept-Language or a locale such as pl_PL.UTF-8. Pure."""

from __future__ import annotations

import re

_CODE = re.compile(r"[a-z]{2,3}(?![a-z])", re.IGNORECASE)
_MAX = 10  # of a list; the rest is read by nobody


def languages_in(said: str) -> tuple[str, ...]:
    """Their codes of two or three letters, in the order in which they stand there; empty where none does."""
    found = (_CODE.match(one.strip()) for one in said.split(",")[:_MAX])
    return tuple(dict.fromkeys(one[0].lower() for one in found if one))
