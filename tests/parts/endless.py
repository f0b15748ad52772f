"""A server whose answers never end, or end larger than they look: each kind of body that eats a client's memory.

`with Endless("packed") as server: server.url`. It writes as fast as the client reads, until the client hangs up.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import Self

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
MEBIBYTE = 1024 * 1024
BOMB_MEBIBYTES = 512


def _read_request(client: socket.socket) -> None:
    """All of it: closing over unread bytes would reset the connection before the answer is read."""
    with client.makefile("rb") as lines:
        length = 0
        while (line := lines.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        lines.read(length)


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _packed() -> Iterator[bytes]:
    """Half a gibibyte of blanks in half a mebibyte of gzip: after a full flush the same input gives the same bytes."""
    press = zlib.compressobj(9, wbits=31)
    first, again = (press.compress(b" " * MEBIBYTE) + press.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    body = first + again * (BOMB_MEBIBYTES - 1) + press.flush()
    yield HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
    yield body


def _forever(head: bytes, piece: bytes) -> Iterator[bytes]:
    yield head
    while True:
        yield piece


def _many_things() -> Iterator[bytes]:
    """As much JSON as is still read, of the smallest parts: what a parser makes of it is what counts."""
    body = json.dumps({"content": [{"type": "text"}] * 50_000, "choices": [{}] * 20_000}).encode()
    yield HEAD + b"content-length: %d\r\n\r\n" % len(body)
    yield body


KINDS = {
    "endless": lambda: _forever(HEAD + b"\r\n", b" " * 65536),
    "endless-chunked": lambda: _forever(HEAD + b"transfer-encoding: chunked\r\n\r\n", _chunked(b" " * 65536)),
    "endless-error": lambda: _forever(HEAD.replace(b"200 OK", b"503 Busy") + b"\r\n", b" " * 65536),
    "endless-events": lambda: _forever(
        HEAD.replace(b"application/json", b"text/event-stream") + b"\r\n", b'data: {"choices":[]}\n\n' * 2000
    ),
    "packed": _packed,
    "endless-headers": lambda: _forever(HEAD, b"x-more: " + b"h" * 8000 + b"\r\n"),
    "endless-interim": lambda: _forever(b"", b"HTTP/1.1 103 Early Hints\r\nlink: " + b"h" * 8000 + b"\r\n\r\n"),
    "many-things": _many_things,
}


class Endless:
    """One kind of answer for every request, on a free loopback port."""

    def __init__(self, kind: str) -> None:
        self._pieces = KINDS[kind]
        self._door = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join(60)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            _read_request(client)
            for piece in self._pieces():
                client.sendall(piece)
