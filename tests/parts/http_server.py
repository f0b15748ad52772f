"""A threaded HTTP server on a free loopback port that is down when its block ends. Knows no API."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class LoopbackServer:
    """`with LoopbackServer(Handler) as server: server.url`. Handlers run in daemon threads."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        # Head and body are two writes: the second would wait 40 ms for the client's acknowledgement of the first.
        handler.disable_nagle_algorithm = True
        self._server = _Quiet(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a handler that hangs on purpose must not hold up the end of a test

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in mid-answer is what time-out tests do: no traceback for that."""
