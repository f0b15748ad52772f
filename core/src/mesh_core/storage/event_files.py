"""The archive's files: events/<day>/<node>.jsonl, a line an event or a decision, and the same compressed (.jsonl.gz).

Names, lines, and reading them in blocks of whole lines (docs/decisions/0115). Believes nothing it reads, follows no
link. Where a plain file lies beside a compressed one its lines come after those; a line may be in both.
"""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from mesh_core.models.events import MAX_EVENT_BYTES, Decision, HealthEvent
from mesh_core.models.records import is_name
from mesh_core.storage.listing import entries

PLAIN, PACKED = ".jsonl", ".jsonl.gz"
MAX_LINE_BYTES = 4 * MAX_EVENT_BYTES  # an event grows by what JSON escapes, and a decision may be with it
BLOCK_BYTES = 512 * 1024
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def day_folders(events: Path) -> list[Path]:
    """The folders of the days, oldest first; nothing where there is no such place, or it is not ours to read."""
    return sorted(
        Path(day.path) for day in entries(events) if _DAY.fullmatch(day.name) and day.is_dir(follow_symlinks=False)
    )


def node_of(file_name: str) -> str | None:
    """Whose events a file of a day holds; None for any other file (a node's name never begins with `_`)."""
    suffix = PACKED if file_name.endswith(PACKED) else PLAIN
    node = file_name.removesuffix(suffix)
    return node if node != file_name and is_name(node) else None


def plain_name(file_name: str) -> str:
    """The name under which lines are appended, of a compressed file or of that one itself."""
    return file_name.removesuffix(".gz") if file_name.endswith(PACKED) else file_name


def packed_beside(plain: Path) -> Path:
    return plain.with_name(plain.name + ".gz")


def event_line(event: HealthEvent, decision: dict[str, Any] | None) -> bytes:
    """What is appended for an event; `decision` only where nobody has to think about it."""
    with_decision = b',"decision":' + _json(decision) if decision is not None else b""
    return line_start(event.id or "") + b'"event":' + event.wire() + with_decision + b"}\n"


def decision_line(decision: Decision) -> bytes:
    fields = {
        "verdict": decision.verdict,
        "action_id": decision.action_id,
        "reason": decision.reason,
        "ts": decision.ts,
    }
    return line_start(decision.event_id) + b'"decision":' + _json(fields) + b"}\n"


def line_of_file(event_id: str, value: Any) -> bytes | None:
    """What a file of one event says (`{"event": ..., "decision": ...}`), as a line; None if it says something else.

    Raises ValueError for what JSON cannot say again.
    """
    if not isinstance(value, dict) or value.keys() != {"event", "decision"}:
        return None
    halves = {name: half for name, half in value.items() if half is not None}
    if not halves or not all(isinstance(half, dict) for half in halves.values()):
        return None
    line = line_start(event_id) + _json(halves)[1:] + b"\n"
    return line if len(line) <= MAX_LINE_BYTES else None


def line_start(event_id: str) -> bytes:
    """How each line about this event begins, and no other."""
    return b'{"id":' + _json(event_id) + b","


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace"
    )


def blocks_of(path: Path, offset: int = 0) -> Iterator[tuple[bytes, int]]:
    """(whole lines, where they end) from `offset` on; of a compressed file always from its beginning.

    A last line without an end is none yet. A compressed file that is damaged ends where the damage is. Nothing for a
    file that is gone or is no file.
    """
    try:
        handle = _opened(path)
    except OSError:
        return
    with handle:
        if path.name.endswith(PACKED):
            yield from _unpacked(handle)
            return
        if offset > os.fstat(handle.fileno()).st_size:
            offset = 0  # it is another file than the one that was read so far
        handle.seek(offset)
        for block in _whole(handle):
            offset += len(block)
            yield block, offset


def blocks_of_a_day(plain: Path) -> Iterator[bytes]:
    """The whole lines of a node's day, in the order of writing: what is packed of it already, then `plain` itself."""
    for path in (packed_beside(plain), plain):
        yield from (block for block, _ in blocks_of(path))


def lines_about(folder: Path, node: str, event_ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """(event id, line) of each line of that day's files of `node` about one of these, in the order of writing."""
    starts = {event_id: line_start(event_id) for event_id in event_ids}
    for block in blocks_of_a_day(folder / (node + PLAIN)):
        for event_id, start in starts.items():
            at = block.find(start)
            while at >= 0:
                end = block.find(b"\n", at)
                if at == 0 or block[at - 1] == 0x0A:  # elsewhere it is something that a payload says
                    yield event_id, block[at:end]
                at = block.find(start, end)


def mend_tail(descriptor: int) -> int:
    """Make a file end with a whole line, as it does not after a crash; how many bytes were cut off.

    What is a whole line but for its end (somebody's editor) gets one; half a line is cut: it was never acknowledged,
    so its event comes again. Raises OSError.
    """
    size = os.fstat(descriptor).st_size
    if not size or os.pread(descriptor, 1, size - 1) == b"\n":
        return 0
    end, last = size, b""
    while end and b"\n" not in last:
        start = max(0, end - MAX_LINE_BYTES)
        last = os.pread(descriptor, end - start, start)
        end = start + last.rfind(b"\n") + 1
    try:
        whole = size - end <= MAX_LINE_BYTES and isinstance(json.loads(last[last.rfind(b"\n") + 1 :]), dict)
    except (ValueError, RecursionError):
        whole = False
    if whole:
        os.pwrite(descriptor, b"\n", size)  # with O_APPEND at the end, which is there
        return 0
    os.ftruncate(descriptor, end)
    os.fsync(descriptor)
    return size - end


def _opened(path: Path) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no file", str(path))
    return os.fdopen(descriptor, "rb")


def _unpacked(handle: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    offset = 0
    try:
        with gzip.GzipFile(fileobj=handle) as lines:
            for block in _whole(lines):
                offset += len(block)
                yield block, offset
    except (EOFError, zlib.error, OSError):  # gzip.BadGzipFile is an OSError
        return


def _whole(handle: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    rest = b""
    while piece := handle.read(BLOCK_BYTES):
        block = rest + piece
        whole = block.rfind(b"\n") + 1
        if not whole and len(block) >= MAX_LINE_BYTES:
            yield block  # no line of ours is that long: whoever reads it finds none in it
            rest = b""
            continue
        rest = block[whole:]
        if whole:
            yield block[:whole]
