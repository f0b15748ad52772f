"""Does a swarm, Kubernetes or a hypervisor run it? Neither a restart of a container or unit nor compose reaches what
they run. By the names of fields and labels; pure. Keys are folded (`facts.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.policy.event_facts.declared import names_compose_file
from mesh_core.policy.event_facts.payload_fields import fields_of

_LABELS = frozenset({"", "labels", "commonlabels", "grouplabels", "tags"})
_KUBERNETES = frozenset(  # as kube-state-metrics, cAdvisor, the kubelet and their collectors call it
    {
        *("namespace", "pod", "podname", "deployment", "statefulset", "daemonset", "replicaset", "cronjob"),
        *("kubernetesnamespace", "kubernetespodname", "k8snamespacename", "k8spodname", "kubenamespace", "kubepodname"),
        *("exportednamespace", "exportedpod", "iokubernetespodname", "iokubernetespodnamespace"),
        "persistentvolumeclaim",
    }
)
_SWARM = (("swarm", "service"), ("stackfile",))


def is_of_swarm(path: tuple[str, ...], word: str) -> bool:
    """A service of a stack, and one that is declared as replicated or global."""
    return path in _SWARM or (path == ("declared", "mode") and word in ("replicated", "global"))


def is_of_a_stack(told: Mapping[str, Any]) -> bool:
    """A swarm's, as it is called there; where a compose file is named, somebody's tool calls a compose project so.
    `told`: a payload by its folded keys."""
    return bool(told.get("stack")) and not any(
        names_compose_file(path, value) for path, value, _ in fields_of(dict(told))
    )


def is_of_kubernetes(path: tuple[str, ...]) -> bool:
    """At the top of a payload, or among its labels."""
    return path[-1] in _KUBERNETES and (path[-2] if len(path) > 1 else "") in _LABELS


_GUEST_KEYS = frozenset({"vmid", "ctid", "vmname", "guestname", "guestid", "domainuuid", "jail", "jailname", "vmuuid"})
_GUEST_KINDS = frozenset(
    {"lxc", "lxd", "incus", "qemu", "kvm", "vm", "jail", "bhyve", "virtual-machine", "virtualmachine"}
)
_KIND_KEYS = frozenset({"type", "kind", "guesttype", "instancetype", "virttype", "virtualization", "hypervisor"})


def is_of_hypervisor(path: tuple[str, ...], word: str) -> bool:
    """A virtual machine, a system container or a jail: at the top of a payload only, for a label may name the host."""
    if len(path) != 1:
        return False
    return path[0] in _GUEST_KEYS or (path[0] in _KIND_KEYS and word in _GUEST_KINDS)
