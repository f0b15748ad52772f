"""Does a swarm or Kubernetes run it? They make and move containers by themselves: neither a restart of one nor compose
reaches what they run. By the names of fields and labels; pure. Keys are folded (`facts.py`)."""

from __future__ import annotations

_LABELS = frozenset({"", "labels", "commonlabels", "grouplabels", "tags"})
_KUBERNETES = frozenset(  # as kube-state-metrics, cAdvisor, the kubelet and their collectors call it
    {
        *("namespace", "pod", "podname", "deployment", "statefulset", "daemonset", "replicaset", "cronjob"),
        *("kubernetesnamespace", "kubernetespodname", "k8snamespacename", "k8spodname", "kubenamespace", "kubepodname"),
        *("exportednamespace", "exportedpod", "iokubernetespodname", "iokubernetespodnamespace"),
        "persistentvolumeclaim",
    }
)
_SWARM = (("swarm", "service"), ("stack",), ("stackfile",))  # compose calls it a project


def is_of_swarm(path: tuple[str, ...], word: str) -> bool:
    """A service of a stack, and one that is declared as replicated or global."""
    return path in _SWARM or (path == ("declared", "mode") and word in ("replicated", "global"))


def is_of_kubernetes(path: tuple[str, ...]) -> bool:
    """At the top of a payload, or among its labels."""
    return path[-1] in _KUBERNETES and (path[-2] if len(path) > 1 else "") in _LABELS
