"""events/<day>/_attempts.jsonl, _updates.jsonl, _moves.jsonl, _requests.jsonl: what Redis forgets after a week, a line
an entry.

A node's name cannot begin with `_`, so these lie beside the nodes' files and go with their day. Never rewrites a
line; an entry that was delivered twice may stand there twice, and says so by its id.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.requests import RequestUpdate
from mesh_core.models.streams import MOVES_STREAM
from mesh_core.models.strict_json import Refusal, parse_object
from observer.archive.line_files import LineFiles
from observer.archive.names import day_of, numbers_of

ATTEMPTS, UPDATES, MOVES, REQUESTS = "_attempts.jsonl", "_updates.jsonl", "_moves.jsonl", "_requests.jsonl"
FILE_OF = {
    ModelAttempt.stream: ATTEMPTS,
    ActionUpdate.stream: UPDATES,
    MOVES_STREAM: MOVES,
    RequestUpdate.stream: REQUESTS,
}
MAX_LINE_BYTES = 128 * 1024

Noted: TypeAlias = ModelAttempt | ActionUpdate | RequestUpdate


@dataclass(frozen=True)
class LogbookEntry:
    """A record and the stream entry that it came in."""

    stream: str
    entry: str
    record: Noted


class Logbook:
    """The one writer of these files; `lock`: see line_files.py."""

    def __init__(self, root: Path, lock: threading.Lock | None = None):
        self.root = root
        self._files = LineFiles(root, lock=lock)

    def keep(self, lines: Sequence[LogbookEntry]) -> list[Path]:
        """Append; which files grew. When this returns it survives a power cut. Raises OSError: repeat it then."""
        by_file: dict[Path, list[bytes]] = {}
        for line in lines:
            numbers = numbers_of(line.entry)
            if numbers is not None:
                path = self.root / day_of(numbers[0]) / FILE_OF[line.stream]
                by_file.setdefault(path, []).append(_written(line))
        return list(self._files.append(by_file))


def read_block(name: str, block: bytes) -> list[tuple[int, int, ModelAttempt | ActionUpdate]]:
    """(ms, sequence, record) of the whole lines of a file of this name; a line that is none is left out."""
    kind = ModelAttempt if name == ATTEMPTS else ActionUpdate
    found = []
    for line in block.splitlines():
        value = parse_object(line, max_bytes=MAX_LINE_BYTES)
        numbers = numbers_of(str(value.get("entry"))) if isinstance(value, dict) else None
        if isinstance(value, Refusal) or numbers is None:
            continue
        try:
            found.append((*numbers, kind.model_validate(value.get("record"))))
        except ValidationError:
            continue
    return found


def _written(line: LogbookEntry) -> bytes:
    return b'{"entry":' + json.dumps(line.entry).encode() + b',"record":' + line.record.wire() + b"}\n"
