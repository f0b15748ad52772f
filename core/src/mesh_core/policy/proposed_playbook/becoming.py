"""As whom a playbook does what its login may not: which users its plays, blocks and tasks become. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesh_core.models.proposals import Playbook
from mesh_core.policy.playbook_lint.roles import plays_of
from mesh_core.policy.playbook_lint.yaml_text import NotReadable
from mesh_core.policy.proposed_playbook.playbook_tasks import tasks_in

_OF_A_BLOCK = ("block", "rescue", "always")


def how_it_becomes(playbook: Playbook | None) -> tuple[str, ...]:
    """One sentence for whoever has to decide; none where it becomes nobody, or cannot be read."""
    try:
        plays = plays_of(playbook) if playbook else ()
    except NotReadable:
        return ()
    parts = [*plays, *tasks_in(plays), *blocks_in(plays)]
    users = sorted({str(part.get("become_user") or "root") for part in parts if becomes_another(part)})
    return (f"it becomes {' and '.join(users)} on the host (become)",) if users else ()


def becomes_another(part: Mapping[str, Any]) -> bool:
    """A play, a block or a task; also where only its run says whether it does."""
    return part.get("become", False) is not False or "become_user" in part


def blocks_in(plays: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Themselves, and not what is in them."""
    todo: list[Any] = [part for play in plays for part in play.values() if isinstance(part, list)]
    while todo:
        for part in todo.pop():
            if isinstance(part, dict) and "block" in part:
                yield part
                todo += [part[word] for word in _OF_A_BLOCK if isinstance(part.get(word), list)]
