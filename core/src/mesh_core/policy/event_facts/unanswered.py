"""Does a monitor say, in its own field and in the fixed words of its kind, that what it asked for at an address was not
answered? Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.event_facts.payload_fields import Field, is_of_itself

_ASKED_AT = frozenset(
    {
        *("url", "uri", "monitorurl", "checkurl", "targeturl", "siteurl", "websiteurl", "requesturl", "endpoint"),
        *("target", "checkedurl", "monitortarget", "fullurl", "link"),
    }
)
_SCHEMES = frozenset({"http", "https", "tcp", "udp", "ws", "wss", "grpc", "dns", "tls"})
_CODES = frozenset(
    {"statuscode", "httpstatus", "httpstatuscode", "httpcode", "responsecode", "responsestatus", "errorcode", "code"}
)
_NOBODY = frozenset({502, 503, 504, 521, 522, 523})  # whoever stands before it got none itself
_WORDS = frozenset(
    {
        *("cause", "reason", "error", "errors", "errormessage", "errormsg", "message", "msg", "failurereason", "fault"),
        *(
            "incidentreason",
            "downreason",
            "alertdetails",
            "details",
            "detail",
            "result",
            "response",
            "lasterror",
            "got",
        ),
        *("laststatus", "longdescription", "condition", "output", "description", "err"),
    }
)
_CODE = re.compile(
    r"(?:network ?error: )?(?:request failed with |unexpected |received |got |bad )?(?:http )?(?:status|response"
    r"|http)?"
    r"(?: ?code)?(?: was)?:? ?(?P<code>[1-5]\d\d)(?:(?: -|:)? [a-z ]{2,30})?"
)
_NO_ANSWER = re.compile(
    r"(?:the )?(?:(?:http|tcp|connect(?:ion)?|request|read|response|socket|operation|i/o|gateway|health ?check) )*"
    r"(?:timed? ?out|timeout|refused|reset(?: by peer)?|closed(?: by remote)?|aborted|failed|failure)"
    r"(?: (?:after|of|occurred|exceeded|\(|>|\d)[\w .,()>]{0,30})?"
    r"|(?:connect |connection )?e(?:connrefused|timedout|connreset|hostdown)\b[\w .:\[\]-]{0,60}"
    r"|timeout of \d+ ?ms exceeded|no response(?: received)?|empty (?:reply|response)(?: from server)?"
    r"|eof(?: after \d+ ?s)?"
    r"|(?:tcp )?connection (?:could not be established|failed)|server did not respond|not responding|did not answer"
)
# A port that nobody listens at is refused by a host that is there; so says whoever looked at the host as well.
_REFUSED = re.compile(
    r"(?:(?:http|tcp|connect(?:ion)?|port|\d{2,5})[: ]{1,2}){0,3}(?:econn)?refused(?: [\w.:\[\]-]{3,60})?"
)
_TRIED = frozenset({"connect", "connection", "tcp", "http", "https", "port", "tcpconnect", "portcheck"})
_PORTS = re.compile(r"(?:tcp|port)\d{2,5}")
_HOST_THERE = re.compile(
    r"(?:host)?(?:ping|pings|icmp|up|reachable|alive|online|pingable)|ping(?:host|reply)?|host|ssh"
)
_IS_THERE = re.compile(
    r"(?:answers?|replies|reply|responds)(?: (?:to )?(?:a )?(?:ping|pings|icmp|echo))?|ok|up|alive|reachable|open"
    r"|pingable|online"
    r"|\d+(?:[.,]\d+)? ?ms(?:, 0 ?% loss)?"
)
# What stands behind the proxy that answered, which found nobody at its port.
_BEHIND = re.compile(r"(?P<said>[^(]{3,40}?) ?\((?P<behind>.{3,140})\)")
_HOST_ANSWERS = re.compile(
    r"(?:the )?host (?:answers|replies|responds)(?: (?:to )?pings?)?|host is (?:up|there|reachable)"
)


def says_no_answer(value: Any) -> bool:
    """Is this what a monitor writes of one that does not answer, or of a proxy that found none behind it?"""
    if not isinstance(value, str):
        return False
    said = value.strip().lower().rstrip(".!")
    if len(said) > 120:
        return False
    code = _CODE.fullmatch(said)
    return (code is not None and int(code["code"]) in _NOBODY) or _NO_ANSWER.fullmatch(said) is not None


def got_no_answer(fields: Iterable[Field]) -> bool:
    """`{"url": "https://wiki.lan", "cause": "Status 502"}`; without an address it may be anything."""
    near = [
        (path, value) for path, value, depth in fields if depth <= 3 and (is_of_itself(path) or path[:-1] == ("ports",))
    ]
    worded = [value for path, value in near if path[-1] in _WORDS]
    if any(map(_is_refused_behind, worded)):
        return True
    codes = {code for path, value in near if path[-1] in _CODES and (code := whole_in(value)) is not None}
    if any(100 <= code < 502 for code in codes):
        return False
    if any(path[-1] in _ASKED_AT and _is_address(value) for path, value in near):
        codes |= {code for path, value in near if path[-1] == "laststatus" and (code := whole_in(value)) is not None}
        if not codes.isdisjoint(_NOBODY) or any(map(says_no_answer, worded)):
            return True
    refused = any(_is_refused(path, value) for path, value in near)
    return refused and any(_is_host_there(path[-1], value) for path, value in near)


def _is_refused(path: tuple[str, ...], value: Any) -> bool:
    """`{"error": "connection refused"}`, `{"port_8080": "refused"}`."""
    of_a_port = _PORTS.fullmatch(path[-1]) is not None or path[-2:-1] == ("ports",)
    if not (of_a_port or path[-1] in _WORDS or path[-1] in _TRIED):
        return False
    return isinstance(value, str) and _REFUSED.fullmatch(value.strip().lower()[:120]) is not None


def _is_host_there(key: str, value: Any) -> bool:
    if _HOST_THERE.fullmatch(key) is None:
        return False
    said = value.strip().lower() if isinstance(value, str) else ""
    return truth_in(value) is True or _IS_THERE.fullmatch(said) is not None


def _is_refused_behind(value: Any) -> bool:
    """`502 Bad Gateway (nginx: connect() failed (111: connection refused))`, `connect ECONNREFUSED ... (host answers
    ping)`: the word of whoever asked, and what lies behind it beside."""
    told = _BEHIND.fullmatch(value.strip().lower()) if isinstance(value, str) and len(value) < 200 else None
    if told is None:
        return False
    if _HOST_ANSWERS.fullmatch(told["behind"]):
        return _REFUSED.fullmatch(told["said"]) is not None
    code = _CODE.fullmatch(told["said"])
    return code is not None and int(code["code"]) in _NOBODY and "refused" in told["behind"]


def _is_address(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > 500:
        return False
    try:
        return urlsplit(value.strip()).scheme.lower() in _SCHEMES
    except ValueError:
        return False
