"""Does a field say that a thing does not run, in a word, a truth or a count, whatever its sender calls the field? Pure.

Keys are folded (`facts.py`). Words for a state count in a field for the state of a process, container or unit alone:
a bare `state` or `status` may be an alert's own, a guest's or a device's, and is read in `facts.py`.
"""

from __future__ import annotations

from typing import Any

from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in

_THINGS = ("process", "container", "unit", "service", "program", "daemon", "rc", "systemd")
_STATES = frozenset({"tostate", "isactive", *(f"{thing}{end}" for thing in _THINGS for end in ("state", "status"))}) - {
    "servicestate"  # Nagios and its kin: of the check
}
_STOPPED = (
    *("stopped", "exited", "not running", "crashed", "dead", "failed", "inactive", "fatal", "errored", "terminated"),
    *("gestoppt", "läuft nicht", "arrêté", "detenido", "fermo", "parado", "gestopt", "nie działa"),
    *("zatrzyman", "не работает", "остановлен", "停止", "未运行", "중지"),
)
_ALIVE = frozenset({"alive", "isalive", "pidalive", "processalive", "processrunning"})
_RUNNING = frozenset({"running", "isrunning"})  # without a thing before it a job says so between two runs
_COUNTS = frozenset({"processes", "processcount", "runningprocesses", "numprocs", "procs"})


def is_not_running(path: tuple[str, ...], value: Any, word: str) -> bool:
    """`{"service_status": "Stopped"}`, `{"pid_alive": false}`, `{"process": {"count": 0}}`."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if parent and parent not in _THINGS:
        return False
    if key in _STATES and word.startswith(_STOPPED):
        return True
    if key in (_ALIVE | _RUNNING if parent else _ALIVE) and isinstance(value, bool | str) and value != "":
        return truth_in(value) is False
    return (key in _COUNTS or (key == "count" and parent == "process")) and whole_in(value) == 0


def is_unhealthy(path: tuple[str, ...], value: Any) -> bool:
    """`{"healthy": false}` of the thing itself."""
    about_it = len(path) == 1 or path[-2] in _THINGS or path[-2] == "health"
    return about_it and path[-1] in ("healthy", "ishealthy") and truth_in(value) is False
