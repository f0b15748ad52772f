"""The part of the observer that listens on HTTP. Ends with the service; a taken port never takes the observer down."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial

import structlog
import uvicorn
from starlette.types import ASGIApp

from mesh_core.runtime.service import pause
from observer.web.connections import HEAD_BYTES, BoundedProtocol, PendingConnections
from observer.web.sse import SseBroadcaster

RETRY_SECONDS = 5.0
GOODBYE_SECONDS = 3  # what open answers get after the service was told to stop
KEEP_ALIVE_SECONDS = 30

log = structlog.get_logger()


class _Server(uvicorn.Server):
    """Leaves signals alone, serve() owns them; waits to be stopped where uvicorn looks ten times a second."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event, sse: SseBroadcaster):
        super().__init__(config)
        self._stop = stop
        self._sse = sse

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self._stop.wait()
        self._sse.close()  # open streams end by themselves then, and nobody waits for them


class WebServer:
    """`run` is a part of the service. `host`, `port`: where; the port is tried again while somebody else has it."""

    def __init__(self, app: ASGIApp, sse: SseBroadcaster, host: str, port: int):
        self._app = app
        self._sse = sse
        self._host = host
        self._port = port

    async def run(self, stop: asyncio.Event) -> None:
        listener = await self._listen(stop)
        if listener is None:
            return
        server = _Server(
            uvicorn.Config(
                self._app,
                http=partial(BoundedProtocol, waiting=PendingConnections()),  # type: ignore[arg-type]
                h11_max_incomplete_event_size=HEAD_BYTES,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,  # uvicorn would renew it on its tick; BoundedProtocol asks the clock
                proxy_headers=False,  # who a proxy speaks for is decided by our own settings
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GOODBYE_SECONDS,
                limit_concurrency=500,
                lifespan="off",
            ),
            stop,
            self._sse,
        )
        log.info("web.listening", url=f"http://{self._host}:{self._port}")
        try:
            await server.serve(sockets=[listener])
        finally:
            listener.close()

    async def _listen(self, stop: asyncio.Event) -> socket.socket | None:
        """The listening socket, or None when it is time to stop."""
        while not stop.is_set():
            try:
                family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
                return socket.create_server((self._host, self._port), family=family, backlog=512)
            except OSError as error:
                log.error("web.cannot_listen", host=self._host, port=self._port, reason=str(error))
                await pause(stop, RETRY_SECONDS)
        return None
