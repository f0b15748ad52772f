"""Do fields say of the very service that its container does not exist: what an engine answers to who asks for it, a
word in the place of its state, an engine's own event? Pure; reads no prose. `declared.py` compares lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.models.owner_labels import bare_key
from mesh_core.models.truth import truth_in
from mesh_core.policy.event_facts.payload_fields import is_of_another_time

_LONGEST, _MOST = 300, 50
_CONTAINER = (
    r"(?:containers?|kontener|conteneur|contenedor|contenitore|contêiner|conteiner|контейнер|容器|コンテナ|컨테이너)"
)
_GONE = (
    r"(?:absent|missing|gone|not found|not there|not created|never created|removed|deleted|destroyed|pruned|vanished"
    r"|no such container|does not exist|doesn't exist|no longer exists|not in (?:docker|podman|nerdctl) ps"
    r"|fehlt|weg|gelöscht|entfernt|nicht (?:da|vorhanden|gefunden)|existiert nicht|gibt es nicht"
    r"|absente?|supprimée?|manquante?|introuvable|n'existe (?:pas|plus)|disparue?|falta|ausente|eliminad[oa]|borrad[oa]"
    r"|no existe|no encontrado|mancante|assente|rimoss[oa]|eliminat[oa]|non (?:esiste|trovato)|não existe|removid[oa]"
    r"|apagado do|ontbreekt|verwijderd|bestaat niet|brak|usunięt[ya]|nie (?:ma|istnieje)"
    r"|удал[её]н|отсутств|не найден|не существует|нет такого"
    r"|已被?.{0,10}(?:删除|清理|移除)|不存在|缺失|没有|削除|存在しない|なし|없음|삭제)"
)
_OF_A_PERSON = re.compile(
    r"\b(?:on purpose|by (?:an? |the )?(?:user|admin|operator|owner|person)|absichtlich|exprès)\b"
)
# Whoever asks an engine for what it has.
_ASKED = re.compile(
    r"(?:docker|podman|nerdctl|incus|lxc|lxd|compose|engine|runtime)"
    r"(?:container)?(?:compose)?(?:ps|ls|list|inspect|start|lookup|look)?(?:a|all)?(?:filter.*|now|state|status)?"
)
_WHO = r"(?:container |instance |object |service )?(?:named |called |with name )?"
_STARTS = re.compile(r"\w{0,40}?(?:error|err|start|inspect|exec|engine|docker|podman|lookup)")
_NO_SUCH = re.compile(
    r"(?:error: |error response from daemon: )*no such (?:image or )?(?:container|object): /?(?P<name>\S+)"
)
_ID = re.compile(r"[0-9a-f]{12,64}")
_EVENTS = re.compile(r"(?:docker|podman|engine|container|compose)?events?")
_TAKEN = re.compile(r"\b(?:destroy|remove[ds]?|deleted?|died?|rm)\b")
_CLEANED = re.compile(r"\bprun(?:e|ed|ing)\b")
_COMMANDS = frozenset({"check", "command", "cmd", "query", "asked"})
_LISTS_ALL = re.compile(r"(?:docker|podman|nerdctl)(?: compose| container)? (?:ps|ls|list|inspect)\b")


def is_said_absent(payload: Mapping[str, Any], service: str) -> bool:
    """`{"docker ps -a": "no web-shop-1"}`, `{"conteneur": "supprimé (prune)"}`, `{"missing": "shop"}`."""
    own = service.lower()
    for key, value, parent in _texts(payload):
        said = value.strip().lower()[:_LONGEST]
        if is_of_another_time((parent, key) if parent else (key,)) or _OF_A_PERSON.search(said):
            continue
        if key == "missing" and _is_of(said, own):
            return True
        if _says_gone(key, said, own) or _denied(key, said, own):
            return True
        if _EVENTS.fullmatch(key) and _TAKEN.search(said) and _CLEANED.search(said) and _names(said, own):
            return True
    return _found_none(payload)


def _says_gone(key: str, said: str, own: str) -> bool:
    """Of it: by the key of a container, by its own name before the word, or as the answer of an engine."""
    named = re.fullmatch(rf"(?P<name>[\w.-]+)(?::| is| has been| was)? +(?P<rest>{_GONE}.*)", said, re.DOTALL)
    is_its = named is not None and _is_of(named["name"], own)
    folded = bare_key(own)
    if re.fullmatch(rf"{_CONTAINER}(?:state|status|name)?|(?:{_CONTAINER}|service)?{re.escape(folded)}", key):
        return is_its or re.match(_GONE, said) is not None
    if not (_ASKED.fullmatch(key) or key == "output"):
        return False
    no = re.match(rf"(?:no|kein|aucun|ningún|nessun|brak|нет) {_WHO}(?P<name>[\w.-]+)\*?", said)
    return is_its or (no is not None and _is_of(no["name"], own))


def _denied(key: str, said: str, own: str) -> bool:
    """The engine was to start it, or to look at it, by its name or by the id that somebody remembers."""
    no = _NO_SUCH.fullmatch(said) if _STARTS.fullmatch(key) else None
    return no is not None and (_is_of(no["name"], own) or _ID.fullmatch(no["name"]) is not None)


def _found_none(payload: Mapping[str, Any]) -> bool:
    """`{"check": "docker ps --filter name=shop", "found": false}`, `{"docker ps -a --filter name=shop": []}`."""
    told = {bare_key(key): value for key, value in payload.items()}
    asked = (told.get(key) for key in _COMMANDS)
    if any(isinstance(command, str) and _LISTS_ALL.match(command.lower()) for command in asked):
        return truth_in(told.get("found")) is False and told.get("found") not in (None, "")
    listings = (value for key, value in payload.items() if _LISTS_ALL.match(str(key).lower()) and "filter" in str(key))
    return any(value == [] for value in listings)


def _texts(payload: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(folded key, text, folded key of the part it is in) at the top, in a list there, or in a part of an engine."""
    for name, value in payload.items():
        key = bare_key(name)
        if isinstance(value, str):
            yield key, value, ""
        elif isinstance(value, list):
            yield from ((key, text, "") for text in value[:_MOST] if isinstance(text, str))
        elif isinstance(value, Mapping) and (_ASKED.fullmatch(key) or re.fullmatch(_CONTAINER, key)):
            yield from ((bare_key(inner), text, key) for inner, text in value.items() if isinstance(text, str))


def _names(said: str, own: str) -> bool:
    return any(_is_of(word.strip("()[],;"), own) for word in said.split())


def _is_of(name: str, own: str) -> bool:
    """Of a container of compose as well: `web-shop-1`, `web_shop_1`."""
    return re.fullmatch(rf"(?:[\w.]+[-_])*?{re.escape(own)}(?:[-_]\d+|-[0-9a-f]{{6,40}})?", name) is not None
