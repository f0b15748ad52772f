"""Has a process or a loop inside a thing ended, while what stands before it lives? Then it runs, answers, and does
nothing of its work. Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mesh_core.models.owner_labels import bare_key
from mesh_core.models.truth import truth_in
from mesh_core.policy.event_facts.payload_fields import word_in

PROCESSES = frozenset({"processes", "procs", "subprocesses", "threads", "loops"})
_ENDED = re.compile(r"(?:gone|dead|exited|crashed|missing|terminated|killed|defunct|zombie|not running|absent)\b.*")
_LIVES = re.compile(r"(?:alive|running|up|ok|active|healthy|sleeping)\b.*")
# What does the work behind a front.
_WORKS = (
    r"(?:engine|core|enginecore|background|event|main|worker|render(?:er)?|child|sub|inference|compute)"
    r"(?:loop|process|thread|engine|core)|engine|renderer|subprocess"
)
_INNER = re.compile(
    rf"(?P<what>{_WORKS})(?P<alive>(?:is)?(?:alive|running))?|(?:is)?(?P<before>alive|running)(?:{_WORKS})"
)
_FRONT = re.compile(
    r"(?:api|http|web|front|frontend|server|master|parent|main|listener)(?:server|process|end)?(?:alive|up|running)?"
)


def lost_what_works(told: Mapping[str, Any]) -> bool:
    """`{"processes": {"api": "alive", "engine": "gone"}}`, `{"engine_alive": false, "api_alive": true}`. `told`: a
    payload by its folded keys."""
    if any(_lost_one(_states(value)) for key, value in told.items() if key in PROCESSES):
        return True
    lives = any(_FRONT.fullmatch(key) and _is_alive(value) for key, value in told.items())
    return lives and any(_INNER.fullmatch(key) and _has_ended(value, key) for key, value in told.items())


def _lost_one(states: Iterable[tuple[str, str]]) -> bool:
    """One of its kinds has none left: of several alike that a master starts anew one may be missing."""
    kinds = dict[str, set[bool]]()
    for name, state in states:
        lives = _LIVES.fullmatch(state) is not None
        if lives or _ENDED.fullmatch(state):
            kinds.setdefault(re.sub(r"\d+$", "", bare_key(name)), set()).add(lives)
    return {True} in kinds.values() and {False} in kinds.values()


def _states(parts: Any) -> Iterator[tuple[str, str]]:
    if isinstance(parts, Mapping):
        yield from ((str(name), word_in(state)) for name, state in parts.items())
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, Mapping):
            yield str(part.get("name", "")), word_in(part.get("state", part.get("status")))


def _is_alive(value: Any) -> bool:
    return value is True or _LIVES.fullmatch(word_in(value)) is not None


def _has_ended(value: Any, key: str) -> bool:
    says = _INNER.fullmatch(key)
    of_a_truth = says is not None and bool(says["alive"] or says["before"])
    return _ENDED.fullmatch(word_in(value)) is not None or (
        of_a_truth and isinstance(value, bool | str) and truth_in(value) is False
    )
