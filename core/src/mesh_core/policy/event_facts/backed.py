"""Does an event say what runs the thing that it is about, and whether it has a network of its own? Pure."""

from __future__ import annotations

import re

from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.models.owner_labels import bare_key
from mesh_core.policy.event_facts.shown_state import with_shown_state

_OF_A_CONTAINER = re.compile(r"(?:.+_)?(?:docker|podman)_container_.+")  # by the name of its alert
_LABELS = frozenset({"container", "containername", "unit", "unitname", "systemdunit"})
# Called as the event's own service, in any language.
CALLED = _LABELS | {
    *("program", "programm", "einheit", "unité", "unidad", "unidade", "unità", "eenheid", "jednostka", "юнит"),
    *("conteneur", "contenedor", "contentor", "contenitore", "kontener", "контейнер", "コンテナ", "容器", "컨테이너"),
}
# As monitors call the check of what a manager runs: `Systemd Service web`, `Docker container web`.
_CHECKS = frozenset({"servicedesc", "servicedescription", "checkname", "checkdescription"})
_CHECK_OF = re.compile(r"(?:systemd (?:service|unit)|(?:docker |podman )?container) (?P<name>\S+)", re.IGNORECASE)
_ENGINES = frozenset({"docker", "podman", "containerd", "compose", "container"})
_UNIT = re.compile(r".+\.(?:service|timer|socket|mount|path|target|slice|scope)")
_NO_CONTAINER = frozenset(
    {
        *("unit", "unitname", "systemdunit", "pod", "podname", "namespace", "deployment", "daemonset", "statefulset"),
        *("process", "processname", "vm", "vmid", "vmname", "guest", "jail", "lxc", "ctid", "addon", "addonslug"),
    }
)
# What stands beside another thing and measures or forwards for it keeps nothing: it is a program, whoever runs it.
_BESIDE = re.compile(r".+[-_](?:exporter|agent|collector|scraper|forwarder|shipper)\d*")


def is_backed(event: HealthEvent) -> bool:
    """It names what runs it, or shows what a manager says of it: then one runs it."""
    return names_what_runs_it(event) or with_shown_state(event) is not event


def names_what_runs_it(event: HealthEvent) -> bool:
    """A manager, a unit's name, a container or unit among its labels or of its own name, or the name of a program that
    keeps nothing."""
    service = event.service or ""
    if event.runtime is not None or service.endswith(".service") or _BESIDE.fullmatch(service.lower()):
        return True
    if _OF_A_CONTAINER.fullmatch(event.type):
        return True
    if any(bare_key(key) in CALLED and _is_called(value, service) for key, value in event.payload.items()):
        return True
    checks = (str(value)[:200] for key, value in event.payload.items() if bare_key(key) in _CHECKS)
    if any((of := _CHECK_OF.fullmatch(check)) and _is_called(of["name"], service) for check in checks):
        return True
    labels = event.payload.get("labels")
    return isinstance(labels, dict) and any(bare_key(key) in _LABELS and value for key, value in labels.items())


def _is_called(value: object, service: str) -> bool:
    """`{"container": "web"}` of `web`: the key is the sender's, and of another name a stranger may have chosen it."""
    return isinstance(value, str) and value.removesuffix(".service") == service.removesuffix(".service") != ""


def may_be_a_container(event: HealthEvent) -> bool:
    """Nothing says that anything else runs it: a manager of units or processes, a hypervisor, a cluster, a hub."""
    said = event.payload.get("runtime")
    if event.runtime not in (None, Runtime.DOCKER) or not (said is None or str(said).lower() in _ENGINES):
        return False
    if _UNIT.fullmatch(event.service or ""):
        return False
    labels = event.payload.get("labels")
    parts = (event.payload, labels if isinstance(labels, dict) else {})
    return not any(value and bare_key(str(key)) in _NO_CONTAINER for part in parts for key, value in part.items())


def has_own_network(event: HealthEvent) -> bool:
    """A container, and nothing says that it shares the network of its host or of another one."""
    mode = str(event.payload.get("network_mode", ""))
    return event.runtime is Runtime.DOCKER and not mode.startswith(("host", "container:", "service:"))
