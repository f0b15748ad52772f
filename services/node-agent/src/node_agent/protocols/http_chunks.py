"""Chunks whose lines end with LF alone, made strict piece by piece. Knows no head."""

from __future__ import annotations


class StrictChunks:
    """For one body; what is wrong in it otherwise is left as it is."""

    def __init__(self) -> None:
        self._left = 0  # bytes of the present chunk that are still to come
        self._line = b""  # the beginning of a line whose end has not come
        self._next_is_size = True
        self._in_trailer = False

    def strict(self, data: bytes) -> bytes:
        """The same bytes, with CR LF at the ends of lines; none of a line whose end has not come."""
        made = bytearray()
        while data:
            if self._left:
                made += data[: self._left]
                data, self._left = data[self._left :], max(0, self._left - len(data))
                continue
            line, ended, data = data.partition(b"\n")
            self._line += line
            if ended:
                line, self._line = self._line.rstrip(b"\r"), b""
                made += line + b"\r\n"
                self._after(line)
        return bytes(made)

    def _after(self, line: bytes) -> None:
        if self._next_is_size and not self._in_trailer:
            try:
                self._left = int(line.partition(b";")[0], 16)
            except ValueError:
                self._left = 0
            self._in_trailer = self._left == 0
        self._next_is_size = not self._next_is_size
