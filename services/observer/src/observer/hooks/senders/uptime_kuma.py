"""What Uptime Kuma's webhook posts as JSON: one heartbeat of one monitor. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from mesh_core.incidents.event_types import EventType
from mesh_core.models.records import rfc3339
from mesh_core.models.slugs import plain_name
from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.names.hosts import address_in, host_in
from observer.hooks.alert import MAX_WORD_CHARS, Alert, Nothing, Read, Unfit, stable_key
from observer.hooks.mapping import CONTAINER_LABELS, UNIT_LABELS
from observer.hooks.monitors import told_in_name
from observer.hooks.sender import HookSender
from observer.hooks.spoken_of import thing_spoken_of

SOURCE = "uptime-kuma"
DOWN, UP, PENDING, MAINTENANCE = 0, 1, 2, 3
# As its own templates write it, perhaps behind a coloured mark.
_WORDS = {"down": DOWN, "up": UP, "pending": PENDING, "maintenance": MAINTENANCE}
TYPES = {
    "http": EventType.HTTP_PROBE_FAILED,
    "keyword": EventType.HTTP_PROBE_FAILED,
    "json-query": EventType.HTTP_PROBE_FAILED,
    "port": EventType.TCP_PROBE_FAILED,
    "ping": "ping_failed",
    "dns": "dns_probe_failed",
    "docker": "container_down",
    "push": "push_missed",
}
_OF_A_SERVICE = ("service", *CONTAINER_LABELS, *UNIT_LABELS)  # tags that say it before a monitor's own name
# Never copied: Kuma sends the monitor's whole configuration, credentials in it.
_MOST_DESCRIBED = 300
SHOWN = ("id", "name", "type", "url", "hostname", "port", "docker_container", "description")


def alerts_in(body: dict[str, Any]) -> list[Read] | Unfit:
    """At most one alert. A message without a monitor is a test, or a certificate that ends soon."""
    monitor, heartbeat, msg = body.get("monitor"), body.get("heartbeat"), body.get("msg")
    if monitor is None and heartbeat is None and isinstance(msg, str):
        return [_message(msg)]
    if not isinstance(monitor, dict) or not isinstance(heartbeat, dict):
        return Unfit("monitor and heartbeat: not objects; choose JSON (application/json) in Uptime Kuma's webhook")
    status = _status(heartbeat.get("status"))
    if status not in (DOWN, UP, PENDING, MAINTENANCE):
        return Unfit("heartbeat.status: none of 0 (down), 1 (up), 2 (pending), 3 (maintenance)")
    if status in (PENDING, MAINTENANCE):
        return [Nothing("pending: it will say down if it lasts" if status == PENDING else "it is in maintenance")]
    return [_alert(monitor, heartbeat, status)]


def _alert(monitor: dict[str, Any], heartbeat: dict[str, Any], status: int) -> Alert:
    kind = str(monitor.get("type", ""))[:40]
    tags = _tags(monitor.get("tags"))
    url, asked = str(monitor.get("url") or ""), str(monitor.get("hostname") or "")
    # An address is where it asked, as a URL is: a name of ours comes before one that nobody knows.
    asked_as = "ip" if address_in(asked) else "hostname"
    labels = tags | ({asked_as: asked} if asked else {}) | ({"url": url} if host_in(url) else {})
    if kind == "port" and asked and whole_in(monitor.get("port")):
        labels["address"] = f"{asked}:{monitor['port']}"
    container = monitor.get("docker_container") if kind == "docker" else None
    if isinstance(container, str) and container:
        labels["container"] = container
    named = str(monitor.get("name", ""))[:200]
    key = stable_key(monitor.get("id"), monitor.get("name"), labels)
    is_tagged = not tags.keys().isdisjoint(_OF_A_SERVICE)
    service = "" if container or is_tagged or not named.strip() else plain_name(named.strip().lower(), "monitor")
    described = str(monitor.get("description") or "")[:_MOST_DESCRIBED]
    spoken_of = thing_spoken_of([described], named) if service else {}
    if spoken_of and service not in spoken_of.values():
        labels, service = labels | spoken_of, ""
    shown = {key: monitor[key] for key in SHOWN if isinstance(monitor.get(key), str | int)}
    details = {
        "source": SOURCE,
        "monitor": shown,
        "heartbeat": {key: heartbeat[key] for key in ("status", "msg", "ping", "time") if key in heartbeat},
    }
    if service and not named.isascii():
        details["name"] = named  # a service has to be called otherwise
    return Alert(
        source=SOURCE,
        name=named,
        key=key,
        firing=status == DOWN,
        labels=labels,
        details=details,
        service=service,
        called=tuple(re.findall(r"\w[\w.-]*\w", described)),
        what_and_where=tuple(
            (plain_name(what.lower(), "monitor") if service else "", where) for what, where in told_in_name(named)
        ),
        type=TYPES.get(kind, "monitor_down"),
        severity="error",
        at=_time(heartbeat.get("time")),
    )


def _status(said: object) -> int | None:
    word = said.strip().lower().rpartition(" ")[2] if isinstance(said, str) else ""
    return _WORDS.get(word, whole_in(said))


def _message(msg: str) -> Read:
    if msg.strip().lower().endswith("testing"):
        return Nothing("Uptime Kuma's own test message")
    return Alert(
        source=SOURCE,
        name="monitor_message",
        key=stable_key("", msg[:2000]),
        firing=True,
        details={"source": SOURCE, "msg": msg[-MAX_WORD_CHARS:]},
        type="monitor_message",
        severity="warning",
    )


def _tags(value: object) -> dict[str, str]:
    """Tags of a monitor as labels: `node: pi4`, `service: web`."""
    if not isinstance(value, list):
        return {}
    tags = [tag for tag in value[:50] if isinstance(tag, dict)]
    return {t["name"]: t["value"] for t in tags if isinstance(t.get("name"), str) and isinstance(t.get("value"), str)}


def _time(text: object) -> str:
    """Kuma writes UTC without a zone: `2026-01-31 12:00:00.123`."""
    if not isinstance(text, str):
        return ""
    try:
        when = datetime.fromisoformat(text[:40])
    except ValueError:
        return ""
    return rfc3339(when.replace(tzinfo=UTC) if when.tzinfo is None else when)


SENDER = HookSender(SOURCE, "Uptime Kuma's webhook, content type JSON.", alerts_in)
