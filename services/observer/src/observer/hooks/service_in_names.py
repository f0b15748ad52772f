"""Which service the names of an alert tell, where no label says it: of a monitor, a check, a job that is asked. Pure.

Never a title alone: what stands in one may be a stranger's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mesh_core.policy.names.known_names import KnownNames
from mesh_core.runbooks.folding import words_of
from observer.hooks.alert import Alert

# Only what is said of what is meant to run on: a job may have failed, too.
_DOWN = re.compile(
    r"(?:(?:\.service)?(?: service| process)?(?: on \S+)?(?: is| has| was|:| -)* *)"
    r"(?:not running|not active|not responding|not answering|down|dead|inactive|crashed)\b"
)
_QUOTES = tuple("\"'`\u201c\u201d\u201e")
_A_THING = re.compile(r"\b(?:container|service|unit|process|program|app|stack)[ :]+[\"'`]?$", re.IGNORECASE)
_IS_A_THING = re.compile(r"[\"'`]? (?:container|service|unit|process|program|app|stack)\b", re.IGNORECASE)
PROGRAM = re.compile(r"[A-Za-z][\w.@-]{1,99}")
_ADDED = ("addon", "add_on")
# Of a measurement: what runs there, where no label for a service says more; whoever measures may be called so, too.
_DEPLOYED_AS = ("application", "app", "deployment", "statefulset", "daemonset")
_WATCHES = frozenset({"exporter", "metrics", "prometheus", "monitoring", "telegraf"})
# An alert or a check that is called after one of these is about no program.
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
        *("jvm", "java", "memory", "cpu", "load", "swap", "temperature", "fan", "battery", "power", "site", "website"),
    }
)


def service_in_names(alert: Alert, node: str, names: KnownNames) -> str:
    """`wiki` of a monitor called `wiki on nas`, where that is the node; `caddy` of the job `caddy`, of which Prometheus
    tells `CaddyDown`. '' for neither."""
    if watched := watched_there(alert, node, names):
        return watched
    keys = (*_ADDED, *(_DEPLOYED_AS if "alertname" in alert.labels else ()))
    if deployed := next((alert.labels[key] for key in keys if alert.labels.get(key)), ""):
        is_watched = is_a_programs_name(deployed) and _WATCHES.isdisjoint(words_of(deployed))
        return deployed if is_watched else ""
    job = alert.labels.get("job", "").rpartition("/")[2]
    is_asked = bool(job) and "instance" in alert.labels and job.lower() not in _NO_PROGRAMS
    return job if is_asked and _is_called_after(alert.name, job) else ""


def watched_there(alert: Alert, node: str, names: KnownNames) -> str:
    """What a monitor's own name says that it watches on this node; '' for nothing, several, or the node itself."""
    # No host said: that of the alert, if it is ours.
    meant = ((what, where or node) for what, where in alert.what_and_where if what)
    watched = {what for what, where in meant if node in (names.node(where), names.node_above(where))}
    what = watched.pop() if len(watched) == 1 else ""
    is_the_host = names.node(what) == node and what not in names.services.get(node, ())
    return "" if is_the_host else what


def is_a_programs_name(check: str) -> bool:
    return PROGRAM.fullmatch(check) is not None and check.lower() not in _NO_PROGRAMS


def is_said_not_to_run(check: str, title: str) -> bool:
    """Does the text of a check say so of a program that is called like the check (`krb5: not running`)?"""
    told = title.removeprefix(check)
    return is_a_programs_name(check) and told != title and _DOWN.match(told.lower()) is not None


def service_in_headline(headline: str, services: Mapping[str, str]) -> str:
    """Of `services` (by each of their names) the only one that is named there; '' for none, or several.

    A name of letters alone may be a word of the language (`home`, `web`): it counts where it comes first, in quotes or
    beside a word for what it is.
    """
    meant = [
        (name, found) for name in services for found in re.finditer(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", headline)
    ]
    named = {services[name] for name, found in meant if not name.isalpha() or _is_shown(headline, found)}
    return named.pop() if len(named) == 1 else ""


def _is_shown(text: str, found: re.Match[str]) -> bool:
    before, behind = text[: found.start()], text[found.end() :]
    is_quoted = before[-1:] in _QUOTES and behind[:1] in _QUOTES
    return (
        not before.strip(" [")
        or (bool(before) and is_quoted)
        or bool(_A_THING.search(before) or _IS_A_THING.match(behind))
    )


def _is_called_after(name: str, job: str) -> bool:
    """`caddyDown` of `caddy`, `NodeExporterDown` of `node-exporter`; an alert about an exporter is about the one that
    was asked, whatever that is called (`GpuExporterDown` of `dcgm-exporter`)."""
    said, asked = words_of(name), words_of(job)
    rest = name[len(job) :]
    begins_so = name.lower().startswith(job.lower()) and (rest[:1].isupper() or rest[:1] in ("_", "-", " "))
    is_exporter = asked[-1:] == ["exporter"] and "exporter" in said
    return begins_so or is_exporter or (len(said) > len(asked) > 1 and said[: len(asked)] == asked)
