"""Does a probe say what it asked for, or what came of it? Else its failing is no more than a name. Pure; keys are
folded (`facts.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from mesh_core.incidents.fact import Fact
from mesh_core.models.events import HealthEvent
from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in

STATUS_CODES = frozenset(
    {"httpstatus", "httpstatuscode", "httpcode", "statuscode", "responsecode", "responsestatus"}
)  # folded keys
# As monitors write what they were answered: Gatus `[STATUS] (500) == 200`, UptimeRobot `HTTP 500 - Internal ...`.
_ANSWER = re.compile(r"(?:\[STATUS\] \(|HTTP(?:/[\d.]+)? )([1-5]\d\d)\b")
_ANSWERS = frozenset({"error", "errors", "alertdetails", "details"})
# It answers, and leads elsewhere or finds fault with who asks: no restart changes that. Not what a page, a service or
# time may lack.
_REFUSALS = frozenset(range(300, 500)) - {404, 408, 410, 423, 424, 425}
_FAULT = 500  # its own; what stands before a program says 502 to 504 of one that does not answer
_PORT = re.compile(r"(?:tcp|udp)?port\d*|(?:tcp|udp)\d+")
_NOT_OPEN = re.compile(
    r"(?:is )?(?:closed|not open|not listening|not bound|nothing listens|no listener|refused)(?: .{0,40})?"
)
# A look by hand, by its command or by what it looked at.
_LOOKS = re.compile(
    r"(?:(?:get|head|curl|wget|http|https|ping|nc|dig)(?: .{1,160})?(?: now| jetzt)?|http_?(?:code|status)_now"
    r"|(?:web|page|pages|site|sites|website|websites|ui|app|api|seite|webseite|oberfläche|interface|página|pagina|sito)"
    r"(?: now| from outside| by hand| von hand)?)"
)
_GOOD = re.compile(
    r"(?:20[0-4]\b|pong\b|(?:opens|works|answers|loads|ok|fine|reachable|lädt|geht|marche|funciona|funziona)\b)"
)
_BAD = re.compile(
    r"\b(?:but|not|no|slow\w*|empty|blank|error\w*|fail\w*|timeout\w*|[45]\d\d|aber|nicht|mais|pas|pero|ma|non)\b"
)
_PROBES = ("_probe", "_probe_failed")
_TOLD = STATUS_CODES | {
    *("url", "uri", "target", "endpoint", "address", "hostport", "port", "heartbeat", "monitor", "alert", "check"),
    *("error", "errors", "status", "result", "latencyms", "responsetime", "responsetimems", "failures", "query"),
    *("attempts", "consecutivefailures", "output", "state", "duration", "durationms", "timeoutseconds"),
}


def answered_with(path: tuple[str, ...], value: Any) -> Iterator[Fact]:
    """What the status of HTTP that a probe was answered says, in the probe's own field."""
    status = _status_in(path[0], value) if len(path) == 1 else None
    if status in _REFUSALS:
        yield Fact.REFUSED
    if status == _FAULT:
        yield Fact.FAULTY


def listens_on_nothing(path: tuple[str, ...], value: Any) -> bool:
    """`{"listening": false}`, `{"sockets": 0}`, `{"port_1883": "closed"}`: whoever looked at the host found no port of
    it."""
    if len(path) != 1 or value in (None, ""):
        return False
    key, word = path[0], value.strip().lower() if isinstance(value, str) else ""
    if key in ("listening", "listens", "islistening", "portopen", "portlistening"):
        return truth_in(value) is False
    if key in ("sockets", "listensockets", "listeningsockets", "opensockets", "boundsockets", "openports"):
        return value == [] or (not isinstance(value, bool) and whole_in(value) == 0)
    return _PORT.fullmatch(key) is not None and _NOT_OPEN.fullmatch(word) is not None


def is_about_a_check(event: HealthEvent, beside: Iterable[str]) -> bool:
    """Is it the thing's own health check that fails?"""
    return "health" in event.type or any(key.startswith("health") for key in beside)


def is_answered_well(payload: Mapping[str, Any]) -> bool:
    """Did somebody who looked in another way than its own check get a good answer? `{"GET http://nas:4000/": 200}`,
    `{"page": "opens, 200"}`, `{"PING 3310": "PONG"}`."""
    return any(
        _LOOKS.fullmatch(str(key).strip().lower()[:200]) is not None and _is_good(value)
        for key, value in payload.items()
    )


def _is_good(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return value in range(200, 205)
    said = value.strip().lower()[:120] if isinstance(value, str) else ""
    return _GOOD.match(said) is not None and _BAD.search(said) is None


def _status_in(key: str, value: Any) -> int | None:
    if key in STATUS_CODES:
        return whole_in(value)
    if key == "status" and isinstance(value, int) and not isinstance(value, bool):
        return value if value in range(100, 600) else None
    said = _ANSWER.match(value) if key in _ANSWERS and isinstance(value, str) else None
    return int(said[1]) if said else None


def is_unevidenced(event: HealthEvent, beside: AbstractSet[str]) -> bool:
    """`beside`: the folded keys of its payload. No log, body or label counts, which others write."""
    return event.type.endswith(_PROBES) and event.sighting is None and _TOLD.isdisjoint(beside)
