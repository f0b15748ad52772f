"""Where is a thing declared, and do fields say that it is not there? Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesh_core.models.owner_labels import bare_key
from mesh_core.models.truth import truth_in
from mesh_core.policy.event_facts.payload_fields import is_of_another_time

# A compose file, and what is told of it behind its name; a colon is that of a line in it that is wrong.
_COMPOSE_FILE = re.compile(r"(?:\S*/)?(?:docker-|podman-)?compose[\w.-]*\.ya?ml(?:[ ,;(].*)?", re.DOTALL)
_NAMED_AFTER_A_FILE = re.compile(r"(?:docker|podman)?compose\w*?ya?ml")  # folded
_DECLARATION = frozenset(
    {
        *("declaredin", "declaration", "declaredby", "deklaration", "deklariert", "déclaration", "déclaré"),
        *("declaración", "declarado", "dichiarazione", "dichiarato", "declaração", "deklaracja", "zadeklarowano"),
        *("declaratie", "декларация", "объявлено"),
        *("清单", "声明", "宣言", "定義", "定义"),
    }
)
_OF_ANOTHER_MANAGER = re.compile(
    r"\bfstab\b|cron|/systemd/|\.(?:service|timer|mount|container|txt|conf|tf|nix)\b", re.IGNORECASE
)
_SENTENCES = frozenset(
    {
        *("message", "msg", "text", "title", "subject", "summary", "description", "detail", "details", "note", "notes"),
        *("error", "errors", "body", "output", "reason", "cause", "changed", "info", "log", "logs", "event"),
    }
)
_NO_FILE = re.compile(
    r"(?:no|none|not|nowhere|missing|unknown|absent|without|never|false|null|n/a|-|nein|nicht|kein\w*|fehlt|non|aucun\w*"
    r"|pas|ningun[oa]|nessun\w*|brak|nie|нет|не)\b.*|(?:无|没|不|なし|未).*|-?",
    re.DOTALL,
)
_WANTED = frozenset(
    {
        *("declared", "declaredservices", "expected", "expectedservices", "wanted", "desired", "services"),
        *("déclarés", "attendus", "deklariert", "erwartet", "declarados", "esperados", "dichiarati", "attesi"),
        *("soll", "gewünscht", "esperado", "previsti", "清单", "声明", "期望", "宣言", "定義"),
        *("gedeclareerd", "verwacht", "zadeklarowane", "oczekiwane", "объявлены", "ожидаются"),
    }
)
_THERE = frozenset(
    {
        *("present", "running", "found", "there", "ps", "actual", "live", "up", "runningservices"),
        *("présents", "trouvés", "vorhanden", "gefunden", "laufend", "presentes", "encontrados", "presenti", "trovati"),
        *("ist", "real", "actuales", "attuali", "实际", "运行中", "実行中", "実際", "稼働中"),
        *("aanwezig", "gevonden", "obecne", "присутствуют", "найдены"),
    }
)
# All containers of an engine or a project, the ended ones as well.
_LISTING = frozenset({"psa", "psall", "dockerpsa", "dockerpsall", "podmanpsa", "podmanpsall", "dockercomposepsa"})
_ABSENT = ("absent", "missing", "gone", "not found", "not there", "removed", "no such container", "does not exist")
# What the engine answers to who asks for it by name.
_ASKED = ("inspect", "engine", "docker", "podman", "lookup", "container")
_NO_SUCH = r"(?:error: |error response from daemon: )?no such (?:container|object): /?"
_EXISTS = frozenset({"exists", "there", "present"})


def names_compose_file(path: tuple[str, ...], value: Any) -> bool:
    """`{"declared_in": "/opt/stacks/wiki/compose.yaml"}`, `{"stack": "/opt/stacks/wiki/compose.yaml"}`,
    `{"compose.yaml": "has it"}`."""
    if len(path) > 2 or path[-1] in _SENTENCES or is_of_another_time(path):
        return False
    said = value[0] if isinstance(value, list) and value else value
    if _NAMED_AFTER_A_FILE.fullmatch(path[-1]) or path[-1] in _DECLARATION:
        is_denied = not isinstance(said, str) or _NO_FILE.fullmatch(said.strip().lower()) is not None
        return not is_denied and _OF_ANOTHER_MANAGER.search(str(said)) is None
    return isinstance(said, str) and _COMPOSE_FILE.fullmatch(said[:500].strip()) is not None


def is_its_compose_entry(path: tuple[str, ...], value: Any) -> bool:
    """`{"compose": "network_mode: service:vpn"}`: whoever shows what is in it has a file."""
    if path != ("compose",):
        return False
    return value is True or (isinstance(value, str) and _NO_FILE.fullmatch(value.strip().lower()) is None)


def is_not_there(payload: Mapping[str, Any], service: str) -> bool:
    """By a list of what should be there beside one of what is, by its state in a list of services, or by what the
    engine answers about it."""
    told = {bare_key(key): value for key, value in payload.items()}
    states = told.get("services")
    if isinstance(states, Mapping) and str(states.get(service, "")).lower().startswith(_ABSENT):
        return True
    wanted = [name for key in _WANTED for name in _listed(told.get(key))]
    lists = [told[key] for key in _THERE if isinstance(told.get(key), list)]
    if lists and any(_is_of(name, service) for name in wanted):
        return not any(_is_of(name, service) for names in lists for name in _listed(names))
    listings = [names for key in _LISTING if (names := _listed(told.get(key)))]
    if listings and not any(_is_of(name, service) for names in listings for name in names):
        return True
    answers = (value for key, value in told.items() if key.startswith(_ASKED) and isinstance(value, str))
    return any(_is_denied(value, service) for value in answers)


def does_not_exist(path: tuple[str, ...], value: Any) -> bool:
    """`{"container_exists": false}`, `{"container": {"exists": "no"}}`."""
    about = path[-1].removeprefix("container") if path[-1].startswith("container") else ""
    if not about and len(path) > 1 and path[-2] == "container":
        about = path[-1]
    return about in _EXISTS and truth_in(value) is False and value not in (None, "")


def _listed(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _is_of(name: str, service: str) -> bool:
    """Of a container of compose as well: `web-shop-1  Up 3 hours` is one of `shop`."""
    first = name.split()[0] if name.split() else ""
    return re.fullmatch(rf"(?:[\w.]+[-_])*?{re.escape(service)}(?:[-_]\d+)?", first) is not None


def _is_denied(said: str, service: str) -> bool:
    found = re.fullmatch(rf"{_NO_SUCH}(\S+)", said.strip().lower()[:300])
    return found is not None and _is_of(found[1], service.lower())
