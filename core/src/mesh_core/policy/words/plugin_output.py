"""What a check says in the one line that its plugin prints, where its documentation fixes how that begins. Pure.

The plugins of monitoring-plugins.org (check_procs, check_tcp, check_http), check_systemd, Sensu's check-process,
NSClient++'s check_service and Checkmk's of units, containers and Windows services: a state, then what was counted or
how a connection ended. What a server answered stands behind that, and is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mesh_core.incidents.fact import Fact
from mesh_core.models.events import HealthEvent
from mesh_core.models.owner_labels import bare_key

OUTPUT_KEYS = frozenset({"output", "pluginoutput", "checkoutput", "serviceoutput", "checkresultoutput", "stateoutput"})
_CRITICAL = r"(?:critical|critique|kritisch|crítico|critico|krytyczny)"  # as translated plugins print it
# Before a word for a state: `Status: failed`, as translated ones print it.
_STATE = (
    r"(?:(?:service|unit|process|container) )?(?:status|state|zustand|état|estado|stato|stav|stan|статус|состояние"
    r"|状态|状態|상태)(?: is)? ?[:=]? ?"
)
_REFUSED = (  # ECONNREFUSED as the C library says it
    r"(?:connection refused|verbindungsaufbau abgelehnt|connexion refusée|conexión rehusada|connessione rifiutata"
    r"|conexão recusada|verbinding is geweigerd|połączenie odrzucone|в соединении отказано"
    r"|拒绝连接|接続を拒否されました)"
)
_STOPPED = re.compile(
    r"procs (?:critical|warning): 0 process(?:es)?\b"
    r"|(?:systemd )?critical(?: - |: )(?:service )?[\w.@-]{1,128}(?:: | is | )(?:failed|inactive|not running|dead)\b"
    rf"|(?:[a-z0-9_]{{1,20}} )?{_CRITICAL} ?[:-] (?:service |process |daemon )?'?[\w.@-]{{1,64}}(?: \d{{1,3}})?'?"
    r" (?:is|has) not (?:been )?running\b"
    rf"|{_STATE}(?:inactive|dead|stopped|not running|exited(?! \(0\)))\b"
    r"|container (?:exited(?! \(0\))|stopped|dead)\b"
    r"|(?:[a-z0-9]{1,20} )?critical: (?:found 0 matching process|[\w.@-]{1,64}=stopped \((?:auto|delayed)\b)"
    r"|(?:[\w.@-]{1,64}: )?stopped \(start type is auto\b"
)
_BEFORE = (
    rf"(?:[a-z0-9_]{{1,20}} )?(?:{_CRITICAL} ?[:-] ?)?"
    r"(?:(?:service|process|daemon|container|unit|program|dienst|usługa) )?"
)
_ENDED = (
    rf"(?: {_CRITICAL})?(?: (?:status|state))?(?: ?[:=-] ?| is | has | ist | est | )(?:process )?"
    r"(?:not (?:been )?(?:running|active)|stopped|inactive|dead|down\b|exited(?! \(0\))"
    r"|nicht aktiv|gestoppt|läuft nicht|arrêté|detenido|nie działa)"
)
_FAILED = re.compile(rf"{_STATE}failed\b")
_UNHEALTHY = re.compile(rf"(?:health )?{_STATE}unhealthy\b|container (?:is )?unhealthy\b")
_UNANSWERED = re.compile(
    rf"(?:(?:http|tcp|{_CRITICAL})[ a-z]{{0,20}}[:-] )?"
    rf"(?:connect to address \S{{1,80}}(?: and port \d{{1,5}})?: {_REFUSED}"
    rf"|{_REFUSED}|socket timeout\b|(?:cannot make|unable to open) (?:ssl|tcp) (?:connection|socket)"
    r"|no data (?:was )?received from host)"
)

# What a container's health check says that cannot be made: its tool is not in the image, or is called in a wrong way.
CHECK_KEYS = frozenset({"check", "healthoutput", "healthlog", "healthcheckoutput", "lasthealthoutput", "checkoutput"})
_NO_CHECK = re.compile(
    r"(?:curl|wget|nc|bash|sh|exec|python3?|[\w./-]{1,64}): (?:\d+: )?(?:command )?not found\b"
    r"|executable file not found|oci runtime exec failed|no such file or directory|permission denied"
    r"|flag needs an argument|unknown (?:option|flag)|unrecognized option|\bexit (?:code )?12[67]\b"
)
_MARKED_WELL = re.compile(r"(?:\[(?:healthy|ok|pass(?:ed)?)\] [^\n]*(?:\n|$))+")
_ANSWERED = re.compile(r"\b(?:http/[\d.]{1,3} |error: |status(?: code)?:? ?)(?:401|403|404|405|429)\b")


def says_no_check(lines: str) -> bool:
    """Could the check itself not be made, was it answered that it asks for the wrong thing, or is every line of it
    marked as well although it failed?"""
    text = lines[:2000].lower()
    contradicts_itself = _MARKED_WELL.fullmatch(text) is not None
    return contradicts_itself or _NO_CHECK.search(text) is not None or _ANSWERED.search(text) is not None


def facts_in_output(line: str) -> Iterator[Fact]:
    """Of the thing that the check is for."""
    said = {Fact.DOWN: says_stopped, Fact.UNANSWERED: says_unanswered, Fact.UNHEALTHY: says_unhealthy}
    yield from (fact for fact, says in said.items() if says(line))


def is_down_by_its_check(event: HealthEvent, *, backed: bool) -> bool:
    """Does a check call the unit failed (jobs and disks are called so as well: `backed` is whether it is said what runs
    it), or say of the very service, by its name, that it does not run: `DOCKER CRITICAL - container web is dead`?"""
    lines = [
        _begin(line) for key, line in event.payload.items() if bare_key(key) in OUTPUT_KEYS and isinstance(line, str)
    ]
    if backed and any(map(_FAILED.match, lines)):
        return True
    own = re.escape((event.service or "").lower().removesuffix(".service"))
    if not (own and lines):
        return False
    return any(map(re.compile(rf"{_BEFORE}['\"]?{own}(?:\.service|\.exe)?['\"]?{_ENDED}").match, lines))


def _begin(line: str) -> str:
    return line.strip()[:300].lower()


def says_stopped(line: str) -> bool:
    return _STOPPED.match(_begin(line)) is not None


def says_unhealthy(line: str) -> bool:
    """Does it run, and its own health check say no?"""
    return _UNHEALTHY.match(_begin(line)) is not None


def says_unanswered(line: str) -> bool:
    """Did nobody take the connection, or nobody answer in it?"""
    return _UNANSWERED.match(_begin(line)) is not None
