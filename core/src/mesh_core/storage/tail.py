"""A file of lines read from its end, in bounded memory: what happened last is what people ask for. Writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

CHUNK_BYTES = 64 * 1024
LONGEST_LINE_BYTES = 1024 * 1024


def lines_backwards(path: Path, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """(where it begins, the line with its line break), newest first, from byte `end` on; nothing for a missing file.

    Only the first one may lack its line break. Raises OSError, and ValueError for a line that is too long to be one.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "rb") as handle:
        start = min(end, handle.seek(0, os.SEEK_END)) if end is not None else handle.seek(0, os.SEEK_END)
        rest = b""
        while start > 0:
            step = min(CHUNK_BYTES, start)
            start -= step
            handle.seek(start)
            rest = handle.read(step) + rest
            # The break at the very end closes the last line, it does not begin another.
            while (cut := rest.rfind(b"\n", 0, max(len(rest) - 1, 0))) >= 0:
                yield start + cut + 1, rest[cut + 1 :]
                rest = rest[: cut + 1]
            if len(rest) > LONGEST_LINE_BYTES:
                raise ValueError(f"a line of more than {LONGEST_LINE_BYTES} bytes before byte {start + len(rest)}")
        if rest:
            yield 0, rest
