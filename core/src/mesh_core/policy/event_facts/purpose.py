"""What a thing is there for, as fields of managers and declarations say it: is it meant to run, does it run once and
end, does somebody use it? Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.incidents.fact import Fact
from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in

_DECLARED = frozenset({"compose", "declared", "desired", "deploy", "wanted", "target"})
_COUNTS = frozenset({"scale", "replicas", "count", "instances"})
_GONE_TO = frozenset({"movedto", "migratedto", "replacedby", "supersededby"})
_AS_PLANNED = re.compile(
    r"\b(?:as (?:planned|scheduled)|planned (?:stop|shutdown|work)|scaled? to (?:zero|0)|on purpose)\b"
)
_REASONS = frozenset(
    {
        "reason",
        "stopreason",
        "stoppedreason",
        "stoppedfor",
        "grund",
        "motif",
        "motivo",
        "razón",
        "powód",
        "причина",
        "原因",
        "理由",
    }
)
_ON_PURPOSE = (
    *("schedule", "planned", "manual", "requested", "on request", "by request", "maintenance", "wartung", "geplant"),
    *(
        "entretien",
        "mantenimiento",
        "manutenção",
        "manutenzione",
        "onderhoud",
        "konserwacj",
        "обслуживани",
        "维护",
        "保守",
    ),
    "メンテナンス",
)
_PEOPLE = frozenset({"user", "operator", "admin", "administrator", "user request", "user action"})
# What it is meant to be, as who runs it says: `{"desired_state": "stopped"}`, `{"admin_state": "disabled"}`.
MEANT = frozenset(
    {
        *(
            "desiredstate",
            "desiredstatus",
            "expectedstate",
            "expectedstatus",
            "wantedstate",
            "targetstate",
            "adminstate",
        ),
        *("adminstatus", "desired", "expected", "wanted", "sollzustand", "sollstatus"),
    }
)
_OFF = ("stopped", "down", "exited", "disabled", "off", "inactive", "absent", "removed", "paused", "shut", "gestoppt")
_DISABLED = frozenset(
    {"disabled", "isdisabled", "deaktiviert", "désactivé", "desactive", "deshabilitado", "desativado", "disabilitato"}
)
# Somebody wanted it so; who that was nobody says.
_WANTED = frozenset(
    {
        *("stoppedbyuser", "userstopped", "manuallystopped", "stoppedmanually", "manualstop", "disabledbyuser"),
        *("intentional", "intentionally", "deliberate", "expectedstop", "plannedstop"),
    }
)
_PROFILES = frozenset({"profile", "profiles", "composeprofile", "composeprofiles"})  # compose makes these if asked to
_STOPPED_BY = frozenset({"stoppedby", "pausedby"})
_PLANS = ("schedule", "cron", "timer", "plan", "idle", "autosleep", "sleep")
# Is it started by itself? As systemd, Windows, supervisors, hypervisors and panels of containers say it.
_STARTS = frozenset(
    {"unitfilestate", "isenabled", "enabled", "starttype", "startmode", "autostart", "onboot", "startup"}
)
_BY_HAND = frozenset({"disabled", "disable", "manual", "demand", "no", "false", "0", "off", "never"})
_KINDS = frozenset({"type", "servicetype", "unittype", "kind"})
_ONE_OFF = "comdockercomposeoneoff"  # compose's label for `docker compose run`
_WORKS = frozenset(
    {
        *("working", "works", "stillworks", "usable", "serving", "answering", "answers", "responding", "responds"),
        *("accessible", "operational", "functional", "functioning", "playable"),
    }
)
_USERS = (
    "(?:users?|players?|viewers|listeners|participants|streams|sessions|calls|channels|transcodes|recordings|plays)"
)
# `{"active_streams": 2}`, `{"players_online": 4}`, `{"listeners": 9}`.
_IN_USE = re.compile(
    rf"(?:active|current|online|open|connected|running){_USERS}|{_USERS}(?:online|active|connected|inprogress)"
    r"|players|viewers|listeners|participants|runningjobs|jobsrunning|printing|recording|streaming"
)
_PERSON = re.compile(r"(operator|admin|administrator|person|human|user(?!\s))(?![\w.@-])")  # no daemon, no kernel
_BY_WHOM = frozenset(
    {
        *("stoppedby", "pausedby", "suspendedby", "drainedby", "cordonedby"),
        *("removedby", "deletedby", "disabledby"),
    }
)
_BY = frozenset(  # what they did stands elsewhere
    {
        *("by", "initiatedby", "requestedby", "triggeredby", "performedby", "executedby", "changedby", "setby"),
        *("actor", "von", "par", "por", "da", "door", "przez", "кем"),
    }
)
_BY_A_PERSON = re.compile(rf"\bby (?:an? |the )?{_PERSON.pattern}$")  # what a panel did that a person told it to
# Perhaps a person's, perhaps a daemon's: `panel: stop by user ada`, `user ada via web`, `docker stop (user ada)`.
_BY_AN_ACCOUNT = re.compile(
    r"(?:^|\b(?:by|of) |\()user [a-z][\w-]{0,31}(?= (?:via|through|using|from|in|on)\b|[,)]|$)"
    r"|^(?:[a-z][\w.-]{0,31}: (?:sudo )?)?(?:[\w./-]*/)?"
    r"(?:docker|podman|nerdctl|compose|systemctl|service|supervisorctl|pm2|rc-service)\b"
    r"[\w ./@=-]{0,40} (?:stop|down|disable|mask|pause|rm|kill)\b"
)
# An account as a person has one: by its part, by its name in marks, or at a terminal.
_AT_A_DESK = re.compile(
    r"\((?:operator|admin|administrator|user)\)$|\buser ['\"‘“«][\w.@-]{1,32}['\"’”»]"
    r"|\buser [a-z][\w-]{0,31}\b.*\b(?:tty\d*|pts/\d+)\b"
)
_STOPPED_FOR = re.compile(
    rf"(?:stopped|paused|disabled|halted|shut ?down|taken down) by (?:an? |the )?{_PERSON.pattern}"
)


def by_whom(key: str, word: str, *, of_an_end: bool = False) -> Iterator[Fact]:
    """Who ended or holds it: a person, or an account, of which nobody knows well enough to be silent. `of_an_end`: what
    the event tells is that it ended, so that `by` says who did that, and not who deployed it."""
    if key not in _BY_WHOM and not (of_an_end and key in _BY):
        return
    if _PERSON.match(word) or _BY_A_PERSON.search(word) or _AT_A_DESK.search(word):
        yield Fact.OPERATOR
    elif _BY_AN_ACCOUNT.search(word):
        yield Fact.NOT_MEANT


def is_not_meant(path: tuple[str, ...], value: Any, word: str) -> bool:
    """Masked, skipped for a condition, scaled to none, not declared, moved away, or stopped to a plan or on purpose."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if (key, word) in (("loadstate", "masked"), ("unitfilestate", "masked")):
        return True
    if not parent and ((key in MEANT and word.startswith(_OFF)) or (key in _DISABLED and truth_in(value) is True)):
        return True
    if key in _COUNTS and parent in _DECLARED:
        return whole_in(value) == 0
    if key in ("conditionresult", "declaredincompose") or path == ("declared",):
        return isinstance(value, bool | str) and value != "" and truth_in(value) is False
    if key in _WANTED:
        return truth_in(value) is True
    if key in _PROFILES:
        return (isinstance(value, list) and len(value) > 0) or "not active" in word or "inactive" in word
    if key in _STOPPED_BY and (word.startswith(_PLANS) or "schedul" in word):
        return True
    return bool(word) and (key in _GONE_TO or (key in _REASONS and _is_on_purpose(word)))


def _is_on_purpose(reason: str) -> bool:
    said = reason.startswith(_ON_PURPOSE) or reason in _PEOPLE or _STOPPED_FOR.match(reason) is not None
    return said or _AS_PLANNED.search(reason) is not None


def is_at_rest(told: Mapping[str, Any]) -> bool:
    """What is not to start by itself, and did not fail, is where it should be. `told`: a payload by its folded keys."""
    said = (str(told.get(key, "")).strip().lower() for key in _STARTS)
    is_left = any(re.split(r"[ ,;(]", word)[0] in _BY_HAND for word in said) or told.get("enabled") is False
    return is_left and "failed" not in (
        told.get(key) for key in ("activestate", "substate", "state", "status", "active")
    )


def is_one_shot(path: tuple[str, ...], value: Any, word: str) -> bool:
    """Somebody's or something's single run."""
    return (path[-1] in _KINDS and word == "oneshot") or (path[-1] == _ONE_OFF and truth_in(value) is True)


def is_seen_to_work(path: tuple[str, ...], value: Any) -> bool:
    """Somebody looked, and it did for its users what it is there for."""
    return path[-1] in _WORKS and isinstance(value, bool | str) and truth_in(value) is True


def is_in_use(path: tuple[str, ...], value: Any) -> bool:
    """A restart would throw somebody out, who shows that it works."""
    return _IN_USE.fullmatch(path[-1]) is not None and (truth_in(value) is True or (whole_in(value) or 0) > 0)
