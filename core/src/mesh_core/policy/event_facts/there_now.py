"""Does a field say of what a thing works with (a device, an address, a port, a network, a server) that it is there now,
or came later than the thing itself? In the words of whoever looked, in several languages. Pure; keys are folded."""

from __future__ import annotations

import re
from typing import Any

from mesh_core.policy.event_facts.payload_fields import is_of_another_time, is_written_freely

_LONGEST = 120  # characters: what is longer tells a story
# `appeared`, `came up` say that it was not there before; the others need a word for now beside them.
_CAME = (
    r"appeared|arrived|showed up|turned up|came (?:up|back|online|later)"
    r"|was (?:plugged in|created|mounted|attached|set)|plugged (?:back )?in|erschien\w*|kam|apparu\w*|apareci\w*"
    r"|apparso|comparso|apareceu|verscheen|pojawił\w*|появил\w*"
)
_IS = (
    r"up|there|present|available|reachable|ready|back|free|released|online|ok|okay|running|works|healthy|green|mounted"
    r"|accept(?:s|ing)|answer(?:s|ing)|respond(?:s|ing)|resolv(?:es|ing)|connected|restored|created|attached|started|listening"
    r"|da|bereit|erreichbar|frei|verbunden|vorhanden|läuft|antwortet|là|revenue?|disponible|joignable|prête?|libre|rétablie?"
    r"|répond|hay|está|volvió|listo|responde|accesible|alcanzable|raggiungibile|disponibile|presente|tornat[oa]|pront[oa]"
    r"|liber[oa]|risponde|disponível|voltou|acessível|livre|beschikbaar|bereikbaar|terug|aanwezig|vrij|dostępn\w+|wrócił\w*"
    r"|aktiv|activ[oa]|actif|attiv[oa]|ativ[oa]|gesund|saine?|san[oa]|pong"
    r"|доступ\w+|вернул\w+|свобод\w+|работает|отвечает|есть|可用|恢复|正常|復旧"
)
_NOW = (
    r"now|again|since|later|afterwards|for (?:the last )?\d|after (?:it|the|its)|ago|jetzt|wieder|seit|später"
    r"|inzwischen|maintenant|depuis|de nouveau|plus tard|ya|ahora|desde|otra vez|después|más tarde|ora|adesso"
    r"|di nuovo|più tardi|dopo|agora|de novo|depois|mais tarde|nu|weer|sinds|teraz|znowu|znów|później|сейчас"
    r"|теперь|снова|уже|позже|现在|已|今"
)
_NOT = re.compile(
    r"\b(?:not?|never|without|nicht|kein\w*|nie|ohne|pas|jamais|sans|plus de|nunca|sin|non|mai|senza|não|sem|niet"
    r"|geen|bez|не|нет|but|although|un(?:reach|avail|health|stable)\w*|fail\w*|refus\w*|reject\w*|errors?|lost"
    r"|tr(?:ies|ied|ying)|slow\w*|degraded|read.only|timeouts?|tim(?:es?|ed|ing) out|until)\b|n't\b|没|未|不"
)
_SPAN = r"\d+ ?(?:s|sec\w*|min\w*|m|h)\b"
_LATER = re.compile(
    rf"(?:{_CAME})\b.{{0,40}}?\b(?:later|after\w*|since|später|nach\w*|plus tard|après|más tarde|después|più tardi"
    rf"|dopo|mais tarde|depois|później|po\b|позже|после)|\b(?:{_IS})\b.{{0,12}}?{_SPAN} (?:later|after)"
)
_CLOCK = r"\d\d:\d\d(?::\d\d)?"
_SINCE_ITS_START = re.compile(rf"\bsince (?P<there>{_CLOCK})\b.*\bstart\w* (?:at )?(?P<start>{_CLOCK})\b")
_THERE_NOW = re.compile(
    rf"\b(?:{_CAME})\b|(?:^|\b)(?:{_IS})\b.{{0,20}}?(?:{_NOW})|(?:\b(?:{_NOW})|现在|已).{{0,20}}?(?:{_IS})"
)
_WELL_NOW = re.compile(
    r"(?:green|healthy|ok|up|running|online)[,;] (?:accept|answer|respond|reachable|work)\w*\b[^.]{0,30}"
    r"|(?:\S{1,60}:\d{1,5} )?(?:open|listening|reachable)(?:[,;] .{0,50})?"
)

_IS_SO = re.compile(rf"(?:{_IS}|exists|open)(?![\w.-])")
_PARTS_OF_NOW = (
    ("now",),
    ("jetzt",),
    ("maintenant",),
    ("ahora",),
    ("adesso",),
    ("agora",),
    ("nu",),
    ("teraz",),
    ("сейчас",),
)
_OF_NOW = re.compile(
    r"(?:(?:is|ist|est|está|è)?(?:now|today|jetzt|maintenant|ahora|adesso|agora|nu|teraz|сейчас|现在|现))$"
)
_FREE = re.compile(
    r"(?:free|frei|libres?|liber[oa]|livre|vrij|woln[ya]|свобод\w+|zwolnion\w|liberad[oa]|空闲|已释放)(?![\w.-])"
)
_UP = re.compile(r"(?:container [\w.-]+: )?up [\w ]{1,30}\((?:healthy|running)\)(?:, [\w .:()-]{0,60})?")
_ITSELF = frozenset({"container", "status", "state", "dockerps", "containerstatus", "unit", "service", "process"})

_NETWORK = re.compile(
    r"(?:the)?(?:network|net|internet|wan|uplink|gateway|router|link|netz|netzwerk|verbindung|réseau|reseau|red|rete|rede"
    r"|netwerk|sieć|siec|сеть|网络|ネットワーク)(?:now|there)?"
)
_ADDRESS = re.compile(  # itself as well: `10.0.0.1`
    r"(?:the)?(?:address|ip|ipaddress|addr|vip|interface|iface|nic|bridge|adresse|dirección|direccion|indirizzo|adres|адрес)"
    r"|\d{4,12}|(?:eth|en[opsx]|wl|br|bond|wg|tun|tap|vlan|ppp|re|em|igb|ix|vmbr|veth|lan|wan)[a-z\d]*\d"
)
_PORT = re.compile(
    r"(?:the)?(?:tcp|udp)?(?:ports?|porta|porto|puerto|poort|порт|端口)\d*(?:tcp|udp)?|(?:tcp|udp)\d+|listen(?:er|ing)?(?:port)?\d*"
)
_DEVICE = re.compile(
    r"dev[a-z\d]+|udev|(?:the)?(?:usb|serial|dongle|stick|gpu|tuner|camera|radio|modem|reader|receiver|sensor)(?:device|now)?"
)
_DEVICE_FILE = re.compile(r"/dev/[a-z]")
_PLACE = re.compile(r"(?:the|run|socket|config|data)?(?:dir|directory|folder|file|socket|ordner|verzeichnis|dossier)")
_SERVERS = re.compile(
    r"(?:postgres|mysql|mariadb|redis|mongo|elastic|opensearch|influx|rabbit|mosquitto|kafka|nats|etcd|amqp|broker|database|db|ldap)\w*"
)
_NAMES = re.compile(
    r"(?:the)?(?:dns|resolver|nameserver|nameresolution|namensauflösung|résolution|résolutiondns|resolución)"
)
_ENDS = (
    (_NETWORK, frozenset({"dependency", "dns", "unreachable", "bound"})),
    (_ADDRESS, frozenset({"dependency", "dns", "unreachable", "bound"})),
    (_PORT, frozenset({"bound"})),
    (_NAMES, frozenset({"dns", "dependency"})),
    (_DEVICE, frozenset({"attached"})),
    (_PLACE, frozenset({"configuration"})),
    (_SERVERS, frozenset({"dependency", "unsaved"})),
)


def cues_of_what_is_there(path: tuple[str, ...], value: Any) -> frozenset[str]:
    """`{"udev": "/dev/ttyUSB3 appeared 20 s later"}`, `{"port 80": "free since 03:00"}`, `{"now": "port 80 free"}`."""
    said = _said(path, value)
    if said and _is_up_beside(path, said):
        return frozenset({"dependency", "dns"})
    key = "" if path[-1:] in _PARTS_OF_NOW else _OF_NOW.sub("", path[-1])
    if _PORT.fullmatch(key) and _FREE.match(said):
        return frozenset({"bound"})
    of_now = key != path[-1] or path[-2:-1] in _PARTS_OF_NOW
    if not said or not (_THERE_NOW.search(said) or _WELL_NOW.fullmatch(said) or (of_now and _IS_SO.match(said))):
        return frozenset()
    named = (key,) if key else path[-2:-1] or _first_words(said)
    return frozenset().union(*(cues for one in named for what, cues in _of_what(one, said) if what))


def _first_words(said: str) -> tuple[str, str]:
    words = [word.strip(".:;,-") for word in said.split()[:2]]
    return "".join(words[:1]), "".join(words)


def came_later(path: tuple[str, ...], value: Any) -> bool:
    """Does it say that a device, an address, a port or a network came after the thing itself was started?"""
    said = _said(path, value)
    times = _SINCE_ITS_START.search(said)
    is_later = _LATER.search(said) is not None or (times is not None and times["there"] > times["start"])
    return is_later and any(what for what, _ in _of_what(path[-1], said))


def _is_up_beside(path: tuple[str, ...], said: str) -> bool:
    """`{"db": "Up 4 minutes (healthy)"}`: of a container that is not the thing itself."""
    return path[-1] not in _ITSELF and _UP.fullmatch(said) is not None


def _said(path: tuple[str, ...], value: Any) -> str:
    if len(path) > 2 or not isinstance(value, str) or len(value) > _LONGEST or is_of_another_time(path):
        return ""
    if any(map(is_written_freely, path)):
        return ""
    said = value.strip().lower()
    return "" if _NOT.search(said) else said


def _of_what(key: str, said: str) -> list[tuple[bool, frozenset[str]]]:
    found = [(what.fullmatch(key) is not None, cues) for what, cues in _ENDS]
    return [*found, (_DEVICE_FILE.search(said) is not None, frozenset({"attached"}))]
