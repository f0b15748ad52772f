"""Who may post to a hook, and the body that they post: limits first, then the key, then the bytes. Knows no alerts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from weakref import WeakValueDictionary

import structlog
from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.requests import ClientDisconnect

from mesh_core.messaging.bus import Bus
from mesh_core.models.records import sha256_of
from mesh_core.runtime.metrics import HOOK_REQUESTS
from observer.auth.request_origin import neighbourhood
from observer.hooks.authentication import REPLAY_SECONDS, Access, AccessDecision, authenticate, needs_body
from observer.hooks.plain_text import is_text
from observer.hooks.request_body import FORM, media_of
from observer.hooks.rules import HookRules
from observer.web.errors import HttpProblem
from observer.web.request_limits import HOOK_BYTES

BODY_SECONDS = 15.0
RETRY_SECONDS = 5
WORKING_MS = 10_000
# Bodies that have to be read before it is known who sent them: so many at a time, of one address, and for how long.
STRANGERS = 16
STRANGERS_OF_ONE = 8
STRANGER_SECONDS = 3.0
PLACE_SECONDS = 5.0
WORKING, ACCEPTED = b"working", b"accepted"
OUTCOME_OF_STATUS = {400: "bad", 415: "bad", 408: "bad", 422: "bad", 401: "unauthorized", 403: "unauthorized"} | {
    404: "bad",
    409: "replayed",
    413: "too_large",
    429: "too_many",
    503: "unavailable",
}

log = structlog.get_logger()


class HookAdmission:
    """How often who asked, and how many bodies of strangers are being read. One for all hooks of an app."""

    def __init__(self, rules: HookRules):
        self._rules = rules
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerMinute(rules.per_minute)
        self._strangers = asyncio.Semaphore(STRANGERS)
        self._of_one: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def _within_limit(self, hook: str, address: str, *, let_in: bool) -> bool:
        """Counted apart: who has no key cannot use up what those who have one are allowed."""
        return await self._limiter.hit(self._limit, hook, address, "let in" if let_in else "refused")

    @contextlib.asynccontextmanager
    async def _body_slot(self, address: str) -> AsyncIterator[None]:
        """One of few, to read a stranger's body in. Raises TimeoutError where none is free in time.

        Who takes many is in the way of its own address before it is in that of others.
        """
        home = neighbourhood(address)
        of_one = self._of_one.get(home)
        if of_one is None:
            of_one = self._of_one[home] = asyncio.Semaphore(STRANGERS_OF_ONE)
        async with contextlib.AsyncExitStack() as held:
            async with asyncio.timeout(PLACE_SECONDS):
                await held.enter_async_context(of_one)
                await held.enter_async_context(self._strangers)
            yield

    async def body_of(self, request: Request, kind: str, hook: str, *, forms: bool) -> tuple[bytes, AccessDecision]:
        """The body of a request that may come in; everybody else is told why not, as early as possible.

        `forms`: this hook reads them, from whoever shows a key. No page of a browser can: it has none.
        """
        headers = {name.lower(): value for name, value in request.headers.items()}
        peer = request.client.host if request.client else ""
        keys = self._rules.keys_of(hook)
        signed = needs_body(keys, headers)
        if not signed:
            decision = authenticate(keys, headers, b"", peer, time.time(), loopback=self._rules.loopback)
            await self._check(decision, kind, peer)
        _check_media(media_of(headers.get("content-type", "")), kind, forms=forms, keyed=keys.any)
        if not signed:
            return await _read_body(request, headers, kind, BODY_SECONDS), decision
        try:
            async with self._body_slot(peer):
                body = await _read_body(request, headers, kind, STRANGER_SECONDS)
                decision = authenticate(keys, headers, body, peer, time.time(), loopback=self._rules.loopback)
        except TimeoutError:
            detail = "too many signed requests are being read; nothing is lost if you send it again"
            raise refusal(kind, 503, "busy", detail, {"Retry-After": str(RETRY_SECONDS)}) from None
        await self._check(decision, kind, peer)
        return body, decision

    async def _check(self, decision: AccessDecision, kind: str, peer: str) -> None:
        if not await self._within_limit(kind, peer, let_in=decision.access is Access.ALLOWED):
            detail = f"more than {self._rules.per_minute} requests in a minute"
            raise refusal(kind, 429, "too_many", detail, {"Retry-After": "60"})
        if decision.access is Access.UNAUTHENTICATED:
            raise refusal(
                kind, 401, "unauthenticated", decision.reason, {"WWW-Authenticate": 'Bearer realm="mendmesh hooks"'}
            )
        if decision.access is Access.FORBIDDEN:
            raise refusal(kind, 403, "forbidden", decision.reason)


class OneTimeSignature:
    """A signed request works once: marked while it is worked on (briefly), and for good when that went well."""

    def __init__(self, bus: Bus, signature: str):
        self._bus = bus
        self._key = f"mesh:once:hook-seen:{sha256_of(signature)}" if signature else ""

    async def __aenter__(self) -> bytes:
        """What became of the same signed request before; empty for a fresh one."""
        if not self._key or await self._bus.call("SET", self._key, WORKING, "NX", "PX", WORKING_MS):
            return b""
        return bytes(await self._bus.call("GET", self._key) or WORKING)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._key and kind is None:
            await self._bus.call("SET", self._key, ACCEPTED, "EX", 2 * REPLAY_SECONDS)


def _check_media(media: str, kind: str, *, forms: bool, keyed: bool) -> None:
    """JSON is what no web page can send to another site without asking; a form or a text it can, but without a key."""
    is_simple = forms and (media == FORM or is_text(media))
    if "json" in media.partition("/")[2] or (is_simple and keyed):
        return
    came = f"the body is {media[:60]!r}" if media else "no Content-Type says what the body is"
    or_key = " (or set HOOKS_TOKEN_FILE: texts and forms are read with a key only)" if is_simple else ""
    raise refusal(kind, 415, "media_type", f"{came}; send JSON, with Content-Type: application/json{or_key}")


async def _read_body(request: Request, headers: Mapping[str, str], kind: str, seconds: float) -> bytes:
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length[:20]) > HOOK_BYTES:
        raise _too_large(kind)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                body += piece
                if len(body) > HOOK_BYTES:
                    break
    except HttpProblem:  # of the bound in front of us
        raise _too_large(kind) from None
    except ClientDisconnect:
        raise refusal(kind, 400, "cut_short", "the connection ended before the body did") from None
    except TimeoutError:
        raise refusal(kind, 408, "too_slow", f"the body did not come within {seconds:g} s") from None
    if len(body) > HOOK_BYTES:
        raise _too_large(kind)
    return bytes(body)


def _too_large(kind: str) -> HttpProblem:
    return refusal(kind, 413, "too_large", "a body has at most 1 MiB here; send fewer alerts at a time")


def refusal(kind: str, status: int, error: str, detail: str, headers: dict[str, str] | None = None) -> HttpProblem:
    """What the sender is told, counted under its status."""
    HOOK_REQUESTS.add(kind, OUTCOME_OF_STATUS[status])
    if status in (401, 403):
        log.warning("hooks.refused", hook=kind, status=status, reason=detail)
    return HttpProblem(status, error, detail, headers)
