"""requests/ under the runtime path: where each request stands, a file each, whole or not there. Planners write it.

What became of its proposals is not in it: the folder in which each of them lies says that.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from mesh_core.models.parsing import read_record
from mesh_core.models.requests import RequestStatus, is_request_id
from mesh_core.models.streams import entry_order
from mesh_core.models.strict_json import Refusal
from mesh_core.storage.file_stamp import FileStamp, stamp_of
from mesh_core.storage.files import create_whole, read_regular, shared_mode, write_whole
from mesh_core.storage.listing import entries

MAX_BYTES = 512 * 1024
KEEP_DAYS = 30

Seen: TypeAlias = tuple[FileStamp | int | None, RequestStatus | None]


class RequestFolder:
    """Reading never fails: what is no request's file is left alone. One instance reads again only what changed."""

    def __init__(self, runtime: Path):
        self.root = runtime / "requests"
        self._seen: dict[str, Seen] = {}

    def prepare(self) -> None:
        """Make what is missing; what is there keeps its owner and mode (a deployment sets those)."""
        self.root.mkdir(mode=0o770, parents=True, exist_ok=True)

    def put(self, status: RequestStatus) -> None:
        """In the place of what was said before; durable when it returns. Raises OSError."""
        path = self.root / f"{status.request.id}.json"
        write_whole(path, status.wire(), mode=shared_mode(self.root), exact=True)

    def claim_reply(self, asks: RequestStatus, entry: str) -> bool:
        """Is this reply the one that answers what `asks` says? Of several that saw the same, however many planners read
        them, just one is, and stays it. Raises OSError."""
        path = self.root / f"{asks.request.id}.after-{asks.answered_by or asks.entry}.reply"
        create_whole(path, entry.encode(), mode=shared_mode(self.root), exact=True)
        return read_regular(path, len(entry) + 1) == entry.encode()

    def get(self, request_id: str) -> RequestStatus | None:
        """None where there is none (yet), and for what is no id."""
        return _status_at(self.root / f"{request_id}.json") if is_request_id(request_id) else None

    def all(self) -> tuple[RequestStatus, ...]:
        """The newest first."""
        before = self._seen
        self._seen = {one.name: _again(one, before) for one in entries(self.root) if one.name.endswith(".json")}
        return tuple(sorted((status for _, status in self._seen.values() if status), key=_entered, reverse=True))

    def forget(self, before: float) -> None:
        """Remove those that nothing was said of since that moment (seconds since 1970)."""
        for one in entries(self.root):
            with contextlib.suppress(OSError):
                if one.is_file(follow_symlinks=False) and one.stat(follow_symlinks=False).st_mtime < before:
                    Path(one.path).unlink()


def _entered(status: RequestStatus) -> tuple[tuple[int, int], str]:
    """In the order in which they came into the stream; a request's own time may be anything."""
    return entry_order(status.entry), status.request.ts


def _again(one: os.DirEntry[str], before: Mapping[str, Seen]) -> Seen:
    """What was made of it before, as long as it is still the same file."""
    stamp = stamp_of(Path(one.path))  # before reading: what changes meanwhile is read once more
    known = before.get(one.name)
    return known if known and known[0] == stamp else (stamp, _status_at(Path(one.path)))


def _status_at(path: Path) -> RequestStatus | None:
    raw = read_regular(path, MAX_BYTES)
    status = read_record(raw, RequestStatus, MAX_BYTES) if raw is not None else None
    return None if isinstance(status, Refusal) else status
