"""What Grafana's webhook contact point posts: Alertmanager's shape, with values and a title of its own. Pure."""

from __future__ import annotations

from typing import Any

from observer.hooks.alert import Nothing, Read, Unfit, words_in
from observer.hooks.sender import HookSender
from observer.hooks.senders import alertmanager
from observer.hooks.title_forms import rule_in_title

SOURCE = "grafana"
_MOST_CHARS = 200


def alerts_in(body: dict[str, Any]) -> list[Read] | Unfit:
    """As Alertmanager's. The contact point's test button sends an alert called TestAlert with Grafana's own labels."""
    found = alertmanager.alerts_in(_named(body), SOURCE)
    if isinstance(found, Unfit):
        return Unfit("alerts: not a list; this hook wants what Grafana's webhook contact point sends")
    return [_unless_test(one, body) for one in found]


def _named(body: dict[str, Any]) -> dict[str, Any]:
    """The message's title is the name of its only alert, where a template of its owner's sends none."""
    alerts, common, title = body.get("alerts"), words_in(body.get("commonLabels")), body.get("title")
    if (
        not isinstance(alerts, list)
        or len(alerts) != 1
        or not isinstance(alerts[0], dict)
        or not isinstance(title, str)
    ):
        return body
    labels = words_in(alerts[0].get("labels"))
    name = (rule_in_title(title) or title.strip())[:_MOST_CHARS]
    if not name or "alertname" in common | labels:
        return body
    return {**body, "alerts": [alerts[0] | {"labels": labels | {"alertname": name}}]}


def _unless_test(one: Read, body: dict[str, Any]) -> Read:
    labels = getattr(one, "labels", {})
    if labels.get("alertname") == "TestAlert" and labels.get("instance") == "Grafana":
        return Nothing("Grafana's own test message")
    return one


SENDER = HookSender(SOURCE, "Grafana's webhook contact point.", alerts_in)
