"""Did somebody look after what a thing needs (a server, a device, a line), and find it there? Then what it says of that
is of the past, and what is still wrong with it does not take it up again. Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

import re
from typing import Any

from mesh_core.models.truth import truth_in
from mesh_core.policy.event_facts.payload_fields import is_of_another_time

_SERVERS = re.compile(
    r"(?:postgres|mysql|mariadb|redis|valkey|mongo|memcached|elastic|opensearch|influx|rabbit|mosquitto|kafka|nats|etcd"
    r"|zookeeper|keeper|consul|vault|minio|keycloak|ldap|slapd|amqp|mqtt|smtp)\w*"
    r"|db|database|broker|backend|directory|cluster|upstream|cache|registry|idp|server|gateway|dns|resolver|coordinator"
)
_LOOKS = frozenset(
    {"state", "status", "health", "reachable", "available", "online", "up", "ping", "ruok", "answers", "test", "check"}
)
_IS_WELL = re.compile(
    r"(?:up|running|healthy|green|ok|okay|online|reachable|available|active|connected|imok|pong|alive|passing|open|ready)"
    r"(?:[ ,;(].{0,60})?"
)
_TESTED = re.compile(r"(?P<what>[a-z]+?)(?:bind|login|connect(?:ion)?|query|auth)?(?:test|check|probe)")
_TESTED_WELL = re.compile(r"(?:ok|works?|passes|passed|succeeds|succeeded|fine|green|well|answers)(?: .{0,40})?")
_PORT = re.compile(r"(?:tcp|port|nc|telnet)\w*\d{2,5}")
_PING = re.compile(r"ping\w*\d{2}\w*|ping[a-z]{3,}")
_IN_TIME = re.compile(r"\d+(?:[.,]\d+)? ?ms\b.{0,30}|ok|answers(?: .{0,30})?")
_DEVICE = re.compile(r"lsusb|ls(?:usb)?dev\w+|dev(?:tty|video|dri|snd|serial|dvb)\w*|usb(?:device)?")
_FOUND = re.compile(r"(?:[\w .()/:-]{1,60} )?(?:present|there|found|attached|listed)")
_NOT = re.compile(
    r"\b(?:not?|nothing|none|never|without|un\w+|fail\w*|lost|refus\w+|errors?|timeouts?|but|down|degraded|until|was)\b"
)


def is_met(path: tuple[str, ...], value: Any) -> bool:
    """`{"redis": {"state": "running"}}`, `{"ldap_bind_test": "ok since 07:14"}`, `{"lsusb": "... present"}`."""
    if len(path) > 2 or is_of_another_time(path):
        return False
    said = value.strip().lower() if isinstance(value, str) and len(value) < 200 else ""
    if _NOT.search(said):
        return False
    if len(path) == 2:
        of_a_server = path[1] in _LOOKS and _SERVERS.fullmatch(path[0]) is not None
        return of_a_server and (value is True or truth_in(value) is True or _IS_WELL.fullmatch(said) is not None)
    tested = _TESTED.fullmatch(path[0])
    if tested and _SERVERS.fullmatch(tested["what"]):
        return _TESTED_WELL.fullmatch(said) is not None
    return _DEVICE.fullmatch(path[0]) is not None and _FOUND.fullmatch(said) is not None


def answers_now(path: tuple[str, ...], value: Any) -> bool:
    """`{"ping 10.0.0.4": "2 ms"}`, `{"tcp 5672": "open"}`: perhaps its own host, so it only takes words back."""
    if len(path) != 1 or not isinstance(value, str):
        return False
    said = value.strip().lower()[:100]
    if _PORT.fullmatch(path[0]):
        return re.fullmatch(r"open(?:[ ,;(].*)?", said) is not None
    return _PING.fullmatch(path[0]) is not None and _IN_TIME.fullmatch(said) is not None
