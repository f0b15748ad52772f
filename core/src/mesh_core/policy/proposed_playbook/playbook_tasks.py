"""The tasks of plays, in their order, out of blocks and handlers: for who judges them one by one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesh_core.actions.remedies.looking import looking_problem, shape_problem

_OF_A_PLAY = ("pre_tasks", "tasks", "post_tasks", "handlers")
_OF_A_BLOCK = ("block", "rescue", "always")


def tasks_in(plays: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for play in plays:
        for part in _OF_A_PLAY:
            yield from _opened(play.get(part))


def variables_in(plays: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What they declare."""
    found: dict[str, Any] = {}
    for play in plays:
        if isinstance(said := play.get("vars"), dict):
            found |= said
    return found


def runs_in_check_mode(plays: Sequence[Mapping[str, Any]]) -> str:
    """The sentence about a task that would do something real in check mode; '' where there is none.

    A remedy's own looks run there, too: what they use is listed as looking.
    """
    real = (one for one in (*plays, *tasks_in(plays)) if one.get("check_mode", True) is not True)
    wrong = next((one for one in real if not _only_looks(one)), None)
    return f"{str(wrong.get('name', 'a task'))[:120]} says check_mode: false, so it would run for real" if wrong else ""


def _only_looks(task: Mapping[str, Any]) -> bool:
    rest = {word: said for word, said in task.items() if word != "check_mode"}
    return not (shape_problem(rest) or looking_problem(rest))


def _opened(tasks: object) -> Iterator[Mapping[str, Any]]:
    for task in tasks if isinstance(tasks, list) else ():
        if not isinstance(task, dict):
            continue
        inner = [task[part] for part in _OF_A_BLOCK if part in task]
        if not inner or task.get("check_mode", True) is not True:
            yield task
        for part in inner:
            yield from _opened(part)
