"""The database file: opened, written by one thread at a time, read by many, thrown away when it is not sound.

Losing it loses nothing (file_import.py makes it anew), so a commit is not synced to the disk one by one.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool

from observer.index.tables import EVENT_WORDS, SCHEMA_VERSION, metadata

BUSY_SECONDS = 5.0
READERS = 3
CACHE_KIB = 1024  # of each connection; the system keeps the file's pages anyway, and gives them back when asked

_NEVER_AGAIN = ("malformed", "not a database", "no such table", "no such column", "has no column")


class IndexCorrupt(Exception):
    """The file is not (any more) a database of this version: throw it away and begin anew."""


class Store:
    """One open file. `write` is for one thread at a time (it waits), `read` for any."""

    def __init__(self, path: Path):
        self.path = path
        self._writing = threading.Lock()
        self.written = 0  # transactions since it was opened: when this moves, what was read before may be old
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._writer = _engine(path, 1, read_only=False)
        try:
            self._prepare()
        except DatabaseError as error:
            self._writer.dispose()
            raise _translated(error) from error
        except IndexCorrupt:
            self._writer.dispose()
            raise
        self._reader = _engine(path, READERS, read_only=True)
        self._inode = path.stat().st_ino

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction. Raises Unsound (throw it away) or OSError (a full disk: later)."""
        try:
            with self._writing, self._writer.begin() as connection:
                yield connection
            self.written += 1
        except DatabaseError as error:
            raise _translated(error) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that cannot write. Raises as `write`."""
        try:
            with self._reader.connect() as connection:
                yield connection
        except DatabaseError as error:
            raise _translated(error) from error

    def check(self) -> None:
        """Raises Unsound when somebody took the file away under us."""
        try:
            there = self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            there = False
        if not there:
            raise IndexCorrupt("the file is gone")

    def close(self) -> None:
        self._reader.dispose()
        self._writer.dispose()

    def _prepare(self) -> None:
        with self._writer.begin() as connection:
            version = connection.execute(text("PRAGMA user_version")).scalar_one()
            if version not in (0, SCHEMA_VERSION):
                raise IndexCorrupt(f"it is of version {version}, and this observer makes version {SCHEMA_VERSION}")
            if _small(self.path) and connection.execute(text("PRAGMA quick_check(1)")).scalar_one() != "ok":
                raise IndexCorrupt("its pages do not fit together")
            metadata.create_all(connection)
            connection.execute(text(EVENT_WORDS))
            connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))


def remove(path: Path) -> None:
    """The file and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _small(path: Path) -> bool:
    # A look at every page of a year's index takes a Raspberry Pi minutes; damage there shows when it is read.
    return path.stat().st_size < 64 * 1024 * 1024


def _engine(path: Path, size: int, *, read_only: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        mode = "ro" if read_only else "rwc"
        uri = f"file:{_quoted(path)}?mode={mode}"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)

    engine = create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=size, max_overflow=0, pool_timeout=BUSY_SECONDS
    )

    @event.listens_for(engine, "connect")
    def _prepared(connection: sqlite3.Connection, _record: Any) -> None:
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint = 500")
            connection.execute("PRAGMA journal_size_limit = 16777216")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")

    return engine


def _quoted(path: Path) -> str:
    return os.fspath(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _translated(error: DatabaseError) -> Exception:
    """What SQLite says, as one of ours: never again (not a database, malformed), not now (a full disk, a lock)."""
    message = str(error.orig)
    if type(error.orig) is sqlite3.DatabaseError or any(word in message for word in _NEVER_AGAIN):
        return IndexCorrupt(message)
    return OSError(message) if isinstance(error, OperationalError) else error
