"""Does an event say what runs the thing that it is about, and whether it has a network of its own? Pure."""

from __future__ import annotations

import re

from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.models.owner_labels import bare_key
from mesh_core.policy.event_facts.shown_state import shows_its_state

_OF_A_CONTAINER = re.compile(r"(?:.+_)?(?:docker|podman)_container_.+")  # by the name of its alert
_CALLED = ("container", "container_name", "unit", "systemd_unit", "program")  # called as the event's own service
_LABELS = frozenset({"container", "containername", "unit", "systemdunit"})
# What stands beside another thing and measures or forwards for it keeps nothing: it is a program, whoever runs it.
_BESIDE = re.compile(r".+[-_](?:exporter|agent|collector|scraper|forwarder|shipper)\d*")


def is_backed(event: HealthEvent) -> bool:
    """A manager, a unit's name, a container or unit among its labels, or the name of a program that keeps nothing."""
    service = event.service or ""
    if event.runtime is not None or service.endswith(".service") or _BESIDE.fullmatch(service.lower()):
        return True
    if shows_its_state(event) or _OF_A_CONTAINER.fullmatch(event.type):
        return True
    if service and any(event.payload.get(key) in (service, f"{service}.service") for key in _CALLED):
        return True
    labels = event.payload.get("labels")
    return isinstance(labels, dict) and any(bare_key(key) in _LABELS and value for key, value in labels.items())


def has_own_network(event: HealthEvent) -> bool:
    """A container, and nothing says that it shares the network of its host or of another one."""
    mode = str(event.payload.get("network_mode", ""))
    return event.runtime is Runtime.DOCKER and not mode.startswith(("host", "container:", "service:"))
