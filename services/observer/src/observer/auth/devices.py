"""A browser that somebody signed in with before is known again: a stranger's guesses do not lock that person out.

Its cookie opens nothing: it only gives its sign-ins a count of their own. The method is the one that OWASP describes
as device cookies. It ends with the password that it was earned with, because that password's mark is part of the seal.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

COOKIE = "mend_device"
KEPT_SECONDS = 180 * 86_400


class DeviceCookies:
    """`seal` makes a text into hex that only this observer can make."""

    def __init__(self, seal: Callable[[str], str]):
        self._seal = seal

    def cookie_for(self, name: str, mark: str) -> str:
        """What the browser keeps after `name` has signed in with what `mark` stands for."""
        number = secrets.token_hex(8)
        return f"{number}.{self._seal(f'device:{number}:{name}:{mark}')}"

    def known(self, cookie: str, name: str, mark: str) -> str:
        """The browser's number if `name` signed in with it before, and with the same password; '' otherwise."""
        number, _, seal = cookie[:200].partition(".")
        wanted = self._seal(f"device:{number}:{name}:{mark}")
        return number if hmac.compare_digest(seal.encode(), wanted.encode()) else ""
