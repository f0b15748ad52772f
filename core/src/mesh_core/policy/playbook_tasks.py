"""The tasks of a playbook, in their order, out of blocks and handlers: for who judges them one by one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.actions.remedies.looking import looking_problem, shape_problem
from mesh_core.policy.playbook_lint.yaml_text import plays_in

_OF_A_PLAY = ("pre_tasks", "tasks", "post_tasks", "handlers")
_OF_A_BLOCK = ("block", "rescue", "always")


def tasks_in(text: str) -> Iterator[Mapping[str, Any]]:
    """Raises NotReadable (a ValueError) where it is no playbook."""
    for play in plays_in(text):
        for part in _OF_A_PLAY:
            yield from _opened(play.get(part))


def variables_in(text: str) -> dict[str, Any]:
    """What its plays declare. Raises NotReadable."""
    found: dict[str, Any] = {}
    for play in plays_in(text):
        if isinstance(said := play.get("vars"), dict):
            found |= said
    return found


def runs_in_check_mode(text: str) -> str:
    """The sentence about a task that would do something real in check mode; '' where there is none, or no playbook.

    A remedy's own looks run there, too: what they use is listed as looking.
    """
    try:
        parts = (*plays_in(text), *tasks_in(text))
        real = (one for one in parts if one.get("check_mode", True) is not True)
        wrong = next((one for one in real if not _only_looks(one)), None)
    except ValueError:
        return ""
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
