"""Which program a title says does not run, and how, in sentences of one form: `sshd.service failed on nas`. Pure.

`nas: container wiki is not running (137)`, `Dienst cups auf nas ist ausgefallen`, `**wiki** on `nas` is dead`. Only
the begin of the line counts, whatever stands behind the state. "Stopped" is said of jobs as well: there the line has to
say that it is a container, a unit or a service. "Failed" is said of whatever one does: there the name has to be a
unit's, or `wiki: service failed`. Which host is meant, and whether it is one of ours, is the caller's business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mesh_core.policy.names.known_names import UNIT_SUFFIXES
from observer.hooks.plain_words import lines_of, only_names
from observer.hooks.service_in_names import PROGRAM, is_a_programs_name

_MOST_CHARS = 300
# Pictures and marks, in whatever form a chat has them; who says it, in brackets.
_BEFORE = re.compile(r"(?:[^\w\[]|:[a-z_]{2,40}:|\[[^\]]{1,60}\])*")
_MARKS = str.maketrans("", "", "*`'\"\u00ab\u00bb\u2018\u2019\u201c\u201d\u201e")
_NAME = PROGRAM.pattern
_ON = r"(?:on|at|auf|sur|en|em|su|na|\u043d\u0430|@) (?:(?:host|node|server|nodo) )?"
_THINGS = {
    "container": "container",
    **dict.fromkeys(("contenedor", "conteneur", "contenitore"), "container"),
    **dict.fromkeys(("unit", "unidad", "unit\u00e9", "einheit"), "unit"),
    **dict.fromkeys(
        ("service", "dienst", "servicio", "servizio", "servi\u00e7o", "tjeneste", "us\u0142uga"), "service"
    ),
    **dict.fromkeys(("\u0441\u0435\u0440\u0432\u0438\u0441", "\u0441\u043b\u0443\u0436\u0431\u0430"), "service"),
    **dict.fromkeys(("app", "package", "paquet", "paquete", "pacchetto", "pacote", "paket"), "service"),
    **dict.fromkeys(("process", "daemon", "prozess", "processus", "proceso", "processo"), "process"),
}
_FAILED = (
    r"failed|has failed|entered failed state|ha fallado|fall\u00f3|ist fehlgeschlagen|fehlgeschlagen|a \u00e9chou\u00e9"
    r"|\u00e8 fallito|falhou|\u0443\u043f\u0430\u043b"
)
_STOPPED = (
    r"(?:has |was |is |been )*(?:stopped|terminated)(?: unexpectedly)?|exited|ist gestoppt"
    r"|(?:est|a \u00e9t\u00e9) arr\u00eat\u00e9|se ha detenido|est\u00e1 parado|si \u00e8 (?:fermato|arrestato)|parou"
    r"|\u043e\u0441\u0442\u0430\u043d\u043e\u0432\u043b\u0435\u043d[\u0430\u043e]?"
    r"|arr\u00eat\u00e9e?|zatrzymany|(?:wurde )?(?:unerwartet )?beendet"
)
_DOWN = (
    r"(?:is |has |went |appears to be )*(?:not (?:running|active|responding|answering)|down|dead|crashed|died|fatal)"
    r"|antwortet nicht|nie (?:odpowiada|dzia\u0142a)"
    r"|\u043d\u0435 \u043e\u0442\u0432\u0435\u0447\u0430\u0435\u0442"
    r"|\u043d\u0435 \u0440\u0430\u0431\u043e\u0442\u0430\u0435\u0442"
    r"|ne r\u00e9pond pas|no responde|non risponde|l\u00e4uft nicht"
    r"|ist (?:ausgefallen|abgest\u00fcrzt)|ne fonctionne pas|no se est\u00e1 ejecutando|non \u00e8 in esecuzione"
)
_UNHEALTHY = r"(?:is |became |health )?unhealthy"
_EXITED = r"exited ?\(\d+\)"  # as an engine shows a container
_STATES = {"failed": _FAILED, "gone": _EXITED, "stopped": _STOPPED, "unhealthy": _UNHEALTHY, "down": _DOWN}
_STATE = "|".join(f"(?P<{name}>{words})" for name, words in _STATES.items())
_NO_NAME = rf"(?!(?:{'|'.join(_THINGS)}|health|status|state|the|an?|is|are|has|have|was|were|not?|all|some|it)\b)"
_LINE = re.compile(
    rf"(?:(?:{_NAME} @ )?(?P<above>{_NAME})(?:: | - |/| / ))?"
    rf"(?:(?:(?:the|el|le|il|der|die|o) )?(?P<thing>{'|'.join(_THINGS)})s?:? )?"
    rf"{_NO_NAME}(?P<name>{_NAME}?)(?:: (?P<kind>unit|container|service))?(?: {_ON}(?P<host>{_NAME}?))?:? ?"
    rf"(?:{_STATE})(?![\w-])(?: {_ON}(?P<behind>{_NAME}))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Told:
    """`type` is what is wrong, in the words of our agents, `host` '' where none is named. `is_sure`: the line says that
    it is a program, and no host of that name."""

    name: str
    type: str
    host: str
    is_sure: bool


def told_of(title: str, texts: Sequence[str]) -> Told | None:
    """Of a title, or of the first line of a text below: where the title only says who says it, or of a unit.

    In other lines anybody's words may be quoted. Of texts that say it of several units none is meant.
    """
    if told := told_in_title(title, texts):
        return told
    below = [told for text in texts if (told := told_in_title(next(iter(lines_of(text[:_MOST_CHARS])), "")))]
    if not only_names(title):
        below = [told for told in below if told.name.endswith(UNIT_SUFFIXES)]
    return below[0] if len({told.name for told in below}) == 1 else None


def told_in_title(title: str, texts: Sequence[str] = ()) -> Told | None:
    """`texts`: where one of them speaks of the unit of that name, it is one."""
    line = title[:_MOST_CHARS].translate(_MARKS)
    before = _BEFORE.match(line)
    found = _LINE.match(line, before.end() if before else 0)
    if found is None or not is_a_programs_name(found["name"]):
        return None
    name, host = found["name"], next((found[part] for part in ("host", "behind", "above") if found[part]), "")
    thing = _thing_of(found) or ("unit" if any(f"{name}.service" in text for text in texts) else "")
    if (found["stopped"] and not thing) or (found["failed"] and not (found["kind"] or thing == "unit")):
        return None  # "container recreation failed" as well
    return Told(name, _type_of(thing, found), host.rstrip(".,:;"), is_sure=bool(thing or host))


def _thing_of(found: re.Match[str]) -> str:
    if found["name"].endswith(UNIT_SUFFIXES):
        return "unit"
    if found["gone"]:
        return "container"
    return _THINGS.get((found["thing"] or "").lower(), "") or (found["kind"] or "").lower()


def _type_of(thing: str, found: re.Match[str]) -> str:
    if found["unhealthy"]:
        return f"{thing or 'service'}_unhealthy"
    if thing == "container":
        return "container_exited" if found["stopped"] or found["gone"] else "container_down"
    if thing == "unit":
        return "unit_failed"
    return "service_failed" if found["failed"] else "service_stopped" if found["stopped"] else "service_down"
