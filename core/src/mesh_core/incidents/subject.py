"""What is wrong there, and which of several like it: the subject of an incident. Pure.

One cooldown and one open proposal are about one subject. Two full disks of a node are two subjects, and so are two
alerts of different names; a container that died and whose probe fails as well is one, because one repair is for both.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from mesh_core.incidents.event_types import SERVICE_STATES
from mesh_core.models.events import HealthEvent, Trust

IN_COMMON = "in_common"  # of a storm across nodes: what all of it have
MAX_THING = 200  # characters that are shown; what is longer ends in a digest of all of it

# The first of these that an event has names the thing, whatever else is said of it: a file system is where it is
# mounted, and `name` is the name of a service that no action can be aimed at, as it was written.
_NAMES_IT = (IN_COMMON, "mount", "mountpoint", "mount_point", "name")
# Otherwise all of these together: two chips may have a sensor of one name.
_TELLS_APART = (
    *("chip", "sensor", "device", "disk", "drive", "pool", "volume", "filesystem", "path", "unit", "program"),
    *("interface", "nic", "probe", "supervisor", "monitor", "url", "domain", "port", "queue", "database", "job_name"),
)
# And these where they hold a name: `cpu: 97` is no processor's.
_MAY_TELL_APART = (
    *("array", "vg", "lv", "bay", "slot", "serial", "share", "gpu", "cpu", "core", "fan", "ups", "outlet", "zone"),
    *("job", "task", "backup", "repository", "certificate", "common_name", "peer", "tunnel", "topic", "table", "index"),
)
# Labels of an alert that say how bad it is, where it was measured and by whom, which the event says itself.
_ABOUT_THE_ALERT = frozenset(
    {
        *("severity", "priority", "level", "alertname", "alertgroup", "job", "receiver", "monitor", "team", "owner"),
        *("prometheus", "prometheus_replica", "replica", "cluster", "env", "environment", "grafana_folder"),
        *("node", "nodename", "kubernetes_node", "host", "hostname", "agent_hostname", "server", "instance"),
    }
)
_LETTER = re.compile(r"[^\W\d_]")
_HOST_OF_INSTANCE = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^/@\s]*@)?(?:\[[^\]\s]*\]|[^/:\s]*)", re.IGNORECASE)
# What a container has only until it is made anew, and its service keeps: which service it is says the place.
_PASSING = frozenset({"id", "container_id", "image", "image_id", "pod_uid", "uid"})
_TASK = re.compile(r"\.[0-9a-z]{25}$")  # of a swarm: each try at a task has its own
_OF_THE_NODE = ("node_", "host_")  # types that speak of the machine: measured by whom, it is one


def subject_of(event: HealthEvent) -> str:
    """`node/service` for what ails a service as a whole, else `node/service@type thing`."""
    place = f"{event.node}/{event.service or ''}"
    if event.service is not None and not _is_by_itself(event):
        return place
    thing = " ".join(filter(None, (thing_of(event), _where_on_its_host(event))))
    return f"{place}@{event.type} {thing}" if thing else f"{place}@{event.type}"


def thing_of(event: HealthEvent) -> str:
    """Which one it is, for people: `/mnt/data`, `getty@tty1.service`, `nvme/Composite`; '' if the type says it all."""
    payload, labels = event.payload, _labels_of(event.payload)
    for key in _NAMES_IT:
        if word := _word(payload.get(key)) or (_word(labels.get(key)) if key != "name" else ""):
            return _short(word)
    words = [word for key in _TELLS_APART if (word := _word(payload.get(key)))]
    words += [word for key in _MAY_TELL_APART if _LETTER.search(word := _word(payload.get(key)))]
    alert = alert_in(event)
    passing = _PASSING if event.service else frozenset()
    told = [
        f"{k}={_TASK.sub('', word)}"
        for k, v in sorted(labels.items())
        if not _about_the_alert(k) and k not in passing and (word := _word(v))
    ]
    words += [alert, *told] if alert else told
    if not words and event.trust is Trust.FOREIGN:
        words = [_key_in(event.incident)]
    return _short(" ".join(words))


def alert_in(event: HealthEvent) -> str:
    """What its sender calls the alert; '' where there is none."""
    return _word(event.payload.get("alertname")) or _word(event.payload.get("alert"))


def _about_the_alert(label: str) -> bool:
    return label.removeprefix("exported_") in _ABOUT_THE_ALERT


def found_at(event: HealthEvent) -> str:
    """The alert's `instance` where it says more than which host: `nas:9187`, `https://nas/a`."""
    return _short(_instance_in(event)) if _where_on_its_host(event) else ""


def _instance_in(event: HealthEvent) -> str:
    labels = _labels_of(event.payload)
    return _word(labels.get("exported_instance")) or _word(labels.get("instance"))


def _where_on_its_host(event: HealthEvent) -> str:
    """Two databases of one host are two things: the port or the path at which an alert's `instance` was found.

    Not where the thing has a name of its own: that is the same whoever measures it.
    """
    labels = _labels_of(event.payload)
    named = any(_word(part.get(key)) for part in (event.payload, labels) for key in _NAMES_IT if key != "name")
    instance = _instance_in(event)
    if (
        named
        or event.type.startswith(_OF_THE_NODE)
        or (instance.count(":") > 1 and instance[:1] != "[" and "://" not in instance)
    ):
        return ""
    found = _HOST_OF_INSTANCE.match(instance)
    return _short(instance[found.end() :].strip("/")) if found else ""


def _is_by_itself(event: HealthEvent) -> bool:
    """Does this foreign alert measure something beside whether the service runs and answers?

    Whoever gives his trouble no incident speaks of the service as a whole, and so does a node's own agent.
    """
    return event.trust is Trust.FOREIGN and event.incident is not None and event.type not in SERVICE_STATES


def _labels_of(payload: dict[str, Any]) -> dict[str, Any]:
    labels = payload.get("labels")
    return {str(key): value for key, value in labels.items()} if isinstance(labels, dict) else {}


def _key_in(incident: str | None) -> str:
    """`sender/key` of `sender/key/episode`: what is the same each time that it begins anew."""
    return (incident or "").rpartition("/")[0]


def _word(value: object) -> str:
    if isinstance(value, str):
        return " ".join(value.split())
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _short(text: str) -> str:
    if len(text) <= MAX_THING:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    return f"{text[: MAX_THING - 13]}~{digest}"
