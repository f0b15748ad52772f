"""Who descends from whom among the processes of this machine, as /proc says. Ends nobody."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path


def parents() -> dict[int, int]:
    """{process id: its parent's}, without zombies."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):  # gone meanwhile
                # the command's name may hold blanks and parentheses
                state, parent = (entry / "stat").read_bytes().rpartition(b")")[2].split()[:2]
                if state != b"Z":
                    found[int(entry.name)] = int(parent)
    return found


def family(roots: Iterable[int], parent_of: Mapping[int, int]) -> list[int]:
    """`roots` and all that descend from one, parents first: a shell whose command is ended before it would go on with
    the next one."""
    found = set(roots)
    while more := {pid for pid, parent in parent_of.items() if parent in found} - found:
        found |= more

    def generation(pid: int) -> int:
        return 1 + generation(parent_of[pid]) if parent_of.get(pid) in found else 0

    return sorted(found, key=generation)


def descendants(ancestor: int) -> list[int]:
    """All of one process, parents first, itself not among them."""
    return [pid for pid in family({ancestor}, parents()) if pid != ancestor]
