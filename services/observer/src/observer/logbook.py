"""events/<day>/_attempts.jsonl, _updates.jsonl, _moves.jsonl: what Redis forgets after a week, a line an entry.

A node's name cannot begin with `_`, so these lie beside the nodes' folders and go with their day. Never rewrites a
line; an entry that was delivered twice may stand there twice, and says so by its id.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from mesh_core.files import fsync_folder
from mesh_core.records import ActionUpdate, ModelAttempt
from mesh_core.streams import MOVES_STREAM
from mesh_core.strict_json import Refusal, parse_object
from observer.index.keys import day_of, numbers_of

ATTEMPTS, UPDATES, MOVES = "_attempts.jsonl", "_updates.jsonl", "_moves.jsonl"
FILE_OF = {ModelAttempt.stream: ATTEMPTS, ActionUpdate.stream: UPDATES, MOVES_STREAM: MOVES}
MAX_LINE_BYTES = 128 * 1024
READ_BYTES = 512 * 1024

Noted: TypeAlias = ModelAttempt | ActionUpdate


@dataclass(frozen=True)
class Line:
    """A record and the stream entry that it came in."""

    stream: str
    entry: str
    record: Noted


class Logbook:
    """The one writer of these files."""

    def __init__(self, root: Path):
        self.root = root

    def keep(self, lines: Sequence[Line]) -> list[Path]:
        """Append; which files grew. When this returns it survives a power cut. Raises OSError: repeat it then."""
        by_file: dict[Path, list[Line]] = {}
        for line in lines:
            numbers = numbers_of(line.entry)
            if numbers is not None:
                path = self.root / day_of(numbers[0]) / FILE_OF[line.stream]
                by_file.setdefault(path, []).append(line)
        for path, own in by_file.items():
            self._append(path, own)
        return list(by_file)

    def _append(self, path: Path, lines: Iterable[Line]) -> None:
        is_new = not path.exists()
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            fsync_folder(self.root)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o640), "rb+") as handle:
            end = handle.seek(0, os.SEEK_END)
            if end and os.pread(handle.fileno(), 1, end - 1) != b"\n":
                handle.write(b"\n")  # a crash cut the last line short; its entry comes again
            handle.write(b"".join(_written(line) for line in lines))
            handle.flush()
            os.fsync(handle.fileno())
        if is_new:
            fsync_folder(path.parent)


def read_lines(path: Path, offset: int) -> tuple[list[tuple[int, int, Noted]], int]:
    """(ms, sequence, record) of the whole lines from `offset` on, and where they end; a line that is none is left out.

    About half a MiB at a time: repeat it until the offset stays.
    """
    kind = ModelAttempt if path.name == ATTEMPTS else ActionUpdate
    try:
        with path.open("rb") as handle:
            handle.seek(offset)
            raw = handle.read(READ_BYTES)
    except FileNotFoundError:
        return [], offset
    whole = raw.rfind(b"\n") + 1
    if not whole and len(raw) == READ_BYTES:
        return [], offset + READ_BYTES  # no line of ours is that long
    found = []
    for line in raw[:whole].splitlines():
        value = parse_object(line, max_bytes=MAX_LINE_BYTES)
        numbers = numbers_of(str(value.get("entry"))) if isinstance(value, dict) else None
        if isinstance(value, Refusal) or numbers is None:
            continue
        try:
            found.append((*numbers, kind.model_validate(value.get("record"))))
        except ValidationError:
            continue
    return found, offset + whole


def _written(line: Line) -> bytes:
    return b'{"entry":' + json.dumps(line.entry).encode() + b',"record":' + line.record.wire() + b"}\n"
