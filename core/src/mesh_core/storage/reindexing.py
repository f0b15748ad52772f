"""How the observer's index is asked to be made anew, and how far that is: small files in index/. No database here.

writer.lock      held by whoever writes the index, as long as it lives
reindex          a request; its presence is all it says, and the writer removes it when the work has begun
progress.json    how far the writer is
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from mesh_core.models.records import Record
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.files import read_regular


class Filling(Record):
    """How far the index is filled from the files; `done` when all of them are in it."""

    days: int = 0
    days_done: int = 0
    records: int = 0
    done: bool = False


class IndexFolder:
    """`index/` under a runtime path."""

    def __init__(self, runtime: Path):
        self.root = runtime / "index"
        self.database = self.root / "observer.db"
        self.request = self.root / "reindex"
        self._progress = self.root / "progress.json"

    def ask(self) -> None:
        """Ask for a new index. Raises OSError."""
        self.root.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.request.touch()

    def asked(self) -> bool:
        return self.request.exists()

    def begun(self) -> None:
        """The request is being fulfilled."""
        self.tell(Filling())
        self.request.unlink(missing_ok=True)

    def tell(self, filling: Filling) -> None:
        """Not synced: it is worth nothing after a crash."""
        temporary = self._progress.with_suffix(".tmp")
        temporary.write_bytes(filling.wire())
        temporary.replace(self._progress)

    def told(self) -> Filling | None:
        try:
            return Filling.model_validate_json(read_regular(self._progress, 4096) or b"")
        except ValidationError:
            return None

    @contextmanager
    def sole_writer(self) -> Iterator[bool]:
        """True while we are the one writer; False: somebody else is (the observer runs)."""
        self.root.mkdir(mode=0o750, parents=True, exist_ok=True)
        lock = FileLock(self.root / "writer.lock", mode=0o660)
        try:
            yield lock.take()
        finally:
            lock.release()
