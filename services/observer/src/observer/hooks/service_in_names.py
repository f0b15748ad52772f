"""Which service the names of an alert tell, where no label says it: a monitor's own name, a job that is asked. Pure.

Never a title: what stands in one may be a stranger's.
"""

from __future__ import annotations

from mesh_core.policy.names.known_names import KnownNames
from observer.hooks.alert import Alert

# An alert that is called after one of these is about no program.
_NO_PROGRAMS = frozenset(
    {
        *("node", "host", "instance", "target", "server", "system", "systemd", "service", "vm", "linux", "windows"),
        *(
            "container",
            "containers",
            "docker",
            "kube",
            "kubernetes",
            "blackbox",
            "probe",
            "ping",
            "icmp",
            "http",
            "snmp",
        ),
        *("disk", "network", "ups", "raid", "zfs", "smart", "certificate", "ssl", "tls", "backup", "job"),
    }
)


def service_in_names(alert: Alert, node: str, names: KnownNames) -> str:
    """`wiki` of a monitor called `wiki on nas`, where that is the node; `caddy` of the job `caddy`, of which Prometheus
    tells `CaddyDown`. '' for neither."""
    watched = {what for what, where in alert.what_and_where if node in (names.node(where), names.node_above(where))}
    if len(watched) == 1:
        return watched.pop()
    job = alert.labels.get("job", "").rpartition("/")[2]
    is_asked = bool(job) and "instance" in alert.labels and job.lower() not in _NO_PROGRAMS
    return job if is_asked and _is_called_after(alert.name, job) else ""


def _is_called_after(name: str, job: str) -> bool:
    rest = name[len(job) :]
    return name.lower().startswith(job.lower()) and (rest[:1].isupper() or rest[:1] in ("_", "-", " "))
