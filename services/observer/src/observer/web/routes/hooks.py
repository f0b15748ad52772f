"""POST /hooks/*: alerts of other systems become health events. Answers 2xx only for what lies in the stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field

from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.foreign_text import unpacked
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.names.known_names import KnownNames
from mesh_core.runtime.metrics import HOOK_ALERTS, HOOK_REQUESTS
from observer.hooks.alert import MOST_ALERTS, Unfit
from observer.hooks.generic import SOURCE
from observer.hooks.ingest import AlertIngest, AlertOutcome, IngestResult
from observer.hooks.request_body import FORM, body_in
from observer.hooks.rules import HookRules
from observer.hooks.sender import HookSender
from observer.hooks.senders import SENDERS
from observer.web.errors import Problem
from observer.web.hook_admission import ACCEPTED, RETRY_SECONDS, WORKING, HookAdmission, OneTimeSignature, refusal
from observer.web.request_limits import HOOK_BYTES

_OBJECT: dict[str, Any] = {"type": "object"}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_JSON = {"application/json": {"schema": _OBJECT}}
_ANY_SHAPE = {
    "application/json": {"schema": {"anyOf": [_OBJECT, {"type": "array", "items": _OBJECT}]}},
    FORM: {"schema": _TEXTS},
}
_NO: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
}


class HookAnswer(BaseModel):
    """What outcome of the alerts of one request."""

    received: int
    entered: int = Field(description="trouble that the mesh did not know yet")
    benign: int = Field(description="entered as well: it is over, or never was trouble")
    repeated: int = Field(description="known already, or over already")
    ignored: int = Field(description="nothing to tell: a test, a first failed attempt, a maintenance window")
    refused: int = Field(description="no alerts that could be read; they are in the dead letters")
    events: list[str] = Field(description="ids of the events that were entered")
    problems: list[str]


class HookServices:
    """What all hooks share: the rules, the way in, who asked how often. One per app."""

    def __init__(self, bus: Bus, rules: HookRules, names: Callable[[], KnownNames]):
        self.bus = bus
        self.rules = rules
        self.ingest = AlertIngest(bus, rules.mapped, names=names)
        self.admission = HookAdmission(rules)
        for measure in (HOOK_REQUESTS, HOOK_ALERTS):
            measure.allow("hook", SENDERS)


def hooks_of(request: Request) -> HookServices:
    """A route's way to it (a FastAPI dependency)."""
    hooks: HookServices = request.app.state.hooks
    return hooks


Hooks = Annotated[HookServices, Depends(hooks_of)]


def hooks_router(senders: Iterable[HookSender]) -> APIRouter:
    """A route for each of them, and the one for senders that config/hooks.yml describes."""
    router = APIRouter(prefix="/hooks", tags=["hooks"], responses=_NO)
    for sender in senders:
        route: dict[str, Any] = {
            "name": f"from_{sender.name.replace('-', '_')}",
            "description": sender.about,
            "openapi_extra": _accepts(_ANY_SHAPE if sender.any_shape else _JSON),
        }
        router.add_api_route(f"/{sender.name}", _route_of(sender), methods=["POST"], **route)
    router.add_api_route("/generic/{name}", from_anybody, methods=["POST"], openapi_extra=_accepts(_ANY_SHAPE))
    return router


def _accepts(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def _route_of(sender: HookSender) -> Callable[..., Awaitable[HookAnswer]]:
    async def route(request: Request, hooks: Hooks) -> HookAnswer:
        return await _take(request, hooks, sender, sender.name)

    return route


async def from_anybody(
    request: Request, hooks: Hooks, name: Annotated[str, PathParameter(max_length=64)]
) -> HookAnswer:
    """Any JSON object, list of them or form, read by the expressions under `generic` in config/hooks.yml."""
    hook = hooks.rules.generic.get(name)
    if hook is None:
        # Admitted first: a stranger does not learn which names there are.
        await hooks.admission.body_of(request, "generic", f"generic/{name}", forms=True)
        raise refusal("generic", 404, "unknown", "config/hooks.yml has no such name under generic")
    sender = HookSender(SOURCE, "", lambda body: hook.alerts_in(body, name), any_shape=True)
    return await _take(request, hooks, sender, f"generic/{name}")


async def _take(request: Request, hooks: HookServices, sender: HookSender, hook: str) -> HookAnswer:
    """One request from the first byte to the answer. The sender's name is the metrics' word, `hook` the keys'."""
    kind = sender.name
    body, decision = await hooks.admission.body_of(request, kind, hook, forms=sender.any_shape)
    try:
        async with OneTimeSignature(hooks.bus, decision.idempotency_key) as seen:
            if seen == ACCEPTED:
                raise refusal(kind, 409, "replayed", "this signed request was accepted before; nothing was entered")
            if seen == WORKING:
                raise BusDown("the same signed request is being worked on")
            result = await _enter(hooks, sender, hook, body, request.headers)
    except BusDown as error:
        retry = {"Retry-After": str(RETRY_SECONDS)}
        detail = f"not now ({error}); nothing is lost if you send it again"
        raise refusal(kind, 503, "redis_away", detail, retry) from None
    HOOK_REQUESTS.add(kind, "ok")
    return HookAnswer(
        received=sum(result.counts.values()),
        events=result.events,
        problems=result.problems,
        **{outcome.value: count for outcome, count in result.counts.items()},
    )


async def _enter(
    hooks: HookServices, sender: HookSender, hook: str, raw: bytes, headers: Mapping[str, str]
) -> IngestResult:
    """Raises BusDown, or HttpProblem when not one alert could be read."""
    kind = sender.name
    plain = unpacked(raw, headers.get("content-encoding", ""), max_bytes=HOOK_BYTES)
    media = headers.get("content-type", "")
    body = plain if isinstance(plain, Refusal) else body_in(plain, media, HOOK_BYTES, any_shape=sender.any_shape)
    found = Unfit(body.reason) if isinstance(body, Refusal) else sender.alerts_in(body)
    if not isinstance(found, Unfit) and len(found) > MOST_ALERTS:
        # All or nothing: an answer of 200 for half of them would lose the others.
        found = Unfit(f"more than {MOST_ALERTS} alerts in one request; send fewer at a time (Alertmanager: max_alerts)")
    if isinstance(found, Unfit):
        kept = raw if isinstance(plain, Refusal) else plain
        await hooks.bus.refuse(kept, source=f"hook:{hook}", reason=found.reason, actor="observer")
        HOOK_ALERTS.add(kind, "refused")
        status = 400 if isinstance(body, Refusal) else 422
        raise refusal(kind, status, "not_json" if status == 400 else "invalid", found.reason)
    result = await hooks.ingest.enter(found, hook)
    for outcome, count in result.counts.items():
        HOOK_ALERTS.add(kind, outcome, amount=count)
    if result.counts[AlertOutcome.REFUSED] and result.counts[AlertOutcome.REFUSED] == sum(result.counts.values()):
        raise refusal(kind, 422, "invalid", "; ".join(result.problems)[:1000])
    return result
