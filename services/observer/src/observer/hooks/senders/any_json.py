"""Whatever posts a JSON object that nobody described: read by its fields of known meaning. Pure."""

from __future__ import annotations

from typing import Any

from observer.hooks.alert import Read, Unfit
from observer.hooks.generic import GenericHook
from observer.hooks.sender import HookSender

NAME = "any"


def alerts_in(body: dict[str, Any]) -> list[Read] | Unfit:
    """Where fields cannot say it, a hook under `generic` in config/hooks.yml does."""
    return GenericHook().alerts_in(body, NAME)


SENDER = HookSender(NAME, "Any JSON object, read by its fields of known meaning: host, service, severity.", alerts_in)
