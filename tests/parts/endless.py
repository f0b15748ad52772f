"""A server whose answers never end, or end larger than they look: each kind of body that eats a client's memory.

`with Endless("packed") as server: server.url`. It writes as fast as the client reads, until the client hangs up.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

from parts.http_server import LoopbackServer

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
MEBIBYTE = 1024 * 1024
BOMB_MEBIBYTES = 512


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


class Endless(LoopbackServer):
    """One kind of answer for every request."""

    def __init__(self, kind: str) -> None:
        pieces = KINDS[kind]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                # All of the question first: closing over unread bytes resets the connection before the answer is read.
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                for piece in pieces():
                    self.wfile.write(piece)

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                """Quiet: the client's side is what counts."""

        super().__init__(Handler)
