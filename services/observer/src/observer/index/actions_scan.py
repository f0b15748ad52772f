"""What changed in actions/ since the last look, into the index. Reads folders; moves nothing.

What came to rest changes no more: such a folder is walked only when its time of change moved, a name that the index
knows is not opened again, and nothing of it is kept in memory, since years of runs may lie there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from mesh_core.approvals.action_folders import SETTLED_NS, ActionFolders
from mesh_core.approvals.proposal_files import BY_SUFFIX, REASON_SUFFIX, is_beside
from mesh_core.models.proposals import Folder
from observer.index.action_table import drop_actions, put_actions
from observer.index.event_parser import action_row
from observer.index.store import Store
from observer.index.tables import actions as table

OPEN = (Folder.PENDING, Folder.APPROVED, Folder.RUNNING)
STEP = 200


class ActionsScan:
    """Remembers when each folder changed, and where a walk that takes several steps is."""

    def __init__(self, actions: ActionFolders):
        self._actions = actions
        self._changed_ns: dict[Folder, int] = {}
        self._empty: set[Folder] = set()
        self._walk: Iterator[None] | None = None

    def look(self, store: Store) -> bool:
        """One step; True when there is more to do at once. Raises as Store.write; then the next look begins anew."""
        walk, self._walk = self._walk or self._steps(store), None
        if next(walk, self) is self:
            return False
        self._walk = walk
        return True

    def _steps(self, store: Store) -> Iterator[None]:
        for folder in Folder:
            path = self._actions.folder(folder)
            try:
                changed = path.stat().st_mtime_ns
                # What lies in an open folder may change where it lies; where nothing lies nothing does.
                if (folder in OPEN and folder not in self._empty) or self._changed_ns.get(folder) != changed:
                    self._changed_ns.pop(folder, None)
                    yield from self._folder(folder, path, store)
            except OSError:
                if path.is_dir() and os.access(path, os.R_OK | os.X_OK):
                    raise  # the index's own trouble
                continue  # missing, or not ours to read: what is known of it stays
            # A folder's mtime moves in ticks: a change in the tick of our reading would go unseen.
            if time.time_ns() - changed > SETTLED_NS:
                self._changed_ns[folder] = changed

    def _folder(self, folder: Folder, path: Path, store: Store) -> Iterator[None]:
        listed = 0
        with os.scandir(path) as listing:
            names = (entry.name for entry in listing)
            ours = (name for name in names if not is_beside(name))
            while piece := list(islice(ours, STEP)):
                listed += len(piece)
                if self._take(folder, path, piece, store):
                    yield
        (self._empty.discard if listed else self._empty.add)(folder)
        with store.read() as connection:
            count = select(func.count()).where(table.c.folder == folder.value)
            known = connection.execute(count).scalar_one()
        if known > listed:
            yield from _drop_missing(folder, path, store)

    def _take(self, folder: Folder, path: Path, names: list[str], store: Store) -> bool:
        places = {f"{folder.value}/{_shown(name)}": path / name for name in names}
        with store.read() as connection:
            asked = select(table.c.place, table.c.mark).where(table.c.place.in_(list(places)))
            known = {row.place: row.mark for row in connection.execute(asked)}
        rows: list[dict[str, Any]] = []
        for place, file in places.items():
            before = known.get(place)
            if before == (mark := _mark(folder, file, before)):
                continue
            if row := action_row(self._actions, folder, file):
                rows.append(row | {"place": place, "mark": mark})
        if rows:
            with store.write() as connection:
                put_actions(connection, rows)
        return bool(rows)


def _drop_missing(folder: Folder, path: Path, store: Store) -> Iterator[None]:
    after = ""
    while True:
        with store.read() as connection:
            asked = select(table.c.place).where(table.c.folder == folder.value, table.c.place > after)
            places = list(connection.execute(asked.order_by(table.c.place).limit(STEP)).scalars())
        if not places:
            return
        there = {f"{folder.value}/{_shown(name)}" for name in _still(path, places)}
        gone = [place for place in places if place not in there]
        if gone:
            with store.write() as connection:
                drop_actions(connection, gone)
        after = places[-1]
        yield


def _still(path: Path, places: list[str]) -> list[str]:
    names = {place.partition("/")[2] for place in places}
    with os.scandir(path) as listing:
        return [entry.name for entry in listing if _shown(entry.name) in names]


def _mark(folder: Folder, file: Path, before: str | None) -> str:
    """What tells a changed thing from a known one: a note that came later; while it is open also its time of change."""
    if folder not in OPEN and before == "noted":
        return before
    noted = any(os.path.lexists(f"{file}{suffix}") for suffix in (REASON_SUFFIX, BY_SUFFIX))
    if folder not in OPEN:
        return "noted" if noted else ""
    try:
        return f"{file.lstat().st_mtime_ns} {noted}"
    except FileNotFoundError:
        return ""


def _shown(name: str) -> str:
    """A file's name as text, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
