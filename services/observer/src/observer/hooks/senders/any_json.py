"""Whatever posts JSON or a form that nobody described: read by its fields of known meaning. Pure."""

from __future__ import annotations

from observer.hooks.alert import Read, Unfit
from observer.hooks.generic import GenericHook
from observer.hooks.request_body import Body
from observer.hooks.sender import HookSender

NAME = "any"


def alerts_in(body: Body) -> list[Read] | Unfit:
    """Where fields cannot say it, a hook under `generic` in config/hooks.yml does."""
    return GenericHook().alerts_in(body, NAME)


SENDER = HookSender(
    NAME,
    "Any JSON object, list of them or form, read by fields of known meaning: host, service, severity.",
    alerts_in,
    any_shape=True,
)
