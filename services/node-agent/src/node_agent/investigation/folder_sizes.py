"""How much lies in folders: of one, and which are the biggest under a mount. Bounded by time and entries.

Counts what is taken of the disk, not how long a file is. Never looks at what is mounted below: a network mount that
hangs is left alone, not even its name is asked for.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from node_agent.investigation.question import MOST_ROWS, Question

MAX_ENTRIES = 400_000
MAX_WAITING = 5_000  # folders that were seen and not yet looked into
MAX_FOLDERS = 2_000  # of which a sum is kept; what lies deeper counts where it lies in
DEPTH = 5
MOST_OF_IT = 0.6  # a folder that holds so much of its parent says more than the parent


def bytes_in(folder: str, question: Question) -> int | None:
    """What the folder takes; None where it is not there, may not be looked for, or there was no time."""
    total, waiting = 0, [folder]
    try:
        if not Path(folder).is_dir():
            return None
    except OSError:
        return None
    while waiting:
        for entry in _entries(waiting.pop()):
            if question.over():
                return None
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            else:
                total += _taken(entry)
    return total


def biggest_folders(mount: str, skipped: Collection[str], question: Question) -> tuple[dict[str, int], bool]:
    """Folder -> bytes, the biggest first, none within another; and whether everything was looked at.

    `skipped` are the mount points below. What lies directly in `mount` stands under its own name.
    """
    walk = _Walk(question, skipped, mount)
    complete = walk.run()
    return biggest_of(walk.sums, mount), complete


def biggest_of(sums: Mapping[str, int], mount: str, most: int = MOST_ROWS) -> dict[str, int]:
    """Out of the sums of folders and of those in them. Pure."""
    within: dict[str, list[str]] = {}
    for folder in sums:
        if folder != mount:
            within.setdefault(str(PurePosixPath(folder).parent), []).append(folder)
    chosen = {mount: sums.get(mount, 0)}
    for folder in within.get(mount, ()):
        telling = folder
        while inner := within.get(telling):
            largest = max(inner, key=lambda one: sums[one])
            if sums[largest] < MOST_OF_IT * sums[telling]:
                break
            telling = largest
        chosen[telling] = sums[telling]
    largest_first = sorted((folder for folder in chosen if chosen[folder]), key=lambda one: -chosen[one])
    return {folder: chosen[folder] for folder in largest_first[:most]}


@dataclass
class _Walk:
    """Takes the folders directly under the mount in turns: where time runs out, each was looked at for a while."""

    question: Question
    skipped: Collection[str]
    mount: str
    sums: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    waiting: int = 0
    left_out: bool = False

    def run(self) -> bool:
        turns = deque([[folder] for folder in self._look(self.mount, (self.mount,))])
        while turns:
            if self.question.over() or self.entries > MAX_ENTRIES:
                return False
            stack = turns.popleft()
            folder = stack.pop()
            self.waiting -= 1
            stack.extend(self._look(folder, self._counted_in(folder)))
            if stack:
                turns.append(stack)
        return not self.left_out

    def _look(self, folder: str, counted_in: tuple[str, ...]) -> list[str]:
        """Counts what lies in it; the folders within it."""
        here, inner = 0, []
        for entry in _entries(folder):
            self.entries += 1
            if self.entries % 100 == 0 and self.question.over():
                self.left_out = True
                break
            if not entry.is_dir(follow_symlinks=False):
                here += _taken(entry)
            elif entry.path not in self.skipped:
                inner.append(entry.path)
        for each in counted_in:
            self.sums[each] = self.sums.get(each, 0) + here
        room = max(0, MAX_WAITING - self.waiting)
        self.left_out |= len(inner) > room
        self.waiting += len(inner[:room])
        return inner[:room]

    def _counted_in(self, folder: str) -> tuple[str, ...]:
        """Itself and what it lies in, up to the mount's own folders."""
        parts = folder.removeprefix(self.mount).strip("/").split("/")[:DEPTH]
        names = ["/".join((self.mount.rstrip("/"), *parts[: number + 1])) for number in range(len(parts))]
        return tuple(name for name in names if name in self.sums or len(self.sums) < MAX_FOLDERS)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """Nothing of what may not be read, or went while we looked."""
    try:
        with os.scandir(folder) as found:
            yield from found
    except OSError:
        return


def _taken(entry: os.DirEntry[str]) -> int:
    """Its share, where it has several names."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return 0
    return status.st_blocks * 512 // max(1, status.st_nlink)
