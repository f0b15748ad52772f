"""What Grafana's webhook contact point posts: Alertmanager's shape, with values and a title of its own. Pure."""

from __future__ import annotations

from typing import Any

from observer.hooks.alert import Nothing, Read, Unfit
from observer.hooks.sender import HookSender
from observer.hooks.senders import alertmanager

SOURCE = "grafana"


def alerts_in(body: dict[str, Any]) -> list[Read] | Unfit:
    """As Alertmanager's. The contact point's test button sends an alert called TestAlert with Grafana's own labels."""
    found = alertmanager.alerts_in(body, SOURCE)
    if isinstance(found, Unfit):
        return Unfit("alerts: not a list; this hook wants what Grafana's webhook contact point sends")
    return [_unless_test(one, body) for one in found]


def _unless_test(one: Read, body: dict[str, Any]) -> Read:
    labels = getattr(one, "labels", {})
    if labels.get("alertname") == "TestAlert" and labels.get("instance") == "Grafana":
        return Nothing("Grafana's own test message")
    return one


SENDER = HookSender(SOURCE, "Grafana's webhook contact point.", alerts_in)
