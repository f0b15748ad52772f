"""POST /hooks/* in this process, on a real Redis: the app, what lies in the streams afterwards, and bodies to send."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx

from mesh_core.messaging.bus import Bus
from mesh_core.models.events import DeadLetter, HealthEvent
from mesh_core.models.streams import FOREIGN_STREAM
from observer.hooks.authentication import signature_of
from observer.hooks.generic import GenericHook
from observer.hooks.rules import HookRules, Keys

HERE = "http://127.0.0.1:8686"
TOKEN, SECRET = "a-token-of-this-hook", "a-secret-to-sign-with"
Serve = Callable[..., Any]


class Observer:
    """The app, and what lies in the streams."""

    def __init__(self, http: httpx.AsyncClient, bus: Bus):
        self.http = http
        self.bus = bus

    async def events(self) -> list[HealthEvent]:
        rows = await self.bus.call("XRANGE", FOREIGN_STREAM, "-", "+")
        return [HealthEvent.model_validate_json(fields[b"p"]) for _, fields in rows]

    async def letters(self) -> list[DeadLetter]:
        rows = await self.bus.call("XRANGE", DeadLetter.stream, "-", "+")
        return [DeadLetter.model_validate_json(fields[b"p"]) for _, fields in rows]

    async def nothing_entered(self) -> bool:
        return await self.events() == []


OPEN = HookRules(loopback=True)
WITH_TOKEN = HookRules(common=Keys(token=TOKEN))
SIGNED = HookRules(common=Keys(secret=SECRET))
GENERIC = replace(
    OPEN, generic={"any": GenericHook(type="kind", node="host", service="svc", firing="state != 'ok'", incident="id")}
)


def alert(fingerprint: str = "f1", status: str = "firing", starts: str = "2026-05-05T11:00:00Z", **labels: str) -> Any:
    return {
        "status": status,
        "labels": {"alertname": "ContainerUnhealthy", "instance": "pi4:9100", "container": "web", **labels},
        "annotations": {"summary": "ill"},
        "startsAt": starts,
        "endsAt": "2026-05-05T12:00:00Z",
        "fingerprint": fingerprint,
    }


def body(*alerts: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "alerts": list(alerts)}


def signed(content: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    return {
        "Content-Type": "application/json",
        "X-Mendmesh-Timestamp": timestamp,
        "X-Mendmesh-Signature": signature_of(secret, timestamp, content),
    }
