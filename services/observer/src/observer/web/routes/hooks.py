"""POST /hooks/*: alerts of other systems become health events. Answers 2xx only for what lies in the stream."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Annotated, Any
from weakref import WeakValueDictionary

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi import Path as PathParameter
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.strict_json import Refusal, parse_object
from mesh_core.runtime.metrics import HOOK_ALERTS, HOOK_REQUESTS
from observer.auth.arrival import neighbourhood
from observer.hooks.alert import MOST_ALERTS, Unfit
from observer.hooks.authentication import REPLAY_SECONDS, Access, AccessDecision, authenticate, needs_body
from observer.hooks.ingest import AlertIngest, AlertOutcome, IngestResult
from observer.hooks.rules import HookRules
from observer.hooks.sender import Reader, Sender
from observer.hooks.senders import SENDERS
from observer.web.bounds import HOOK_BYTES
from observer.web.errors import ApiError, Problem

BODY_SECONDS = 15.0
RETRY_SECONDS = 5
WORKING_MS = 10_000
# Bodies that have to be read before it is known who sent them: so many at a time, of one address, and for how long.
STRANGERS = 16
STRANGERS_OF_ONE = 8
STRANGER_SECONDS = 3.0
PLACE_SECONDS = 5.0
WORKING, ACCEPTED = b"working", b"accepted"
ANSWERS = {400: "bad", 415: "bad", 408: "bad", 422: "bad", 401: "unauthorized", 403: "unauthorized"} | {
    404: "bad",
    409: "replayed",
    413: "too_large",
    429: "too_many",
    503: "unavailable",
}

log = structlog.get_logger()

_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}
_NO: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
}


class HookAnswer(BaseModel):
    """What became of the alerts of one request."""

    received: int
    entered: int = Field(description="trouble that the mesh did not know yet")
    benign: int = Field(description="entered as well: it is over, or never was trouble")
    repeated: int = Field(description="known already, or over already")
    ignored: int = Field(description="nothing to tell: a test, a first failed attempt, a maintenance window")
    refused: int = Field(description="no alerts that could be read; they are in the dead letters")
    events: list[str] = Field(description="ids of the events that were entered")
    problems: list[str]


class HookContext:
    """What all hooks share: the rules, the way in, who asked how often. One per app."""

    def __init__(self, bus: Bus, rules: HookRules):
        self.bus = bus
        self.rules = rules
        self.ingest = AlertIngest(bus, rules.mapped)
        for measure in (HOOK_REQUESTS, HOOK_ALERTS):
            measure.allow("hook", SENDERS)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerMinute(rules.per_minute)
        self._strangers = asyncio.Semaphore(STRANGERS)
        self._of_one: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def within_limit(self, hook: str, address: str, *, let_in: bool) -> bool:
        """Counted apart: who has no key cannot use up what those who have one are allowed."""
        return await self._limiter.hit(self._limit, hook, address, "let in" if let_in else "refused")

    @contextlib.asynccontextmanager
    async def place(self, address: str) -> AsyncIterator[None]:
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


def hook_context_of(request: Request) -> HookContext:
    """A route's way to it (a FastAPI dependency)."""
    context: HookContext = request.app.state.hooks
    return context


TheHookContext = Annotated[HookContext, Depends(hook_context_of)]


def hooks_router() -> APIRouter:
    """A route for each sender of the table, and the one for senders that config/hooks.yml describes."""
    router = APIRouter(prefix="/hooks", tags=["hooks"], responses=_NO)
    for sender in SENDERS.values():
        route: dict[str, Any] = {
            "name": f"from_{sender.name.replace('-', '_')}",
            "description": sender.about,
            "openapi_extra": _BODY,
        }
        router.add_api_route(f"/{sender.name}", _route_of(sender), methods=["POST"], **route)
    router.add_api_route("/generic/{name}", from_anybody, methods=["POST"], openapi_extra=_BODY)
    return router


def _route_of(sender: Sender) -> Callable[..., Awaitable[HookAnswer]]:
    async def route(request: Request, context: TheHookContext) -> HookAnswer:
        return await _take(request, context, sender.name, sender.name, sender.alerts_in)

    return route


async def from_anybody(
    request: Request, context: TheHookContext, name: Annotated[str, PathParameter(max_length=64)]
) -> HookAnswer:
    """Any JSON object, read by the expressions under `generic` in config/hooks.yml."""
    hook = context.rules.generic.get(name)
    if hook is None:
        # Asked of the gate first: a stranger does not learn which names there are.
        await _body_let_in(request, context, "generic", f"generic/{name}")
        raise _no("generic", 404, "unknown", "config/hooks.yml has no such name under generic")
    return await _take(request, context, "generic", f"generic/{name}", lambda body: hook.alerts_in(body, name))


async def _take(request: Request, context: HookContext, kind: str, hook: str, read: Reader) -> HookAnswer:
    """One request from the first byte to the answer. `kind` is the word for metrics, `hook` the one for keys."""
    body, decision = await _body_let_in(request, context, kind, hook)
    try:
        async with _Once(context.bus, decision.idempotency_key) as seen:
            if seen == ACCEPTED:
                raise _no(kind, 409, "replayed", "this signed request was accepted before; nothing was entered")
            if seen == WORKING:
                raise BusDown("the same signed request is being worked on")
            receipt = await _enter(context, kind, hook, read, body)
    except BusDown as error:
        retry = {"Retry-After": str(RETRY_SECONDS)}
        said = f"not now ({error}); nothing is lost if you send it again"
        raise _no(kind, 503, "redis_away", said, retry) from None
    HOOK_REQUESTS.add(kind, "ok")
    return HookAnswer(
        received=sum(receipt.counts.values()),
        events=receipt.events,
        problems=receipt.problems,
        **{became.value: count for became, count in receipt.counts.items()},
    )


async def _enter(context: HookContext, kind: str, hook: str, read: Reader, raw: bytes) -> IngestResult:
    """Raises BusDown, or ApiError when not one alert could be read."""
    body = parse_object(raw, max_bytes=HOOK_BYTES)
    found = Unfit(body.reason) if isinstance(body, Refusal) else read(body)
    if not isinstance(found, Unfit) and len(found) > MOST_ALERTS:
        # All or nothing: an answer of 200 for half of them would lose the others.
        found = Unfit(f"more than {MOST_ALERTS} alerts in one request; send fewer at a time (Alertmanager: max_alerts)")
    if isinstance(found, Unfit):
        await context.bus.refuse(raw, source=f"hook:{hook}", reason=found.reason, by="observer")
        HOOK_ALERTS.add(kind, "refused")
        status = 400 if isinstance(body, Refusal) else 422
        raise _no(kind, status, "not_json" if status == 400 else "invalid", found.reason)
    receipt = await context.ingest.enter(found, hook)
    for became, count in receipt.counts.items():
        HOOK_ALERTS.add(kind, became, amount=count)
    if receipt.counts[AlertOutcome.REFUSED] and receipt.counts[AlertOutcome.REFUSED] == sum(receipt.counts.values()):
        raise _no(kind, 422, "invalid", "; ".join(receipt.problems)[:1000])
    return receipt


async def _body_let_in(request: Request, context: HookContext, kind: str, hook: str) -> tuple[bytes, AccessDecision]:
    """The body of a request that may come in; everybody else is told why not, as early as possible."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    peer = request.client.host if request.client else ""
    keys = context.rules.keys_of(hook)
    signed = needs_body(keys, headers)
    if not signed:
        decision = authenticate(keys, headers, b"", peer, time.time(), loopback=context.rules.loopback)
        await _let_in(context, decision, kind, peer)
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        # Also what a web page cannot send to another site without asking first.
        raise _no(kind, 415, "media_type", "send JSON, with Content-Type: application/json")
    if not signed:
        return await _read_body(request, headers, kind, BODY_SECONDS), decision
    try:
        async with context.place(peer):
            body = await _read_body(request, headers, kind, STRANGER_SECONDS)
            decision = authenticate(keys, headers, body, peer, time.time(), loopback=context.rules.loopback)
    except TimeoutError:
        said = "too many signed requests are being read; nothing is lost if you send it again"
        raise _no(kind, 503, "busy", said, {"Retry-After": str(RETRY_SECONDS)}) from None
    await _let_in(context, decision, kind, peer)
    return body, decision


async def _let_in(context: HookContext, decision: AccessDecision, kind: str, peer: str) -> None:
    if not await context.within_limit(kind, peer, let_in=decision.access is Access.ALLOWED):
        said = f"more than {context.rules.per_minute} requests in a minute"
        raise _no(kind, 429, "too_many", said, {"Retry-After": "60"})
    if decision.access is Access.UNAUTHENTICATED:
        raise _no(kind, 401, "unauthenticated", decision.reason, {"WWW-Authenticate": 'Bearer realm="mendmesh hooks"'})
    if decision.access is Access.FORBIDDEN:
        raise _no(kind, 403, "forbidden", decision.reason)


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
    except ApiError:  # of the bound in front of us
        raise _too_large(kind) from None
    except ClientDisconnect:
        raise _no(kind, 400, "cut_short", "the connection ended before the body did") from None
    except TimeoutError:
        raise _no(kind, 408, "too_slow", f"the body did not come within {seconds:g} s") from None
    if len(body) > HOOK_BYTES:
        raise _too_large(kind)
    return bytes(body)


class _Once:
    """A signed request works once: marked while it is worked on (briefly), and for good when that went well."""

    def __init__(self, bus: Bus, signature: str):
        self._bus = bus
        self._key = f"mesh:once:hook-seen:{hashlib.sha256(signature.encode()).hexdigest()}" if signature else ""

    async def __aenter__(self) -> bytes:
        """What became of the same signed request before; empty for a fresh one."""
        if not self._key or await self._bus.call("SET", self._key, WORKING, "NX", "PX", WORKING_MS):
            return b""
        return bytes(await self._bus.call("GET", self._key) or WORKING)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._key and kind is None:
            await self._bus.call("SET", self._key, ACCEPTED, "EX", 2 * REPLAY_SECONDS)


def _too_large(kind: str) -> ApiError:
    return _no(kind, 413, "too_large", "a body has at most 1 MiB here; send fewer alerts at a time")


def _no(kind: str, status: int, error: str, detail: str, headers: dict[str, str] | None = None) -> ApiError:
    HOOK_REQUESTS.add(kind, ANSWERS[status])
    if status in (401, 403):
        log.warning("hooks.refused", hook=kind, status=status, reason=detail)
    return ApiError(status, error, detail, headers)
