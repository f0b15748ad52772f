"""Is an alert over? What senders say of the alert itself, not of what it watches. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh_core.models.records import parse_time
from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in

# Words that are said of alerts only. "ok", "up", "clear", "closed" are said of things as well, a shut port among them:
# they count in a severity, in a field for the state of an alert alone, or where the sender's other fields show that its
# `state` is the alert's.
_OVER = frozenset({"resolved", "recovered", "recovery", "cleared"})
_ALERTS_OWN = frozenset(
    {
        *(
            "alert",
            "alertstate",
            "alertstatus",
            "alerttransition",
            "alarmstate",
            "newstate",
            "newstatus",
            "newstatevalue",
        ),
        *(
            "currentstate",
            "currentstatus",
            "eventstatus",
            "eventvalue",
            "eventaction",
            "event",
            "eventtype",
            "transition",
            "statechange",
            "statuschange",
        ),
        *("triggerstatus", "triggerstate", "triggervalue", "problemstatus", "incidentstate", "incidentstatus"),
        *("servicestate", "hoststate", "checkstate", "checkstatus", "notificationtype", "alerttypefriendlyname"),
    }
)
_ENDED = _OVER | {
    "ok",
    "okay",
    "up",
    "normal",
    "clear",
    "closed",
    "close",
    "resolve",
    "exists",
    "back to normal",
    "0 ok",
}
_ENDED_BESIDE = (  # who sends one of these speaks in `state` or `status` of the alert
    *("rulename", "ruleid", "ruleurl", "alertsource"),  # Grafana and what relays it
    *("statetype", "servicedescription", "checkcommand", "maxcheckattempts"),  # Nagios, Icinga and their kin
    *("oldstate", "oldstatus", "previousstate", "previousstatus", "prevstate"),  # who tells of a change
    *("lastping", "pingurl", "checkurl", "grace", "gracetime"),  # who waits for signs of life
)
# When it ended, or that it did.
_ENDED_AT = frozenset(
    {"restoredat", "recoveredat", "resolvedat", "reconnectedat", "clearedat", "closedat", "backsince"}
)
_A_TIME = re.compile(r"(?!0)\d{4}-\d\d-\d\d")
_IS_BACK = frozenset({"reconnected", "recovered", "resolved", "selfhealed", "autorecovered", "autoresolved"})
_TRIES_LEFT = frozenset(
    {"retriesleft", "attemptsleft", "triesleft", "retriesremaining", "attemptsremaining", "remainingretries"}
)
_SOFT = frozenset({"softstate", "issoft", "soft"})
_ATTEMPTS = frozenset({"attempt", "checkattempt", "currentattempt", "try", "retry", "attempts"})
_OF_SEVERAL = re.compile(r"(\d{1,3}) ?(?:/|of|von|sur|de|di) ?(\d{1,3})")
_ALERTS = frozenset({"alert", "alarm", "incident", "problem", "trigger", "issue", "event", "notification"})
_OF_A_SERVICE = ("servicedescription", "servicedesc", "servicename", "servicedisplayname")
_ENDS_SO = (" succeeded", " recovered", ".resolved", "_resolved", ".recovered", "_recovered", " ok")
# What is said of a thing in good health, by whatever watches it: the end of an alert where its state is asked for.
_WELL = frozenset(
    {
        *("ok", "okay", "up", "healthy", "normal", "clear", "closed", "inactive", "removed", "resolve", "not firing"),
        *("passing", "passed", "pass", "success", "succeeded", "successful", "online", "operational", "reachable"),
        *("available", "alive", "good", "green", "fixed", "ended", "back to normal", "running"),
    }
)

_SILENCED = frozenset(
    {
        *("maintenance", "inmaintenance", "undermaintenance", "maintenancemode", "indowntime", "inscheduleddowntime"),
        *("downtime", "silenced", "muted", "suppressed", "eventsuppressed", "snoozed", "dismissed", "inhibited"),
        *("scheduleddowntime", "inhibitedby", "silencedby", "mutedby", "snoozedby", "dismissedby", "suppressedby"),
    }
)
# Where senders put that beside the top: in the alert, or in the host, service or check that it is about.
_SILENCED_IN = _ALERTS | {"service", "host", "check", "monitor", "status", "attrs"}
# What is said of an alert only, whatever the key for its state is called; "maintenance" is said of things as well.
_STATES = re.compile(
    r"(?:(?:alert|alarm|event|incident|problem|issue|group|alertgroup|new|current|prod|production)?(?:state|status)"
    r"|notifications?(?:type|state|status)?)"
)
_QUIET = re.compile(
    r"(?:acknowledge(?:d|ment)?|acked|silenced|snoozed|muted|suppressed|inhibited|dismissed"
    r"|in (?:scheduled )?downtime|quittiert|stummgeschaltet|unterdrückt|acquitté|silencié|reconocid[oa]|silenciad[oa]"
    r"|riconosciut[oa]|silenziat[oa]|reconhecid[oa]|bevestigd|gedempt|potwierdzony|wyciszony|подтвержден\w*|已确认|已静默)"
)
_IN_MAINTENANCE = re.compile(
    r"(?:in|under)?[ _-]*maintenance(?: mode)?|wartung|en maintenance|en mantenimiento|in manutenzione"
)
_OF_A_MONITOR = frozenset(
    {"monitor", "monitorname", "monitorid", "monitorurl", "component", "componentname", "statuspage"}
)
_SAYS_WINDOW = frozenset({"scheduledoutage", "scheduledmaintenance", "activesilence", "maintenancerule", "silencename"})
_ENDS = ("until", "end", "ends", "endsat", "endtime", "endat")
_UNTIL = re.compile(r"(?:silenced?|muted?|snoozed?|suppressed|downtime|maintenance)(?:until|ends?|endsat|endtime)")
_WINDOWS = _SILENCED | {"window", "maintenancewindow", "syncwindow", "silence"}  # `{"active": true, ...}`
# As a truth. A name alone (`acknowledged_by`) only says that somebody is at it (work_in_progress.py).
_ACKNOWLEDGED = frozenset({"acknowledged", "acknowledgement", "problemhasbeenacknowledged", "ack", "acked"})

# `healthy -> unhealthy -> healthy`: of what is told as a row of states the last one holds.
_THEN = re.compile(r"\s*(?:-+>|=>|→|➜|⇒|»)\s*")
_A_STATE = re.compile(r"[a-z][a-z _-]{1,24}")
_IS_LAST = _OVER | {
    *("ok", "okay", "up", "healthy", "normal", "passing", "online", "operational", "reachable", "available", "alive"),
    "running",
}


def ends_well(word: str) -> bool:
    """Is it a row of states, the last of which is good health?"""
    states = _THEN.split(word.strip()[:200])
    return len(states) > 1 and states[-1] in _IS_LAST and all(_A_STATE.fullmatch(state) for state in states)


def says_well(text: str) -> bool:
    """Is this the word of some sender for an alert that is over? Marks around it (`[OK]`) do not count."""
    word = " ".join(re.findall(r"\w+", text[:60].lower()))
    return word in _OVER or word in _WELL


def is_over(path: tuple[str, ...], word: str, beside: frozenset[str], *, yes: bool) -> bool:
    """Does this field say that the alert is over? Keys are folded (`facts.py`); `beside` are the payload's own, `yes`:
    its value is a truth."""
    of_it = len(path) == 1 or (len(path) == 2 and path[0] in _ALERTS)
    if of_it and path[-1].removeprefix("is") in _IS_BACK and yes:
        return True
    if path == ("severity",):
        return word in _OVER or word in ("clear", "ok")
    if path == ("alerts", "status"):
        return word in _OVER
    if path in (("status",), ("state",)):
        return word in _OVER or ends_well(word) or (word in _ENDED and not beside.isdisjoint(_ENDED_BESIDE))
    if path == ("hoststate",) and not beside.isdisjoint((*_OF_A_SERVICE, "servicestate")):
        return False  # a check of a service tells of its host beside
    if len(path) == 1 and path[0] in _ALERTS_OWN:
        return word in _ENDED or word.endswith(_ENDS_SO) or ends_well(word)
    if of_it and path[-1] in _ENDED_AT:
        return _A_TIME.match(word) is not None
    if len(path) == 2 and path[0] in _ALERTS and path[1] in ("status", "state"):
        return word in _OVER or word == "closed"
    return path == ("action",) and word in ("resolve", "resolved", "close")


def is_silenced(path: tuple[str, ...], value: Any, word: str, beside: frozenset[str], *, yes: bool) -> bool:
    """Is nobody to be told, for a downtime, a silence, or because somebody works on it already? `beside`: the payload's
    own keys."""
    number = whole_in(value)
    key, counted = path[-1], number is not None and number > 0
    if len(path) == 1 or (len(path) == 2 and path[0] in _SILENCED_IN):
        called = {key, key.removeprefix("is"), key.removeprefix("in"), key.removeprefix("isin")}
        named = key.endswith("by") and (_is_somebody(word) or _lists_any(value))
        said = yes or named or (counted and (key.endswith("downtime") or not called.isdisjoint(_ACKNOWLEDGED)))
        if said and not called.isdisjoint(_SILENCED | _ACKNOWLEDGED):
            return True
        if key in _SAYS_WINDOW and _is_somebody(word):
            return True
    if _is_state_of_alert(path) and (
        _QUIET.fullmatch(word) or (_IN_MAINTENANCE.fullmatch(word) and _speaks_of_alert(key, beside))
    ):
        return True
    if key == "active" and yes and len(path) == 2 and path[0] in _WINDOWS:
        return True
    if key in ("scheduleddowntimedepth", "downtimedepth") and counted:
        return True
    return path == ("notificationtype",) and word.startswith(("downtime", "acknowledge"))


def _is_state_of_alert(path: tuple[str, ...]) -> bool:
    of_it = len(path) == 1 or (len(path) == 2 and path[0] in _SILENCED_IN)
    return of_it and _STATES.fullmatch(path[-1]) is not None


def _speaks_of_alert(key: str, beside: frozenset[str]) -> bool:
    return key not in ("state", "status") or not beside.isdisjoint(_OF_A_MONITOR)


def _is_somebody(word: str) -> bool:
    return (
        word != ""
        and truth_in(word) is None
        and not word.startswith(("nobody", "no one", "none", "-", "n/a", "unknown"))
    )


def _lists_any(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0


def is_silenced_until(told: Mapping[str, Any], now: str) -> bool:
    """`{"muted_until": ...}` of a time that has not come. `told`: the payload by its folded keys."""
    until = [value for key, value in told.items() if _UNTIL.fullmatch(key)]
    windows = (told[key] for key in _WINDOWS if isinstance(told.get(key), Mapping))
    until += [window.get(key) for window in windows for key in _ENDS]
    return any(_is_later(time, now) for time in until if isinstance(time, str))


def _is_later(time: str, now: str) -> bool:
    try:
        return parse_time(time[:40]) > parse_time(now)
    except (ValueError, OverflowError):
        return False


def may_pass(path: tuple[str, ...], value: Any, word: str, number: int | None) -> bool:
    """Is this the first look of several, or does its sender try again? `{"attempt": "1/3"}`"""
    key = path[-1]
    if key == "statetype":
        return word == "soft" or number == 0
    if key in _SOFT and isinstance(value, bool | str) and truth_in(value) is True:
        return True
    if len(path) == 1 and key in _ATTEMPTS and (told := _OF_SEVERAL.fullmatch(word)):
        return 0 < int(told[1]) < int(told[2])
    return number is not None and ((path == ("occurrences",) and number == 1) or (key in _TRIES_LEFT and number > 0))


def is_firing(payload: dict[str, Any]) -> bool:
    """Is any alert of the group not over yet?"""
    listed = payload.get("alerts")
    alerts = [payload, *listed] if isinstance(listed, list) else [payload]
    return any(isinstance(alert, dict) and alert.get("status") in ("firing", "alerting") for alert in alerts)


def is_host_away(told: Mapping[str, Any]) -> bool:
    """Does a check of a service say that its host is away? Nagios, Icinga and their kin tell of the host by itself."""
    if not any(told.get(key) for key in _OF_A_SERVICE):
        return False
    state = str(told.get("hoststate", "")).strip().lower()
    return state in ("down", "unreachable") or ("reachable" in told and truth_in(told["reachable"]) is False)


def is_of_an_attack(payload: dict[str, Any]) -> bool:
    """Does a monitor of security tie it to MITRE ATT&CK, as Falco, Wazuh and Suricata do in their tags and fields? Not
    where it calls it something for its own makers."""
    if str(payload.get("priority", payload.get("level"))).lower() in ("debug", "trace"):
        return False
    tags = payload.get("tags")
    listed = tags if isinstance(tags, list) else []
    return any(str(name).lower().startswith("mitre") for name in (*payload, *listed[:100]))
