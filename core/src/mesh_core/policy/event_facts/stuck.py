"""Do fields say that a thing runs and answers or moves no more, or that it lost whom it works with and does not see
that the other one is there? Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from mesh_core.incidents.fact import Fact
from mesh_core.models.truth import truth_in
from mesh_core.policy.event_facts.not_running import ELSEWHERE, THINGS
from mesh_core.policy.event_facts.other_cause import NEEDED, has_what_it_needs
from mesh_core.policy.event_facts.payload_fields import Field, is_of_another_time, is_of_itself, word_in

# Said of a thing whose process lives.
_MOVES = frozenset(
    {
        *("responding", "responds", "responsive", "answering", "answers", "reacts", "isresponding", "isresponsive"),
        *("reagiert", "antwortet", "répond", "repond", "responde", "risponde", "reageert", "odpowiada", "отвечает"),
    }
)
_HANGS = frozenset(
    {
        *("hung", "hangs", "hanging", "ishung", "stuck", "isstuck", "unresponsive"),
        *("deadlocked", "deadlock", "deadlockdetected"),
    }
)
_HANGING = (
    *("hung", "hanging", "stuck", "not responding", "unresponsive", "deadlocked", "hängt", "reagiert nicht", "bloqué"),
    *("bloqueado", "bloccato", "zawieszon", "завис", "卡死", "无响应", "応答なし"),
)
_STATES = re.compile(rf"(?:{'|'.join(THINGS)})?(?:state|status)|{'|'.join(sorted(ELSEWHERE))}")
_JOINED = re.compile(
    rf"(?:{'|'.join(sorted(NEEDED))}|is)?(?:connected|subscribed|joined|loggedin|linked|paired)"
    r"|driverready|connection(?:state|status)?"
)
_CUT = ("disconnected", "not connected", "lost", "offline", "closed", "getrennt", "déconnecté", "desconectado")
_IS_UP = re.compile(
    r"(?:up|ok|running|healthy|online|reachable|ready|back|available|active|läuft|erreichbar|joignable)(?: .{0,40})?"
)
_NEED = "|".join(sorted((*NEEDED, "server", "host", "usb", "device")))
_BACK = re.compile(rf"(?:{_NEED})(?:server|host)?(?:is)?(?:back|up|again|restored|there)(?:since|at|for)?")


def is_stuck(fields: Iterable[Field]) -> Iterator[Fact]:
    """`{"responding": false}`, `{"state": "bloqueado"}`; `{"broker_up": true, "connected": false}`."""
    is_cut = is_there = False
    for path, value, _ in fields:
        if is_of_another_time(path):
            continue
        word = word_in(value)
        if is_of_itself(path) and _hangs(path, value, word):
            yield Fact.HANGS
        if is_of_itself(path) or (len(path) == 2 and path[0] in NEEDED):
            is_cut = is_cut or _is_cut(path, value, word)
            is_there = is_there or _is_there(path, value, word)
    if is_cut and is_there:
        yield Fact.CUT_OFF


def _hangs(path: tuple[str, ...], value: Any, word: str) -> bool:
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if parent and parent not in THINGS:
        return False
    if (key in _MOVES and _is_no(value)) or (key in _HANGS and truth_in(value) is True):
        return True
    return _STATES.fullmatch(key) is not None and word.startswith(_HANGING)


def _is_cut(path: tuple[str, ...], value: Any, word: str) -> bool:
    if len(path) > 2:
        return False
    if path[-1] in ("state", "status") and len(path) == 1:
        return word.startswith(_CUT[:2])
    if not _JOINED.fullmatch(path[-1]):
        return False
    return _is_no(value) or word.startswith(_CUT)


def _is_there(path: tuple[str, ...], value: Any, word: str) -> bool:
    """Of what it needs."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if has_what_it_needs(path, value):
        return True
    if key in ("reachable", "online", "up", "there") and parent in NEEDED:
        return truth_in(value) is True
    if _BACK.fullmatch(key):
        return truth_in(value) is True or re.match(r"(?!0)\d{4}-\d\d-\d\d|\d\d:\d\d", word) is not None
    about = parent if key in ("state", "status") else key
    return about.removesuffix("server").removesuffix("host") in NEEDED and _IS_UP.fullmatch(word) is not None


def _is_no(value: Any) -> bool:
    return isinstance(value, bool | int | str) and value != "" and truth_in(value) is False
