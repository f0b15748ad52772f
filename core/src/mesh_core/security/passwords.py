"""Passwords: argon2id, through its reference library. The only room that imports it; knows nobody's name.

19 MiB and two passes (the OWASP minimum) instead of the library's 64 MiB: a Raspberry Pi must be able to afford one
check beside everything else, and guesses are limited before they get here.
"""

from __future__ import annotations

import re
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 10
LONGEST = 256
MEMORY_KIB = 19 * 1024
PASSES = 2
MOST_MEMORY_KIB = 128 * 1024  # a hash made elsewhere may ask for more than ours, but not for the machine
MOST_PASSES = 10

# Of a name that nobody has: checked at the price of everybody's, and no password is known to fit it.
NOBODYS_HASH = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${'A' * 22}${'A' * 43}"

_HASHER = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
_COST = re.compile(r"\$argon2id\$v=\d+\$m=(\d{1,9}),t=(\d{1,6}),p=(\d{1,3})\$")


def hash_password(password: str) -> str:
    """About 25 ms and 19 MiB."""
    return _HASHER.hash(_same(password))


def password_fits(hashed: str, password: str) -> bool:
    """Blocks as long as making it took; False also for a hash that is none or that asks for too much."""
    if not affordable(hashed):
        return False
    try:
        return _HASHER.verify(hashed, _same(password))
    except (VerificationError, InvalidHashError):
        return False


def affordable(hashed: str) -> bool:
    """May this hash be checked here? Its own text says how much memory and time that takes."""
    cost = _COST.match(hashed)
    return cost is not None and int(cost[1]) <= MOST_MEMORY_KIB and int(cost[2]) <= MOST_PASSES


def problem_with(password: str, name: str = "") -> str | None:
    """Why it should not be chosen, as a sentence; None if it may be."""
    if len(password) < SHORTEST:
        return f"a password needs at least {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"a password may have at most {LONGEST} characters"
    if not password.isprintable():
        return "a password may not hold control characters"
    if len(set(password)) < 4 or (name and password.lower() in (name, name * 2)):
        return "that would be guessed at once"
    return None


def _same(password: str) -> bytes:
    """One form of letters that keyboards make in several (an umlaut as one character or two)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")[: 4 * LONGEST]
