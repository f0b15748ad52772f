"""Checking what somebody signs in with: guesses are counted first, and one argon2 at a time keeps memory small.

It takes as long for a name that nobody has as for a wrong password, and says the same.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from mesh_core.passwords import hash_password, password_fits
from observer.auth.arrival import neighbourhood
from observer.auth.book import Book, Known, mark_of
from observer.auth.memory import give_big_blocks_back

MOST_WAITING = 8
BUSY_RETRY_SECONDS = 2
WINDOW_SECONDS = 15 * 60
PER_PERSON = RateLimitItemPerSecond(5, WINDOW_SECONDS)  # one name from one place
PER_PLACE = RateLimitItemPerSecond(20, WINDOW_SECONDS)  # all names from one place
ALL = RateLimitItemPerMinute(60)  # everybody together: about 1.5 s of one core a minute


class TooMany(Exception):
    """Not now; `retry_seconds` later. `guessing`: too many attempts, and not only that we are busy."""

    def __init__(self, retry_seconds: int, *, guessing: bool):
        super().__init__("too many attempts")
        self.retry_seconds = retry_seconds
        self.guessing = guessing


class SigningIn:
    """`close` when the service ends."""

    def __init__(self, book: Book):
        give_big_blocks_back()
        self._book = book
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobody: str | None = None

    async def check(self, user: str, password: str, token: str, address: str) -> Known | None:
        """Who it is; None if that is nobody. Raises TooMany and BadPeople."""
        name, place = user.strip().lower(), neighbourhood(address)
        self._count(name, place)
        if token and not user and not password:
            known = self._book.token(token)
        else:
            known = await self._user(name, password)
        if known is not None:
            self._limiter.clear(PER_PERSON, name, place)
        return known

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _user(self, name: str, password: str) -> Known | None:
        user = self._book.user(name)
        if self._waiting >= MOST_WAITING:
            raise TooMany(BUSY_RETRY_SECONDS, guessing=False)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            fits = await loop.run_in_executor(self._thread, self._fits, user.password if user else None, password)
        finally:
            self._waiting -= 1
        return Known(name, user.role, mark_of(user.password)) if user and fits else None

    def _fits(self, hashed: str | None, password: str) -> bool:
        if self._nobody is None:
            self._nobody = hash_password("whoever has no account")
        return password_fits(hashed or self._nobody, password) and hashed is not None

    def _count(self, name: str, place: str) -> None:
        for item, identifiers in ((PER_PLACE, (place,)), (PER_PERSON, (name, place)), (ALL, ())):
            if not self._limiter.hit(item, *identifiers):
                reset = self._limiter.get_window_stats(item, *identifiers).reset_time
                raise TooMany(max(1, min(WINDOW_SECONDS, round(reset - time.time()))), guessing=True)
