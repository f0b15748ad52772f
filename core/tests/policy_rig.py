"""The shipped policy, asked about an event."""

from __future__ import annotations

from typing import Any

from mesh_core.actions.register import type_for
from mesh_core.models.events import HealthEvent
from mesh_core.policy.policy import Allowed, Policy

RESTART, REDEPLOY, NOTIFY, IGNORE = "restart", "redeploy", "notify", "ignore"
SHIPPED = Policy.load(None, learnt=False)
COMPOSE = {"compose": {"project": "shop", "service": "web"}}
DOCKER: dict[str, Any] = {"runtime": "docker", "container": "web"}


def event(type_: str, payload: dict[str, Any] | None = None, **more: Any) -> HealthEvent:
    return HealthEvent(**({"type": type_, "node": "n1", "service": "web", "payload": payload or {}} | more))


def type_name(word: str, told: HealthEvent) -> str | None:
    action = type_for(word, told)
    return action.name if action else None


def allows(type_: str, payload: dict[str, Any] | None = None, **more: Any) -> Allowed:
    return SHIPPED.allows(event(type_, payload, **more))
