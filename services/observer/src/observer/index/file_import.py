"""Files into the index, step by step: those of some paths, those that changed lately, or all of them, newest day first.

Each step is one short transaction, so that whoever drives it may do other things in between, and stop. Never writes
to events/ or actions/.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.records import is_name
from mesh_core.storage.event_files import (
    BLOCK_BYTES,
    PACKED,
    blocks_of,
    day_folders,
    node_of,
    packed_beside,
    plain_name,
)
from mesh_core.storage.listing import entries
from observer.archive.logbook import ATTEMPTS, MOVES, UPDATES, read_block
from observer.index.actions_scan import ActionsScan
from observer.index.event_parser import ArchivedEvent, read_event_file, read_event_line
from observer.index.event_table import put_events
from observer.index.line_tables import put_attempts, put_updates
from observer.index.state import read_state, write_state
from observer.index.store import IndexCorrupt, Store
from observer.index.string_ids import StringIds
from observer.index.tables import tails

FILE_BYTES = 1024  # what a file of one event counts for
MARGIN_SECONDS = 5.0  # between the clock and a file system's idea of it

LOGS = (ATTEMPTS, UPDATES, MOVES)

log = structlog.get_logger()

FILLED, FILLED_DOWN_TO, MARK = "filled", "filled_down_to", "mark"


@dataclass(frozen=True)
class Progress:
    """How far a filling has come."""

    days: int
    days_done: int
    records: int


@dataclass
class ImportBatch:
    """What goes into the index in one transaction, and how far that is in which file."""

    events: list[ArchivedEvent] = field(default_factory=list)
    attempts: list[tuple[int, int, ModelAttempt]] = field(default_factory=list)
    updates: list[tuple[int, int, ActionUpdate]] = field(default_factory=list)
    moves: list[tuple[int, int, ActionUpdate]] = field(default_factory=list)
    tails: dict[str, int] = field(default_factory=dict)
    size: int = 0

    def add(self, day: str, name: str, block: bytes) -> None:
        """The lines of a file of this (plain) name."""
        self.size += len(block)
        if name in LOGS:
            for ms, sequence, record in read_block(name, block):
                if isinstance(record, ModelAttempt):
                    self.attempts.append((ms, sequence, record))
                else:
                    (self.moves if name == MOVES else self.updates).append((ms, sequence, record))
            return
        node = node_of(name) or ""
        for line in block.splitlines():
            self.add_event(lambda line=line: read_event_line(line, node, day))  # type: ignore[misc]

    def add_event(self, read: Callable[[], ArchivedEvent | None]) -> None:
        """What that reads, if it is anything."""
        try:
            if (found := read()) is not None:
                self.events.append(found)
        except Exception as error:  # noqa: BLE001 - as in _put
            log.error("index.left_out", reason=repr(error)[:300])

    @property
    def records(self) -> int:
        return len(self.events) + len(self.attempts) + len(self.updates) + len(self.moves)

    def singles(self) -> Iterator[ImportBatch]:
        """Each thing alone; the last one says how far that is."""
        yield from (ImportBatch(events=[one]) for one in self.events)
        yield from (ImportBatch(attempts=[one]) for one in self.attempts)
        yield from (ImportBatch(updates=[one]) for one in self.updates)
        yield from (ImportBatch(moves=[one]) for one in self.moves)
        yield ImportBatch(tails=self.tails)


def import_files(store: Store, names: StringIds, paths: Sequence[Path]) -> int:
    """What these files say beyond what was read of them; how many rows that made or changed. Raises Unsound or OSError.

    What we cannot digest, whatever it is, is left out alone and told in the log.
    """
    return sum(_put(store, names, piece) for piece in _pieces(store, paths))


def _pieces(store: Store, paths: Iterable[Path]) -> Iterator[ImportBatch]:
    """What is to be put, about half a MiB at a time: lines of many small files together, of a big one in parts."""
    piece = ImportBatch()
    for path in paths:
        if path.name.startswith("evt-") and path.suffix == ".json":  # a node may be called evt-1
            piece.add_event(lambda path=path: read_event_file(path))  # type: ignore[misc]
            piece.size += FILE_BYTES
        elif (name := plain_name(path.name)) in LOGS or node_of(name):
            for block, tail, end in _unread(store, path):
                piece.add(path.parent.name, name, block)
                if tail:
                    piece.tails[tail] = end
                if piece.size >= BLOCK_BYTES:
                    yield piece
                    piece = ImportBatch()
        if piece.size >= BLOCK_BYTES:
            yield piece
            piece = ImportBatch()
    if piece.size:
        yield piece


def _unread(store: Store, path: Path) -> Iterator[tuple[bytes, str, int]]:
    """(whole lines, the name under which it is remembered how far, where they end). A compressed file is read whole."""
    if path.name.endswith(PACKED):
        yield from ((block, "", end) for block, end in blocks_of(path))
        return
    # Beside a compressed file a plain one is another, new one: what was read of the last says nothing about it.
    packed = packed_beside(path)
    try:
        tail = f"{path.parent.name}/{path.name}@{packed.stat().st_size}"
    except FileNotFoundError:
        tail = f"{path.parent.name}/{path.name}"
    with store.read() as connection:
        offset = connection.execute(select(tails.c.offset).where(tails.c.path == tail)).scalar_one_or_none() or 0
    for block, end in blocks_of(path, offset):
        yield block, tail, end
    if not path.exists():  # compressed between our being told of it and now
        yield from _unread(store, packed)


def _put(store: Store, names: StringIds, piece: ImportBatch) -> int:
    try:
        with transaction(store, names) as connection:
            changed = put_events(connection, names, piece.events)
            changed += put_attempts(connection, names, piece.attempts)
            changed += put_updates(connection, piece.updates)
            changed += put_updates(connection, piece.moves, from_moves=True)
            for tail, end in piece.tails.items():
                new = insert(tails).values(path=tail, offset=end)
                connection.execute(new.on_conflict_do_update(index_elements=[tails.c.path], set_={"offset": end}))
        return changed
    except (OSError, IndexCorrupt):
        raise
    except Exception as error:  # noqa: BLE001 - one line that nobody thought of must not hold up all others for ever
        if piece.records <= 1 and not piece.tails:
            log.error("index.left_out", batch=repr(piece)[:300], reason=repr(error)[:300])
            return 0
        return sum(_put(store, names, single) for single in piece.singles())


def import_since(store: Store, names: StringIds, events_root: Path, since: float) -> Iterator[int]:
    """Take every file that changed after `since` (seconds since 1970); yields after each step."""
    since -= MARGIN_SECONDS
    changed = (path for day in _days(events_root) for path in _files(events_root, day, since))
    for piece in _pieces(store, changed):
        yield _put(store, names, piece)


def import_all(store: Store, names: StringIds, events_root: Path, scan: ActionsScan) -> Iterator[Progress]:
    """Take everything, the newest day first; goes on where an earlier one was broken off. Yields after each step."""
    with store.read() as connection:
        done_down_to = read_state(connection, FILLED_DOWN_TO) or "9999-99-99"
    if done_down_to == "9999-99-99":
        with transaction(store, names) as connection:
            # What is kept from now on is somebody else's to take: by name, or by its time of change.
            write_state(connection, MARK, str(time.time()))
    while scan.look(store):
        yield Progress(0, 0, 0)
    days = _days(events_root)
    records = 0
    for number, day in enumerate(days, 1):
        if day >= done_down_to:
            continue
        for piece in _pieces(store, _files(events_root, day, 0)):
            _put(store, names, piece)
            records += piece.records
            yield Progress(len(days), number - 1, records)
        with transaction(store, names) as connection:
            write_state(connection, FILLED_DOWN_TO, day)
    with transaction(store, names) as connection:
        write_state(connection, FILLED, "yes")
    yield Progress(len(days), len(days), records)


class transaction:
    """A write that, when it fails, also forgets the word numbers that were made in it."""

    def __init__(self, store: Store, names: StringIds):
        self._writing = store.write()
        self._names = names

    def __enter__(self) -> Connection:
        return self._writing.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool | None:
        if kind is not None:
            self._names.forget()
        return self._writing.__exit__(kind, error, trace)  # type: ignore[arg-type]


def _files(events_root: Path, day: str, since: float) -> Iterator[Path]:
    """Our files of one day that changed after `since`, in the order in which they count.

    First what lies there as it did before (a folder a node, a file an event), then compressed files, then plain ones.
    """
    found = entries(events_root / day)
    for node in found:
        try:
            # A name that is new or was replaced changes its folder's time.
            if node.is_dir(follow_symlinks=False) and is_name(node.name) and _changed(node, since):
                old = (entry for entry in entries(Path(node.path)) if entry.name.startswith("evt-"))
                yield from sorted(Path(e.path) for e in old if _changed(e, since))
        except FileNotFoundError:  # retention was faster
            continue
    ours = [e for e in found if (name := plain_name(e.name)) in LOGS or node_of(name)]
    for entry in sorted(ours, key=lambda e: (not e.name.endswith(PACKED), e.name)):
        with contextlib.suppress(FileNotFoundError):
            if entry.is_file(follow_symlinks=False) and _changed(entry, since):
                yield Path(entry.path)


def _changed(entry: os.DirEntry[str], since: float) -> bool:
    return entry.stat(follow_symlinks=False).st_mtime >= since


def _days(events_root: Path) -> list[str]:
    """Newest first."""
    return [day.name for day in reversed(day_folders(events_root))]
