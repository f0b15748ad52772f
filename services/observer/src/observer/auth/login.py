"""Checking what somebody signs in with: guesses are counted first, and one argon2 at a time keeps memory small.

It takes as long for a name that nobody has as for a wrong password, and says the same.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from mesh_core.runtime.process_memory import return_big_blocks
from mesh_core.security.passwords import NOBODYS_HASH, password_fits
from observer.auth.credentials import Account, UserStore, mark_of
from observer.auth.devices import DeviceCookies
from observer.auth.request_origin import neighbourhood

MOST_WAITING = 8
BUSY_RETRY_SECONDS = 2
WINDOW_SECONDS = 15 * 60
PER_PERSON = RateLimitItemPerSecond(5, WINDOW_SECONDS)  # one name from one network
PER_NETWORK = RateLimitItemPerSecond(20, WINDOW_SECONDS)  # all names from one network
PER_DEVICE = RateLimitItemPerSecond(10, WINDOW_SECONDS)  # a browser that this person signed in with before
STRANGERS = RateLimitItemPerMinute(60)  # all others together: about 1.5 s of one core a minute


class TooManyAttempts(Exception):
    """Not now; `retry_seconds` later. `guessing`: too many attempts, and not only that we are busy."""

    def __init__(self, retry_seconds: int, *, guessing: bool):
        super().__init__("too many attempts")
        self.retry_seconds = retry_seconds
        self.guessing = guessing


class LoginVerifier:
    """`close` when the service ends."""

    def __init__(self, users: UserStore, devices: DeviceCookies):
        return_big_blocks()
        self._users = users
        self._devices = devices
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2")
        self._waiting = 0

    async def check(self, user: str, password: str, token: str, address: str, device: str = "") -> Account | None:
        """Who it is; None if that is nobody. `device`: the browser's cookie, if any. TooManyAttempts and BadPeople.

        Guesses are counted by name, network and all together. A browser that this very person has signed in with before
        has a count of its own, and a right token none (nobody guesses 256 bits): so a flood of guesses keeps only new
        browsers out, and only while it lasts.
        """
        name, network = user.strip().lower(), neighbourhood(address)
        with_token = bool(token and not user and not password)
        known = self._users.token(token) if with_token else None
        if known is not None:
            return known
        trusted = self._known_device(device, name)
        self._count(name, network, trusted)
        if with_token:
            return None
        known = await self._user(name, password)
        if known is not None:
            for item, identifiers in _counts_of(name, network, trusted):
                if item in (PER_PERSON, PER_DEVICE):
                    self._limiter.clear(item, *identifiers)
        return known

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _user(self, name: str, password: str) -> Account | None:
        user = self._users.user(name)
        if self._waiting >= MOST_WAITING:
            raise TooManyAttempts(BUSY_RETRY_SECONDS, guessing=False)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            fits = await loop.run_in_executor(self._thread, _fits, user.password if user else None, password)
        finally:
            self._waiting -= 1
        return Account(name, user.role, mark_of(user.password)) if user and fits else None

    def _known_device(self, device: str, name: str) -> str:
        user = self._users.user(name) if device and name else None
        return self._devices.known(device, name, mark_of(user.password)) if user else ""

    def _count(self, name: str, network: str, device: str) -> None:
        for item, identifiers in _counts_of(name, network, device):
            if not self._limiter.hit(item, *identifiers):
                reset = self._limiter.get_window_stats(item, *identifiers).reset_time
                raise TooManyAttempts(max(1, min(WINDOW_SECONDS, round(reset - time.time()))), guessing=True)


def _fits(hashed: str | None, password: str) -> bool:
    return password_fits(hashed or NOBODYS_HASH, password) and hashed is not None


def _counts_of(name: str, network: str, device: str) -> tuple[tuple[RateLimitItem, tuple[str, ...]], ...]:
    if device:
        return ((PER_DEVICE, (name, device)),)
    return (PER_NETWORK, (network,)), (PER_PERSON, (name, network)), (STRANGERS, ())
