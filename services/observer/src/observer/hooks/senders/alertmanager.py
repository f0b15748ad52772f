"""What Prometheus' Alertmanager posts (webhook_config, version 4): one group of alerts. Pure."""

from __future__ import annotations

from typing import Any

from mesh_core.policy.event_facts.alert_state import says_well
from observer.hooks.alert import MOST_ALERTS, Alert, Read, Unfit, raw_of, stable_key, timestamp_in, words_in
from observer.hooks.mapping import SERVICE_LABELS
from observer.hooks.monitors import told_in_name
from observer.hooks.sender import HookSender
from observer.hooks.spoken_of import thing_spoken_of

SOURCE = "alertmanager"
_FIRING = frozenset({"firing", "alerting", "active"})  # what relays and older senders of this shape say for it, too


def alerts_in(body: dict[str, Any], source: str = SOURCE) -> list[Read] | Unfit:
    """Each alert of the group by itself: firing and resolved ones come mixed."""
    alerts = body.get("alerts")
    if not isinstance(alerts, list):
        return Unfit("alerts: not a list; this hook wants what Alertmanager's webhook_config sends")
    common = words_in(body.get("commonLabels"))
    return [_alert(item, common, body.get("status", "firing"), source) for item in alerts[: MOST_ALERTS + 1]]


def _alert(item: object, common: dict[str, str], status_of_all: object, source: str) -> Read:
    if not isinstance(item, dict):
        return Unfit("an alert is no object", raw_of(item))
    labels = {**common, **words_in(item.get("labels"))}
    name = labels.get("alertname", "")
    if not name:
        return Unfit("labels.alertname: missing", raw_of(item))
    status = item.get("status", status_of_all)
    word = status.strip().lower() if isinstance(status, str) else ""
    if word not in _FIRING and not says_well(word):
        return Unfit("status: neither firing nor resolved", raw_of(item))
    firing = word in _FIRING
    status = "firing" if firing else "resolved"
    starts, ends = timestamp_in(item.get("startsAt")), timestamp_in(item.get("endsAt"))
    annotations = words_in(item.get("annotations"))
    details = {
        "source": source,
        "alertname": name,
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": starts or None,
        **{key: item[key] for key in ("generatorURL", "valueString", "values") if item.get(key)},
    }
    names_one = any(labels.get(key) for key in SERVICE_LABELS)
    return Alert(
        source=source,
        name=name,
        key=stable_key(item.get("fingerprint"), labels),
        firing=firing,
        episode=starts,
        labels=labels if names_one else thing_spoken_of(annotations.values(), name, labels.get("job", "")) | labels,
        details=details,
        what_and_where=tuple(("", where) for _, where in told_in_name(name)),
        at=starts if firing else ends,
    )


SENDER = HookSender(SOURCE, "Alertmanager's `webhook_config`: each alert of the group, firing or resolved.", alerts_in)
