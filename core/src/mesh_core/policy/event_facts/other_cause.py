"""Does a field name a cause that lies beside the thing: a full disk, a certificate that is over, what it needs and
does not get? Or that such a cause is over? Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.event_facts.payload_fields import is_of_another_time

_ROOM = ("disk", "filesystem", "inode", "volume", "storage", "partition", "rootfs")
_USED = ("usedpercent", "usedpct", "usagepercent", "usagepct", "percentused", "pctused", "usepercent")
_FREE = ("freebytes", "availablebytes", "availbytes", "freeinodes", "inodesfree", "freepercent", "availablepercent")
_FULL_PERCENT = 98  # less, and programs still write
_READ_ONLY = frozenset({"readonly", "mountreadonly", "filesystemreadonly", "isreadonly", "mountedreadonly"})
_CERTIFICATE = ("cert", "tls", "ssl")
_LEFT = ("daysleft", "daysremaining", "expiresindays", "expirydays", "daystoexpiry", "expiresinseconds", "secondsleft")
NEEDED = frozenset(
    {
        *("db", "database", "cache", "broker", "mqtt", "upstream", "ldap", "smtp", "idp", "nas", "nfs", "share"),
        *("gateway", "internet", "wan", "uplink", "network", "dns", "resolver", "vpn", "peer", "storagebackend"),
        *("router", "switch", "coordinator", "registry", "dependency", "remote", "mount"),
    }
)
_DATA = frozenset({"volume", "volumes", "datavolume", "data", "datadir", "dataset", "datadirectory"})
# A field of such a name says of which device the others tell.
DEVICES = frozenset({"printer", "scanner", "sensor", "drive", "tape", "ups", "battery", "camera"})
# Hardware that a program works with: where it is off or away, no start of the program brings it back.
HARDWARE = frozenset(
    {
        *("radio", "dongle", "stick", "adapter", "modem", "printer", "scanner", "camera", "tuner"),
        *("serial", "usb", "device", "inverter", "meter", "plc", "mcu", "reader", "sensor", "tape", "drive"),
    }
)
_THERE = ("reachable", "available", "online", "there", "present", "attached", "plugged", "powered", "power")
_STANDS = ("reachable", "available", "online", "up", "mounted", "resolves")
_OUT = (
    *("exited", "missing", "dead", "unhealthy", "failed", "down", "stopped", "unreachable", "not running"),
    *("unavailable", "offline", "servfail", "nxdomain", "not mounted", "no route", "read-only", "lost"),
)

ALL_NEEDED = frozenset({"dependson", "dependencies", "dependency"})  # what stands there counts together (past_words.py)
# Of what it needs, at the end of what a field says: `was down until 01:20, is up`, `answers now`.
_CLAUSE = re.compile(r"[,;] ")
_RUNS_NOW = re.compile(
    r"(?:(?:it |and )?(?:is|are) |has |now )?(?:running|healthy|reachable|online|up|ok|back|answers|answering|resolves"
    r"|restored|recovered|reconnected|connected|available|active|works|working|responds|responding)(?![\w.-])"
)
_NOT_NOW = re.compile(
    r"\b(?:not|no|never|was|were|until|down|lost|without|un\w+|half|partly|tried|tries|but|although|refus\w+|reject\w+"
    r"|errors?|fail\w*|slow\w*|degraded|read.only|full|hang\w*|stuck|tim(?:ing|ed) out|timeouts?)\b|n't\b"
)
# What programs wait for at their start, by its own name; `api` or `docker` may be its own part, or what runs it.
SERVERS = frozenset(
    {
        *("postgres", "postgresql", "mysql", "mariadb", "mongo", "mongodb", "redis", "valkey", "memcached", "influxdb"),
        *("rabbitmq", "mosquitto", "kafka", "nats", "zookeeper", "etcd", "consul", "vault", "elasticsearch"),
        *("opensearch", "minio", "keycloak"),
    }
)
_RESOLVERS = frozenset({"dns", "resolver", "nameserver", "nameservers", "names"})
_IN_THE_WAY = frozenset({"port", "lock", "lockfile", "pidfile", "socket", "mountpoint"})
# Of the lines that name a cause in settings, those about such a thing, in lower case.
_ABOUT_FILES = (
    r"mount|stale|transport endpoint|no such (?:file|device)|enoent"
    r"|not found|not empty|has files in it|part of the path|source path|/dev/"
    r"|nicht gefunden|introuvable|aucun fichier|no encontrado|no existe|non trovato|non esistente|inexistente"
    r"|niet gevonden|bestaat niet|nie ma takiego|не найден|нет такого|没有那个|ありません"
)
_ABOUT_LOCKS = (
    r"\block|\.l(?:oc)?k\b|\bpid|\.pid|\.sock|socket|\bexists?\b|eexist|existiert|esiste|istnieje|существует|in use"
)
_ABOUT_DEVICES = r"/dev/|no such device|\bdevice\b|\btty|\busb\b|serial ?port"
_NO_MORE_IN_THE_WAY = ("free", "released", "gone", "removed", "empty", "unlocked")
# Less than a tenth may be kept for root. That there is room tells of an end only beside a word for another time: the
# file system that was full may be another one.
_ROOM_NOW = re.compile(r"\b(?:[1-9]\d*(?:[.,]\d+)? ?[gt]i?b|[1-9]\d(?:[.,]\d+)? ?%) (?:is |are )?(?:free|available)\b")
_ONCE = re.compile(r"\b(?:was|were|again|now)\b")
_LINES = frozenset({"gateway", "internet", "wan", "uplink", "network", "router"})
_REACHED = ("reachable", "online")
_FOUND = ("there", "present", "pluggedin", "attached")
_SEEN = (*_REACHED, *_FOUND)
_ITSELF = frozenset({"container", "process", "unit", "service", "instance", "task", "is", "host", "node", "lan"})
_SHORTEST = 3  # letters of what is in the lines about it: `e` stands in each
_HERE = frozenset({"mounted", "ismounted", "readable"})
_BESIDE_IT = re.compile(
    r"(?:peer|other|sibling|neighbou?r|depend\w*|need|require|beside|backend)s?(?:containers?|services?|units?|hosts?)?"
    r"|(?:other|autres|andere|otros|altri|outros|inne|другие|其他).*"
)
_OF_SEVERAL = frozenset({"containers", "services", "units", "processes", "apps", "instances", "siblings"})  # by name


def is_of_another(path: tuple[str, ...], own: str) -> bool:
    """Does it lie in a part that is called after a server, a need or things beside it? `own`: its folded name."""
    parts = path[:-1]
    named = [part for part in parts if part in NEEDED or part in SERVERS or _BESIDE_IT.fullmatch(part)]
    listed = [part for which, part in pairwise(parts) if which in _OF_SEVERAL]
    return any(part not in own for part in (*named, *listed))


def has_no_room(path: tuple[str, ...], value: Any) -> bool:
    """A disk or its inodes are full, or it takes no writes."""
    if path[-1] in _READ_ONLY:
        return truth_in(value) is True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    name = "".join(path)
    if not any(word in name for word in _ROOM):
        return False
    return (name.endswith(_USED) and value >= _FULL_PERCENT) or (name.endswith(_FREE) and value == 0)


def is_certificate_over(path: tuple[str, ...], value: Any) -> bool:
    number = whole_in(value)
    if number is None or number > 0:
        return False
    name = "".join(path)
    return name.endswith(_LEFT) and any(word in name for word in _CERTIFICATE)


def lacks_what_it_needs(path: tuple[str, ...], value: Any, word: str, *, of_a_state: bool) -> bool:
    """`{"nas_reachable": false}`, `{"gateway": "unreachable"}`, `{"upstream": {"state": "down"}}`."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if key in NEEDED or parent == "mounts" or (parent in NEEDED and of_a_state):
        return word.startswith(_OUT)
    if not key.endswith(_STANDS) or truth_in(value) is not False:
        return False
    needs = (key.removesuffix(end).removesuffix("s") for end in _STANDS if key.endswith(end))
    return any(need in NEEDED or (not need and parent in NEEDED) for need in needs)


def lacks_its_data(path: tuple[str, ...], word: str) -> bool:
    """`{"volume": "missing"}`: what is made anew begins with empty data."""
    return path[-1] in _DATA and word.startswith(
        ("missing", "gone", "deleted", "removed", "not found", "lost", "empty")
    )


def is_hardware_away(path: tuple[str, ...], value: Any) -> bool:
    """`{"dongle_present": false}`, `{"radio": {"reachable": false}}`, `{"printer_power": "off"}`."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if not key.endswith(_THERE) or truth_in(value) is not False or value in (None, ""):
        return False
    whats = (key.removesuffix(end) for end in _THERE if key.endswith(end))
    return any((what or parent) in HARDWARE for what in whats)


def has_what_it_needs(path: tuple[str, ...], value: Any) -> bool:
    """Somebody looked after a thing beside it: `{"server_reachable": true}`, `{"camera_there": true}`."""
    key = path[-1]
    if not key.endswith(_SEEN):
        return False
    beside = next((key.removesuffix(end) for end in _SEEN if key.endswith(end)), "")
    if not beside or beside in _ITSELF or is_of_another_time(path):
        return False
    return isinstance(value, bool | str) and truth_in(value) is True


def cues_it_ends(path: tuple[str, ...], value: Any, word: str) -> frozenset[str]:
    """The cues of which a field says that their cause is over: `{"name_resolves": true}`, `{"mounts": {"/srv": "mounted
    since 4 min"}}`, `{"gateway": "online"}`, `{"db": "was down, back since 02:12"}`, `{"lock": "released"}`."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if is_of_another_time(path):
        return frozenset()
    if key.endswith("resolves") and truth_in(value) is True:
        return frozenset({"dns"})
    if has_what_it_needs(path, value):
        reached = set() if key.endswith(_FOUND) and "network" not in key else {"unreachable"}
        return frozenset({"dependency", "attached"} | reached)
    if _is_mounted(path, value, word):
        return frozenset({"dependency", "attached"})
    if _is_out_of_the_way(path, word):
        if "mount" in key:
            return frozenset({"attached"})
        return frozenset({"bound"} if "port" in key + parent or "socket" in key else ())
    if word and any(room in key for room in _ROOM) and _has_room_again(word):
        return frozenset({"space"})
    ends = _ends_when_it_runs(key.removesuffix("now").removesuffix("service"))
    return ends if ends and parent not in ALL_NEEDED and says_it_runs(word) else frozenset()


def lines_it_ends(path: tuple[str, ...], value: Any, word: str) -> str:
    """The lines about settings (a pattern, '' for none) of which a field says that their cause is over. A lock that
    was let go says nothing of a password, and ends no backup and no migration."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if is_of_another_time(path):
        return ""
    if _is_mounted(path, value, word):
        return _ABOUT_FILES
    if _is_out_of_the_way(path, word):
        if "port" in key + parent:
            return ""
        return _ABOUT_FILES if "mount" in key else _ABOUT_LOCKS
    if has_what_it_needs(path, value) and key.endswith(_FOUND):
        what = next(key.removesuffix(end) for end in _FOUND if key.endswith(end))
        if len(what) < _SHORTEST:
            return _ABOUT_DEVICES
        return _ABOUT_FILES if any(room in what for room in _ROOM) else rf"{_ABOUT_DEVICES}|{re.escape(what)}"
    return ""


def _is_mounted(path: tuple[str, ...], value: Any, word: str) -> bool:
    return any("mount" in key for key in path[-2:]) and (
        (path[-1] in _HERE and truth_in(value) is True) or word.startswith("mounted")
    )


def _is_out_of_the_way(path: tuple[str, ...], word: str) -> bool:
    of_a_port = len(path) > 1 and path[-2].startswith("port")
    return word.startswith(_NO_MORE_IN_THE_WAY) and (of_a_port or path[-1].removesuffix("now") in _IN_THE_WAY)


def _at_the_end(word: str) -> str:
    return _CLAUSE.split(word)[-1]


def _has_room_again(word: str) -> bool:
    said = _at_the_end(word)
    return re.search(r"\bfreed\b", said) is not None or bool(_ROOM_NOW.search(said) and _ONCE.search(word))


def says_it_runs(word: str) -> bool:
    """`was down until 01:20, is up`; not `upgrading`, nor `up but refuses logins`."""
    said = _at_the_end(word)
    return _RUNS_NOW.match(said) is not None and _NOT_NOW.search(said) is None


def _ends_when_it_runs(what: str) -> frozenset[str]:
    if what in _LINES:
        return frozenset({"dependency", "unreachable", "dns"})
    if what in _RESOLVERS:
        return frozenset({"dependency", "dns"})
    return frozenset({"dependency"} if what in NEEDED or what in SERVERS else ())
