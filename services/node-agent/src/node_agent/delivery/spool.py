"""The spool: events on disk between this node and Redis, in order, each under the stream id that it will keep.

Never talks to Redis and never judges an event. The newest file name is the counter: the last event that was delivered
stays as `<id>.sent`, so that an id is never given twice, also after the clock jumped back. So does what went in the
minute before it: Redis may lose what it took last (a power cut), and then it is sent again.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import structlog

from mesh_core.incidents.rule import is_benign
from mesh_core.models.events import HealthEvent
from mesh_core.runtime.metrics import SPOOL_DROPPED
from mesh_core.storage.files import drop_unfinished, write_whole

MAX_BYTES = 50 * 1024 * 1024
MAX_IN_MEMORY = 1000  # events that a full disk refused
KEPT_SECONDS = 60.0  # twice what Linux leaves a written page unsynced; who may not ask Redis can only wait
OLD_SECONDS = 3600.0  # of what is older, no Redis lost only its end: it was wiped, and yesterday's news is none

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """One event that waits. `raw` is None while it can be read from the disk."""

    ms: int
    size: int
    benign: bool
    raw: bytes | None = None

    @property
    def stream_id(self) -> str:
        return f"{self.ms}-0"


class Spool:
    """One folder, one writer. Opens with whatever an earlier process left."""

    def __init__(self, folder: Path, node: str, *, max_bytes: int = MAX_BYTES):
        self.folder = folder
        self.dropped = 0
        self._node = node
        self._max_bytes = max_bytes
        self._waiting: deque[SpoolEntry] = deque()
        self._last_ms = 0
        self._bytes = 0
        self._sent: deque[tuple[float, Path]] = deque()  # when (s since 1970), and the file
        folder.mkdir(parents=True, exist_ok=True)
        self._reopen()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    def resume_above(self, last_id: str) -> None:
        """Give no id at or below the stream's newest one."""
        self._last_ms = max(self._last_ms, int(last_id.partition("-")[0]))

    def accept(self, event: HealthEvent, now_ms: int) -> HealthEvent:
        """Give the event its id and keep it until `mark_sent`. A full disk is no excuse: then it is kept in memory."""
        ms = max(self._last_ms + 1, now_ms)
        numbered = event.model_copy(update={"id": f"{self._node}/{ms}-0"})
        raw = numbered.wire()
        self._last_ms = ms
        self._keep(ms, raw, is_benign(numbered))
        self._shrink()
        return numbered

    def oldest(self) -> tuple[SpoolEntry, bytes] | None:
        """The next event to deliver and its bytes."""
        while self._waiting:
            entry = self._waiting[0]
            raw = entry.raw
            if raw is None:
                try:
                    raw = self._path(entry.ms).read_bytes()
                    HealthEvent.model_validate_json(raw)
                except (OSError, ValueError) as error:
                    log.error("spool.lost_file", id=entry.stream_id, error=str(error)[:200])
                    self._count_dropped()
                    self._remove(entry)
                    continue
            return entry, raw
        return None

    def mark_sent(self, entry: SpoolEntry) -> None:
        """It is in the stream."""
        if self._waiting and self._waiting[0] is entry:
            self._waiting.popleft()
            self._bytes -= entry.size
        if entry.raw is not None:
            return
        sent = self.folder / f"{entry.ms:015d}.sent"
        now = time.time()
        try:
            self._path(entry.ms).rename(sent)
            self._sent.append((now, sent))
            while len(self._sent) > 1 and not 0 <= now - self._sent[0][0] < KEPT_SECONDS:
                self._sent.popleft()[1].unlink(missing_ok=True)
        except OSError as error:
            log.warning("spool.not_marked", id=entry.stream_id, error=str(error))

    def requeue_above(self, last_id: str) -> int:
        """Redis took these, and its newest id says that it lost them: they wait again, before all others. How many."""
        last_ms, now = int(last_id.partition("-")[0]), time.time()
        lost = [path for sent_at, path in self._sent if int(path.stem) > last_ms and now - sent_at < OLD_SECONDS]
        for path in reversed(lost):
            entry = _read_entry(path.rename(path.with_suffix(".json")), int(path.stem))
            self._waiting.appendleft(entry)
            self._bytes += entry.size
        self._sent = deque(sent for sent in self._sent if sent[1] not in lost)
        return len(lost)

    def renumber(self) -> None:
        """Give everything that waits new ids above the newest: its ids were given before the stream could be asked."""
        waiting, self._waiting, self._bytes = list(self._waiting), deque(), 0
        for entry in waiting:
            try:
                raw = entry.raw if entry.raw is not None else self._path(entry.ms).read_bytes()
                event = HealthEvent.model_validate_json(raw)
            except (OSError, ValueError) as error:
                log.error("spool.lost_file", id=entry.stream_id, error=str(error)[:200])
                self._count_dropped()
                self._path(entry.ms).unlink(missing_ok=True)
                continue
            self._last_ms += 1
            renumbered = event.model_copy(update={"id": f"{self._node}/{self._last_ms}-0"})
            self._keep(self._last_ms, renumbered.wire(), entry.benign)
            if entry.raw is None:
                self._path(entry.ms).unlink(missing_ok=True)

    def take_dropped(self) -> int:
        """How many were dropped since the last call."""
        dropped, self.dropped = self.dropped, 0
        return dropped

    def _count_dropped(self) -> None:
        self.dropped += 1
        SPOOL_DROPPED.add()

    def _keep(self, ms: int, raw: bytes, benign: bool) -> None:
        kept: bytes | None = None
        try:
            write_whole(self._path(ms), raw)
        except OSError as error:
            log.error("spool.disk_refused", error=str(error), in_memory=len(self._waiting))
            kept = raw
        self._waiting.append(SpoolEntry(ms, len(raw), benign, kept))
        self._bytes += len(raw)

    def _shrink(self) -> None:
        in_memory = sum(entry.raw is not None for entry in self._waiting) if self._bytes else 0
        while len(self._waiting) > 1 and (self._bytes > self._max_bytes or in_memory > MAX_IN_MEMORY):
            newest = self._waiting[-1]
            victim = next((e for e in self._waiting if e.benign and e is not newest), self._waiting[0])
            in_memory -= victim.raw is not None
            self._remove(victim)
            self._count_dropped()
            log.warning("spool.dropped", id=victim.stream_id, benign=victim.benign, waiting=len(self._waiting))

    def _remove(self, entry: SpoolEntry) -> None:
        self._waiting.remove(entry)
        self._bytes -= entry.size
        if entry.raw is None:
            self._path(entry.ms).unlink(missing_ok=True)

    def _path(self, ms: int) -> Path:
        return self.folder / f"{ms:015d}.json"

    def _reopen(self) -> None:
        found: list[SpoolEntry] = []
        drop_unfinished(self.folder)
        for path in self.folder.iterdir():
            stem, _, kind = path.name.partition(".")
            if stem.isdigit() and kind == "sent":
                self._sent.append((path.stat().st_ctime, path))
            elif stem.isdigit() and kind == "json":
                found.append(_read_entry(path, int(stem)))
        self._sent = deque(sorted(self._sent, key=lambda sent: sent[1].name))
        if self._sent:
            self._last_ms = int(self._sent[-1][1].stem)
        self._waiting.extend(sorted(found, key=lambda entry: entry.ms))
        self._bytes = sum(entry.size for entry in found)
        if found:
            self._last_ms = max(self._last_ms, self._waiting[-1].ms)
            log.info("spool.reopened", waiting=len(found), bytes=self._bytes)


def _read_entry(path: Path, ms: int) -> SpoolEntry:
    try:
        raw = path.read_bytes()
        return SpoolEntry(ms, len(raw), is_benign(HealthEvent.model_validate_json(raw)))
    except (OSError, ValueError):
        return SpoolEntry(ms, path.stat().st_size, True)
