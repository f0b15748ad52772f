"""Files into the index, step by step: those of some paths, those that changed lately, or all of them, newest day first.

Each step is one short transaction, so that whoever drives it may do other things in between, and stop. Never writes
to events/ or actions/.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from mesh_core.records import ActionUpdate, ModelAttempt
from observer.index.actions_scan import ActionsScan
from observer.index.event_table import put_events
from observer.index.facts import fact, put_fact
from observer.index.line_tables import put_attempts, put_updates
from observer.index.names import Names
from observer.index.reading_files import read_event_file
from observer.index.store import Store, Unsound
from observer.index.tables import tails
from observer.logbook import ATTEMPTS, MOVES, UPDATES, read_lines

STEP_FILES = 500
MARGIN_SECONDS = 5.0  # between the clock and a file system's idea of it

LOGS = (ATTEMPTS, UPDATES, MOVES)

log = structlog.get_logger()

FILLED, FILLED_DOWN_TO, MARK = "filled", "filled_down_to", "mark"


@dataclass(frozen=True)
class Progress:
    """How far a filling has come."""

    days: int
    days_done: int
    files: int


def take(store: Store, names: Names, paths: Sequence[Path]) -> int:
    """What these files say, in one transaction; how many rows that made or changed. Raises Unsound or OSError.

    A file that we cannot digest, whatever it is, is left out alone and told in the log.
    """
    try:
        return _take(store, names, paths)
    except (OSError, Unsound):
        raise
    except Exception as error:  # noqa: BLE001 - one file that nobody thought of must not hold up all others for ever
        if len(paths) == 1:
            log.error("index.file_left_out", file=str(paths[0]), why=repr(error)[:300])
            return 0
        return sum(take(store, names, [path]) for path in paths)


def _take(store: Store, names: Names, paths: Sequence[Path]) -> int:
    files, logs = [], []
    for path in paths:
        if path.name in LOGS:
            logs.append(path)
        elif (file := read_event_file(path)) is not None:
            files.append(file)
    with transaction(store, names) as connection:
        changed = put_events(connection, names, files)
        for path in logs:
            while read := _read_on(connection, names, path):
                changed += read
    return changed


def steps_since(store: Store, names: Names, events_root: Path, since: float) -> Iterator[int]:
    """Take every file that changed after `since` (seconds since 1970); yields after each step."""
    since -= MARGIN_SECONDS
    changed = (path for day in _days(events_root) for path in _files(events_root, day, since))
    while piece := list(islice(changed, STEP_FILES)):
        yield take(store, names, piece)


def steps_for_all(store: Store, names: Names, events_root: Path, scan: ActionsScan) -> Iterator[Progress]:
    """Take everything, the newest day first; goes on where an earlier one was broken off. Yields after each step."""
    with store.read() as connection:
        done_down_to = fact(connection, FILLED_DOWN_TO) or "9999-99-99"
    if done_down_to == "9999-99-99":
        with transaction(store, names) as connection:
            # What is kept from now on is somebody else's to take: by name, or by its time of change.
            put_fact(connection, MARK, str(time.time()))
    while scan.look(store):
        yield Progress(0, 0, 0)
    days = _days(events_root)
    files = 0
    for number, day in enumerate(days, 1):
        if day >= done_down_to:
            continue
        paths = _files(events_root, day, 0)
        while piece := list(islice(paths, STEP_FILES)):
            take(store, names, piece)
            files += len(piece)
            yield Progress(len(days), number - 1, files)
        with transaction(store, names) as connection:
            put_fact(connection, FILLED_DOWN_TO, day)
    with transaction(store, names) as connection:
        put_fact(connection, FILLED, "yes")
    yield Progress(len(days), len(days), files)


class transaction:
    """A write that, when it fails, also forgets the word numbers that were made in it."""

    def __init__(self, store: Store, names: Names):
        self._writing = store.write()
        self._names = names

    def __enter__(self) -> Connection:
        return self._writing.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool | None:
        if kind is not None:
            self._names.forget()
        return self._writing.__exit__(kind, error, trace)  # type: ignore[arg-type]


def _read_on(connection: Connection, names: Names, path: Path) -> int:
    """The next piece of a log's lines; 0 when there is no more."""
    name = f"{path.parent.name}/{path.name}"
    offset = connection.execute(select(tails.c.offset).where(tails.c.path == name)).scalar_one_or_none() or 0
    lines, end = read_lines(path, offset)
    if end == offset:
        return 0
    attempts = [(ms, s, line) for ms, s, line in lines if isinstance(line, ModelAttempt)]
    told = [(ms, s, line) for ms, s, line in lines if isinstance(line, ActionUpdate)]
    put_attempts(connection, names, attempts)
    put_updates(connection, told, from_moves=path.name == MOVES)
    new = insert(tails).values(path=name, offset=end)
    connection.execute(new.on_conflict_do_update(index_elements=[tails.c.path], set_={"offset": end}))
    return max(1, len(lines))


def _files(events_root: Path, day: str, since: float) -> Iterator[Path]:
    """Our files of one day that changed after `since`, a node after the other; then the day's logs."""
    folder = events_root / day
    for node in _entries(folder):
        try:
            # A name that is new or was replaced changes its folder's time.
            if node.is_dir(follow_symlinks=False) and node.stat(follow_symlinks=False).st_mtime >= since:
                found = (entry for entry in _entries(Path(node.path)) if entry.name.startswith("evt-"))
                yield from sorted(Path(e.path) for e in found if e.stat(follow_symlinks=False).st_mtime >= since)
        except FileNotFoundError:  # retention was faster
            continue
    yield from (path for name in LOGS if (path := folder / name).is_file())


def _days(events_root: Path) -> list[str]:
    """Newest first."""
    return sorted((day.name for day in _entries(events_root) if day.is_dir(follow_symlinks=False)), reverse=True)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            return list(listing)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
