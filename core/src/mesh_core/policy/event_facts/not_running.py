"""Does a field say that a thing does not run, in a word, a truth or a count, whatever its sender calls the field? Pure.

Keys are folded (`facts.py`). Words for a state count in a field for the state of a process, container or unit alone:
a bare `state` or `status` may be an alert's own, a guest's or a device's, and is read in `facts.py`; in another
language it counts beside what names a unit or container.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in

THINGS = (
    *("process", "proc", "container", "unit", "service", "program", "daemon", "rc", "systemd", "run", "runtime"),
    *("pm2env", "supervisor", "app"),
)
_STATES = frozenset({"tostate", "isactive", *(f"{thing}{end}" for thing in THINGS for end in ("state", "status"))}) - {
    "servicestate"  # Nagios and its kin: of the check
}
_NAMES_IT = frozenset(
    {
        *("unit", "unitname", "systemdunit", "einheit", "container", "containername", "conteneur", "runtime"),
        *("process", "prozess", "dienst", "programm", "proceso", "servicio", "servizio", "serviço"),
    }
)
_NAMES_A_UNIT = frozenset({"unit", "unitname", "systemdunit", "einheit"})
_BARE = frozenset({"state", "status"})
# `state` and `status` as other languages call them.
ELSEWHERE = frozenset(
    {
        *("zustand", "état", "etat", "statut", "estado", "stato", "stan", "toestand", "stav", "tillstånd"),
        *("состояние", "статус", "状態", "状态", "狀態", "상태"),
    }
)
_OF_SYSTEMD = ("failed", "inactive", "dead")
_STOPPED = (
    *("stopped", "exited", "not running", "crashed", "dead", "failed", "inactive", "fatal", "errored", "terminated"),
    *("down", "halted", "zombie", "z (zombie", "defunct", "failed to start"),
)
_STOPPED_ELSEWHERE = (
    *("gestoppt", "läuft nicht", "abgestürzt", "beendet", "fehlgeschlagen", "angehalten", "inaktiv"),
    *(
        "arrêté",
        "arrete",
        "planté",
        "terminé",
        "échoué",
        "inactif",
        "detenido",
        "parado",
        "caído",
        "terminado",
        "fallido",
    ),
    *(
        "inactivo",
        "encerrado",
        "falhou",
        "inativo",
        "fermo",
        "fermato",
        "arrestato",
        "terminato",
        "fallito",
        "inattivo",
    ),
    *("gestopt", "gestorven", "mislukt", "nie działa", "zatrzyman", "zakończon", "nieaktywn"),
    *("не работает", "остановлен", "завершён", "завершен", "упал", "ошибка", "неактивн"),
    *("停止", "異常終了", "终止", "已停止", "已退出", "未运行", "중지"),
)
_ALIVE = frozenset(
    {
        *("alive", "isalive", "pidalive", "processalive", "processrunning", "pidexists", "pidrunning"),
        *("processexists", "processpresent", "processfound", "servicerunning", "unitrunning", "containerrunning"),
    }
)
_RUNNING = frozenset({"running", "isrunning"})  # without a thing before it a job says so between two runs
_RUNS_ELSEWHERE = frozenset(
    {
        *("läuft", "laeuft", "aktiv", "enmarche", "actif", "active", "activo", "enejecución", "enejecucion", "ativo"),
        *("ativa", "activa", "attivo", "attiva", "inesecuzione", "aktywny", "aktywna", "działa", "работает", "активен"),
        *("активна", "actief"),
    }
)
_COUNTS = frozenset(
    {
        *("processes", "processcount", "runningprocesses", "numprocs", "procs", "numprocesses", "prozesse"),
        *("pidcount", "processpidcount", "processcountnow", "numberofprocesses", "nprocs"),
        *("processus", "procesos", "processos", "processi", "procesy"),
    }
)
_HEALTH = frozenset({"health", "healthstatus", "healthcheck", "healthstate"})
_CHECKS = frozenset({"checks", "probes", "healthchecks", "healthprobes"})
_LIVES = frozenset({"live", "liveness", "livenessprobe", "islive", "ready", "readiness", "readinessprobe", "isready"})
_ILL = frozenset(
    {"fail", "failed", "failing", "failure", "bad", "critical", "down", "error", "unhealthy", "nok", "sick"}
)
_TIMED = frozenset({"schedule", "cron", "timer", "nextrun", "nextrunat", "job", "jobname", "interval", "trigger"})


def is_not_running(path: tuple[str, ...], value: Any, word: str, beside: AbstractSet[str]) -> bool:
    """`{"service_status": "Stopped"}`, `{"pid_alive": false}`, `{"process": {"count": 0}}`."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if parent and parent not in THINGS:
        return False
    if word and _is_a_state(key, beside, word):
        return True
    if key == "pids":
        return isinstance(value, list) and not value
    if (key in _ALIVE or _says_running(key, parent, beside)) and isinstance(value, bool | int | str) and value != "":
        return truth_in(value) is False
    return (key in _COUNTS or (key == "count" and parent == "process")) and whole_in(value) == 0


def is_of_systemd(beside: AbstractSet[str]) -> bool:
    """Does the event name a unit? Its "dead" is one that rests; a container's is one that is half removed."""
    return not beside.isdisjoint(_NAMES_A_UNIT)


def is_unhealthy(path: tuple[str, ...], value: Any, word: str, beside: AbstractSet[str]) -> bool:
    """`{"healthy": false}` of the thing itself; beside what names a container or unit also `{"health": "failing"}`,
    `{"liveness": false}`, `{"checks": {"http": "fail"}}`."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    about_it = not parent or parent in THINGS or parent == "health"
    if about_it and key in ("healthy", "ishealthy") and truth_in(value) is False:
        return True
    if beside.isdisjoint(_NAMES_IT):
        return False
    if parent in _CHECKS or (about_it and key in _HEALTH):
        return word in _ILL or (value is False and key not in _HEALTH)
    return about_it and key in _LIVES and isinstance(value, bool | str) and value != "" and truth_in(value) is False


def _is_a_state(key: str, beside: AbstractSet[str], word: str) -> bool:
    if key in _STATES or (key in ELSEWHERE and not beside.isdisjoint(_NAMES_IT)):
        return word.startswith(_STOPPED + _STOPPED_ELSEWHERE)
    if key in _BARE:
        is_named = not beside.isdisjoint(_NAMES_IT)
        if word == "not running" or (is_named and word.startswith(_STOPPED_ELSEWHERE)):
            return True
        return is_of_systemd(beside) and word.startswith(_OF_SYSTEMD)
    return key in ("active", "sub") and word in _OF_SYSTEMD  # the columns of `systemctl list-units`


def _says_running(key: str, parent: str, beside: AbstractSet[str]) -> bool:
    is_its = bool(parent) or (not beside.isdisjoint(_NAMES_IT) and beside.isdisjoint(_TIMED))
    return is_its and (key in _RUNNING or key in _RUNS_ELSEWHERE)
