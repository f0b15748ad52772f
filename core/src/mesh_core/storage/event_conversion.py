"""From one file an event (events/<day>/<node>/evt-*.json) to a file a day and node; `mend migrate` asks for it.

A node's folder of a day becomes a member of its compressed file, is read back, and only then goes. The mesh may run:
the observer appends to other files. What cannot be read as an event stays where it is.

| killed after | what is left | next time |
|---|---|---|
| the temporary file | it, hidden | written anew |
| the compressed file is in its place | both | it is seen to hold the folder's events, and the folder goes |
| the folder was put aside | a hidden folder | it goes |
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mesh_core.models.records import is_name
from mesh_core.storage.event_files import MAX_LINE_BYTES, PACKED, day_folders, line_of_file
from mesh_core.storage.event_packing import added, last_member_is, packing_in
from mesh_core.storage.files import fsync_folder, read_regular

TELL_SECONDS = 1.0
_EVENT = re.compile(r"evt-(\d{1,20})-(\d{1,20})\.json")
_ASIDE = ".converted"


@dataclass(frozen=True)
class Converted:
    """How many files became lines, and how many stayed because they cannot be read as events."""

    files: int = 0
    left: int = 0


def old_days(events: Path) -> list[Path]:
    """The days in which there is still a folder of a node, oldest first."""
    return [day for day in day_folders(events) if any(_to_do(node) for node in _folders(day))]


def convert_all(events: Path, tell: Callable[[str], None] = lambda sentence: None) -> Converted:
    """Day by day; where it is broken off it goes on the next time. Raises OSError (a full disk)."""
    days, done, told = old_days(events), Converted(), 0.0
    for number, day in enumerate(days, 1):
        for folder in sorted(_folders(day)):
            if folder.name.endswith(_ASIDE):
                shutil.rmtree(folder, ignore_errors=True)
            elif _to_do(folder):
                one = convert(folder)
                done = Converted(done.files + one.files, done.left + one.left)
        if time.monotonic() - told > TELL_SECONDS or number == len(days):
            told = time.monotonic()
            tell(f"{day.name}: day {number} of {len(days)}, {done.files} events so far")
    return done


def convert(folder: Path) -> Converted:
    """One node's folder of one day. Raises OSError."""
    packed = folder.with_name(folder.name + PACKED)
    try:
        with packing_in(folder.parent):
            return _convert(folder, packed)
    except FileNotFoundError:  # retention was faster
        return Converted()


def _convert(folder: Path, packed: Path) -> Converted:
    readable, left = [], 0
    newest = folder.stat()
    for name in sorted(_names(folder), key=_order):
        path = folder / name
        if _line(folder.name, path) is None:
            left += 1
            continue
        readable.append(path)
        if (status := path.stat()).st_mtime_ns > newest.st_mtime_ns:
            newest = status
    if not readable:
        return Converted(0, left)

    def lines(_length: int = 0) -> Iterator[bytes]:
        for path in readable:
            yield _line(folder.name, path) or b""

    whole = sum(len(line) for line in lines()) if packed.exists() else 0
    if not whole or last_member_is(packed, lines, whole) != whole:
        with added(packed, lines(), newest) as put:
            put()
    if left or any(True for _ in _strangers(folder)):
        for path in readable:
            path.unlink()
    else:
        removed = folder.with_name(f".{folder.name}{_ASIDE}")
        shutil.rmtree(removed, ignore_errors=True)
        folder.rename(removed)
        fsync_folder(removed.parent)
        shutil.rmtree(removed)
    return Converted(len(readable), left)


def _line(node: str, path: Path) -> bytes | None:
    match = _EVENT.fullmatch(path.name)
    raw = read_regular(path, MAX_LINE_BYTES)
    if match is None or raw is None:
        return None
    try:
        return line_of_file(f"{node}/{match[1]}-{match[2]}", json.loads(raw))
    except (ValueError, RecursionError):
        return None


def _order(name: str) -> tuple[int, int]:
    match = _EVENT.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as listing:
        return [entry.name for entry in listing if entry.name.startswith("evt-")]


def _strangers(folder: Path) -> Iterator[str]:
    """What is neither an event nor what a killed writer left under a temporary name."""
    with os.scandir(folder) as listing:
        yield from (e.name for e in listing if not e.name.startswith(("evt-", ".evt-")))


def _to_do(folder: Path) -> bool:
    if folder.name.endswith(_ASIDE):
        return True
    if not is_name(folder.name):
        return False
    try:
        return any(_EVENT.fullmatch(name) for name in _names(folder))
    except OSError:
        return False


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if stat.S_ISDIR(path.lstat().st_mode)]
    except (FileNotFoundError, NotADirectoryError):
        return []
