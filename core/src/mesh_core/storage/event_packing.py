"""A day's lines compressed: <name>.jsonl becomes <name>.jsonl.gz, which zcat, jq and a backup read as they are.

A gzip file may have several members, one behind the other: what comes later is one more of them, and nothing that is
compressed is ever opened again to be changed.

| killed after | what is left | next time |
|---|---|---|
| the temporary file | it, hidden | written anew |
| the rename | both, the same lines | the plain one is seen to be in it, and goes |
| late lines into a new plain file | both, different lines | they become one more member |
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

from mesh_core.storage.event_files import BLOCK_BYTES, mend_tail, packed_beside
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.files import fsync_folder

_TRAILER = 8  # the CRC-32 and the length of what a member holds


@contextmanager
def packing_in(day: Path) -> Iterator[None]:
    """One at a time in a day's folder, whichever process: the observer, or a person's `mend migrate`."""
    lock = FileLock(day, folder=True)
    try:
        lock.take(wait=True)
        yield
    finally:
        lock.release()


def pack(plain: Path, guard: AbstractContextManager[Any]) -> bool:
    """Compress; False if the file grew meanwhile (next time then). Whoever appends to it holds `guard` meanwhile.

    Raises OSError (a full disk: nothing has changed). Blocks: about 0.1 s for 5 MB.
    """
    packed = packed_beside(plain)
    with packing_in(plain.parent):
        descriptor = os.open(plain, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            with guard:
                mend_tail(descriptor)
                status = os.fstat(descriptor)
            start = last_member_is(packed, lambda length: _pieces(descriptor, 0, length), status.st_size)
            with added(packed, _pieces(descriptor, start, status.st_size), status) as put, guard:
                if os.fstat(descriptor).st_size != status.st_size:
                    return False
                put()
                plain.unlink()
        finally:
            os.close(descriptor)
    return True


def last_member_is(packed: Path, content: Any, size: int) -> int:
    """How long the last member is, if `content(its length)` is what it holds and has no more than `size`; else 0."""
    try:
        with packed.open("rb") as handle:
            handle.seek(-_TRAILER, os.SEEK_END)
            trailer = handle.read(_TRAILER)
    except OSError:
        return 0
    crc, length = int.from_bytes(trailer[:4], "little"), int.from_bytes(trailer[4:], "little")
    return length if length <= size and _crc(content(length)) == crc else 0


@contextmanager
def added(packed: Path, pieces: Iterable[bytes], like: os.stat_result) -> Iterator[Any]:
    """`packed` and one more member, written, synced and read back; it takes its place when the yielded is called.

    Owner and time of change are those of `like`: retention asks when it was written, and that was then. Raises OSError.
    """
    temporary = packed.with_name(f".{packed.name}.tmp")
    temporary.unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o640), "wb+") as out:
            with contextlib.suppress(FileNotFoundError), packed.open("rb") as before:
                shutil.copyfileobj(before, out)
            size = _append(out, pieces)
            if os.geteuid() == 0:
                os.fchown(out.fileno(), like.st_uid, like.st_gid)
            os.fsync(out.fileno())
        os.utime(temporary, ns=(like.st_mtime_ns, like.st_mtime_ns))

        def put() -> None:
            if size:
                temporary.replace(packed)
                fsync_folder(packed.parent)

        yield put
    finally:
        temporary.unlink(missing_ok=True)


def _append(out: IO[bytes], pieces: Iterable[bytes]) -> int:
    """One member at the end, and everything read back; how many bytes are in it (none: nothing was written)."""
    member, size, crc = out.tell(), 0, 0
    with gzip.GzipFile(filename="", mode="wb", fileobj=out, compresslevel=6, mtime=0) as lines:
        for piece in pieces:
            lines.write(piece)
            size, crc = size + len(piece), zlib.crc32(piece, crc)
    out.flush()
    for start, wanted in ((member, crc), (0, None)) if member else ((0, crc),):
        out.seek(start)
        try:
            with gzip.GzipFile(fileobj=out, mode="rb") as written:
                found = _crc(iter(lambda: written.read(BLOCK_BYTES), b""))
        except (EOFError, zlib.error) as error:
            raise OSError(f"a compressed file of events is damaged ({error}); move it aside") from error
        if wanted is not None and found != wanted:
            raise OSError("what was compressed reads back as something else")
    return size


def _pieces(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    while start < end and (piece := os.pread(descriptor, min(BLOCK_BYTES, end - start), start)):
        yield piece
        start += len(piece)


def _crc(pieces: Iterable[bytes]) -> int:
    found = 0
    for piece in pieces:
        found = zlib.crc32(piece, found)
    return found
