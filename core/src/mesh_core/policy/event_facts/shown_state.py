"""A state as managers show it to people (`systemctl status`, `docker ps`, `sv status`, `s6-svstat`, `supervisorctl
status`), where a sender put it under a key of his own. Pure; never a name from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mesh_core.models.events import HealthEvent
from mesh_core.models.owner_labels import bare_key
from mesh_core.policy.event_facts.manager_lines import ACTIVE_STATES, CONTAINER, shown_by
from mesh_core.runbooks.folding import words_of

MIN_PART = 5  # letters of a part of a name that nothing else is called by

_SINCE = r"(?: since [\w :.,+-]{1,60}(?:; [\w ]{1,40} ago)?)?"
_STATE = rf"(?P<active_state>{ACTIVE_STATES})"
_SUB = r"(?P<sub_state>[a-z][a-z-]{2,20})"
_OWN = r"(?:● ?)?(?:(?P<unit>[\w@.:\\-]+) )?(?:loaded,? )?"
_LINES = (
    re.compile(rf"{_OWN}{_STATE} \((?:Result: (?P<result>[a-z-]+)|{_SUB})\){_SINCE}"),
    re.compile(rf"{_STATE}/{_SUB}"),
    CONTAINER,
)
_NAMED = r"(?:(?P<unit>[\w@.-]+)(?::| ) *)?"
_SPAN = r"[ \w:,.()-]{0,80}"
# Of managers that have no words of their own for a failure; `normally up` is wanted.
_OTHERS = (
    (re.compile(r"[Rr]estarting \(\d{1,3}\)[\w ]*"), "restarting"),
    (re.compile(rf"run: {_NAMED}\(pid \d+\){_SPAN}|up \(pid \d+\){_SPAN}"), "running"),
    (re.compile(rf"(?:down|finish|fail): {_NAMED}\d+s{_SPAN}(?:normally|want) up{_SPAN}"), "exited"),
    (re.compile(rf"down \((?:exitcode [1-9]\d*|signal \w+)\){_SPAN}(?:normally|want) up{_SPAN}"), "exited"),
    (re.compile(rf"{_NAMED}RUNNING\b(?: +pid \d+{_SPAN})?"), "running"),
    (re.compile(rf"{_NAMED}(?:FATAL|EXITED|BACKOFF)\b(?: +{_SPAN})?"), "exited"),
)
# One word for it. That it runs shows what runs it, and denies no alert: what hangs, or a part of it that ended, is said
# to run as well.
_RUNS = frozenset(
    {
        *("active", "running", "started", "online", "up", "aktiv", "läuft", "actif", "activo", "activa", "attivo"),
        *("ativo", "actief", "aktywny", "активен", "работает"),
    }
)
_ENDED = frozenset(
    {
        *("failed", "inactive", "dead", "exited", "crashed", "errored", "stopped", "not running", "inaktiv"),
        *("gestoppt", "läuft nicht", "inactif", "arrêté", "inactivo", "detenido", "inattivo", "fermo", "inativo"),
        *("parado", "inactief", "nieaktywny", "неактивен"),
    }
)
# A state at the beginning of what is told of it (`web: failed (code=exited, status=134), Restart=no`), where nothing
# behind it says that somebody wanted it, that it is over, or that the thing had no more to do. In capitals they are
# words of managers, which mean what these mean by them (`STOPPED` is asked for).
_TOLD = re.compile(
    r"(?:(?P<unit>[\w@.-]+?)(?:\.service)?(?: is|:)? +)?"
    r"(?P<state>failed|crashed|dead|killed|fatal|errored|defunct|zombie|not running|inactive|exited|stopped"
    r"|gestoppt|abgestürzt|läuft nicht|beendet|arrêtée?|plantée?|ne tourne pas|parad[oa]|detenid[oa]|caíd[oa]|ferm[oa]"
    r"|arrestat[oa]|terminat[oa]|encerrad[oa]|gestopt|draait niet|nie działa|zatrzyman[aey]|не работает|остановлен[ао]?"
    r"|упал[ао]?|停止|已停止|未运行|已退出)(?![\w.-])(?P<rest>[^$`]*)",
    re.IGNORECASE | re.DOTALL,
)
_WANTED_SO = re.compile(
    r"\b(?:plan\w*|purpose|user|admin\w*|operator|person|owner|manual\w*|hand|maint\w*|wartung|schedul\w*|timer|cron|wanted"
    r"|intend\w*|request\w*|until|again|restart(?:ed|ing|s)|idle|one-?shot|complet\w*|success\w*|finish\w*|done|backup\w*"
    r"|updat\w*|upgrad\w*|deploy\w*|migrat\w*|disabled?|masked|retired|moved|geplant|absichtlich|fertig|erfolgreich"
    r"|prévu\w*|exprès|voulu\w*|entretien|terminé|programad\w*|mantenimiento|propósito|apposta|manutenzione"
    r"|manutenção|onderhoud|celowo|konserwacj\w*|намеренно|обслуживани\w*)\b|\(0\)|\bcode 0\b|维护|计划|手动|予定|保守"
)
_AGE = re.compile(r"(?:since|[Uu]p|pid \d+\)) (?P<count>\d+) ?(?P<unit>s|sec|m|min)\w*\b(?! \d)")
_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60}
# What the state is of: the thing itself, as people and managers call it.
_OF_ITSELF = frozenset(
    {
        *("unit", "container", "service", "process", "program", "daemon", "systemd", "docker", "supervisor", "runit"),
        *("systemctl", "systemctlstatus", "svstatus", "sv", "s6svstat", "s6", "supervisorctl", "supervisorctlstatus"),
        *("dockerps", "podmanps", "dockerstatus", "containerstatus", "containerstate", "unitstatus", "unitstate"),
        *(
            "servicestatus",
            "processstatus",
            "processstate",
            "init",
            "openrc",
            "rcservice",
            "rcstatus",
            "launchd",
            "pm2",
        ),
        *("einheit", "dienst", "prozess", "unité", "unite", "processus", "unidad", "servicio", "proceso", "unità"),
        *("unita", "servizio", "processo", "serviço", "servico", "eenheid", "proces", "jednostka", "usługa", "сервис"),
        *("служба", "процесс", "юнит"),
    }
)
_ASKED = ("systemctlstatus", "systemctlisactive", "svstatus", "s6svstat", "supervisorctlstatus", "rcservice", "service")


def with_shown_state(event: HealthEvent) -> HealthEvent:
    """With the manager's own fields instead of `{"unit": "failed (Result: oom-kill)"}`; what these say already stays.

    The answer to `systemctl status` of the event's own service, under that command as its key, is such a line, too, and
    so is what stands under the service's own name. Of what shows none it is the very event.
    """
    own = (event.service or "").removesuffix(".service")
    folded = bare_key(own)
    keys = _OF_ITSELF | {folded, f"{folded}service", *(f"{asked}{folded}" for asked in _ASKED)}
    parts = {word for word in words_of(own) if len(word) >= MIN_PART}  # `{"engined": "inactive (dead)"}`
    for key, value in event.payload.items():
        is_its = isinstance(value, str) and (bare_key(key) in keys or (bare_key(key) in parts and "(" in value))
        shown = dict(_fields_in(value[:200].strip())) if is_its else {}
        if shown.pop("unit", own).removesuffix(".service") != own or not shown:
            shown = shown_by(_command(key, own), value, own)
        if shown:
            rest = {name: told for name, told in event.payload.items() if name != key}
            return event.model_copy(update={"payload": {**shown, **rest}})
    return event


def _command(key: str, own: str) -> str:
    """`systemctl status web.service`, `service web status`: folded, and without whom it asks about."""
    words = [word for word in key.lower().split() if word.removesuffix(".service") != own.lower()]
    return bare_key(" ".join(words))


def _fields_in(line: str) -> Iterator[tuple[str, Any]]:
    for form in _LINES:
        if said := form.fullmatch(line):
            yield from ((field, word) for field, word in said.groupdict().items() if word)
            yield from _age_in(line)
            return
    for form, state in _OTHERS:
        if said := form.fullmatch(line):
            yield "state", state
            yield from _age_in(line)
            if said.groupdict().get("unit"):
                yield "unit", said["unit"]
            return
    if line.lower() in _RUNS | _ENDED:
        yield "process_state", "exited" if line.lower() in _ENDED else "runs"
    elif (said := _TOLD.fullmatch(line)) and not (said["state"].isupper() or _WANTED_SO.search(said["rest"].lower())):
        yield "process_state", "exited"
        if said["unit"]:
            yield "unit", said["unit"]


def _age_in(line: str) -> Iterator[tuple[str, Any]]:
    if said := _AGE.search(line):
        yield "uptime_seconds", int(said["count"]) * _SECONDS[said["unit"]]
