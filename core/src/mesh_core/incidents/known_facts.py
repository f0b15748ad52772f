"""The names of what a node agent looks up, by room: what a file of a person's may ask for, and what it probably meant.

Rooms and their facts are closed; fields of an event's payload and types of events are open, so of these only what looks
like a known one is taken for a mistake. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from mesh_core.incidents.event_types import DOES_NOT_ANSWER, DOES_NOT_RUN, EventType
from mesh_core.models.config_file import looks_like

_CONTAINER = frozenset({"image", "labels", "compose", "ports"})
# Of a list: its rows' fields.
FACTS: Mapping[str, Mapping[str, frozenset[str]]] = {
    room: {fact: frozenset(rows.get(fact, ())) for fact in (*facts.split(), *rows)}
    for room, facts, rows in (
        (
            "disk",
            "mount size_bytes free_bytes used_percent inodes_used_percent complete",
            {"biggest": ("path", "bytes"), "deleted_open": ("pid", "program", "bytes")},
        ),
        ("journal", "bytes mount", {}),
        ("packages", "cache_bytes manager mount", {}),
        ("tmp", "old_bytes mount", {}),
        (
            "docker",
            "dangling_bytes build_cache_bytes exited_containers mount",
            {"logs": ("container", "bytes")},
        ),
        ("logs", "rule bytes mount", {}),
        (
            "memory",
            "available_bytes swap_free_bytes limit_bytes",
            {
                "top": ("unit_or_container", "program", "pss_bytes"),
                "holders": ("unit_or_container", "kind", "program", "pss_bytes", "percent", "alone", *_CONTAINER),
            },
        ),
        ("unit", "enabled result exit_status changed_seconds_ago failed_requirements", {}),
        (
            "mount",
            "mount point source source_there is_mounted stale declared_in",
            {"open_by": ("pid", "program", "files")},
        ),
        ("hung", "processes programs failed_units carries_mesh", {}),
        (
            "image",
            "name current current_healthy_seconds changed_seconds_ago previous previous_name previous_healthy_seconds "
            "previous_there volumes data_format_changed",
            {},
        ),
        ("dependents", "more", {"hanging": ("container", *_CONTAINER)}),
        ("network", "name_resolves port_open certificate_days_left host name_cache", {}),
        ("config", "program file behind_seconds", {}),
        (
            "certificate",
            "names left_seconds manager lineage newer_on_disk unit can_reload address port host",
            {},
        ),
        ("changed", "", {"rows": ("kind", "name", "seconds_ago")}),
    )
}
# Of what an agent announces itself, those that a remedy or a rule may want.
_FIELDS = frozenset(
    (
        *("mount", "device", "kind", "used_percent", "inodes_used_percent", "free_bytes", "limit_percent", "load"),
        *("cores", "load_per_core", "processes", "available_mib", "swap_free_mib", "total_mib", "celsius", "sensor"),
        *("is_synchronised", "max_error_ms", "offset_ms", "time_service", "certificate", "names", "left_seconds"),
        *("days_left", "not_after", "warn_seconds", "url", "address", "http_status", "latency_ms", "probe"),
        *("name_resolves", "backed_by", "error", "runtime", "container", "image", "labels", "compose", "ports"),
        *("project", "service", "replicas", "dependents", "in_its_network", "needs_elsewhere", "depends_on", "status"),
        *("running", "exit_code", "oom_killed", "restart_count", "restart_policy", "started_at", "finished_at"),
        *("first_start", "lived_ms", "stopped_by_person", "recent_deaths", "health", "health_output", "logs"),
        *("program", "supervisor", "state", "unit", "active_state", "sub_state", "result", "timer", "source"),
        *("reason", "hangs_seconds", "opened_at"),
    )
)
_OF_HOSTS = (
    *("disk_space_low", "memory_low", "load_high", "temperature_high", "clock_not_synchronised"),
    *("mount_missing", "mount_stale"),
)
TYPES = frozenset((*EventType, *DOES_NOT_RUN, *DOES_NOT_ANSWER, *_OF_HOSTS))
_ALIKE = 0.85  # of difflib: one letter too many, too few or exchanged


def path_problem(path: str) -> str:
    """What is wrong with `room.fact`, `room.list.0.field`, `payload.FIELD` or `event.service`; '' for a good one."""
    room, _, rest = path.partition(".")
    if room == "event":
        return ""
    if room == "payload":
        return _alike(rest, _FIELDS, "no agent tells payload.{0}")
    if room not in FACTS:
        return f"no agent looks up {room}; there are {', '.join(sorted(FACTS))}{looks_like(room, FACTS)}"
    fact, _, row = rest.partition(".")
    facts = FACTS[room]
    if fact not in facts:
        return f"{room} has no {fact!r}; there are {', '.join(sorted(facts))}{looks_like(fact, facts)}"
    field = row.partition(".")[2]
    if row and field not in facts[fact]:
        known = f"; there are {', '.join(sorted(facts[fact]))}" if facts[fact] else ": it is no list of such rows"
        return f"a row of {room}.{fact} has no {field!r}{known}{looks_like(field, facts[fact])}"
    return ""


def type_problem(pattern: str) -> str:
    """Of an event's type that is probably meant to be a known one; '' for a pattern, a known and any other one."""
    return "" if "*" in pattern else _alike(pattern, TYPES, "no agent of ours tells {0!r}")


def _alike(word: str, known: frozenset[str], said: str) -> str:
    return "" if word in known or not (like := looks_like(word, known, _ALIKE)) else said.format(word) + like
