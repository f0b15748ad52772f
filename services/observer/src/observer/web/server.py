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
from observer.live import Live
from observer.web.connections import HEAD_BYTES, BoundedProtocol, Waiting

RETRY_SECONDS = 5.0
GOODBYE_SECONDS = 3  # what open answers get after the service was told to stop
KEEP_ALIVE_SECONDS = 30

log = structlog.get_logger()


class _Quiet(uvicorn.Server):
    """Leaves signals alone: serve() owns them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """`run` is a part of the service. `host`, `port`: where; the port is tried again while somebody else has it."""

    def __init__(self, app: ASGIApp, live: Live, host: str, port: int):
        self._app = app
        self._live = live
        self._host = host
        self._port = port

    async def run(self, stop: asyncio.Event) -> None:
        listener = await self._listen(stop)
        if listener is None:
            return
        server = _Quiet(
            uvicorn.Config(
                self._app,
                http=partial(BoundedProtocol, waiting=Waiting()),  # type: ignore[arg-type]
                h11_max_incomplete_event_size=HEAD_BYTES,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # who a proxy speaks for is decided by our own settings
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GOODBYE_SECONDS,
                limit_concurrency=500,
                lifespan="off",
            )
        )
        log.info("web.listening", url=f"http://{self._host}:{self._port}")
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._live.close()
            server.should_exit = True
            await serving
        finally:
            stopping.cancel()
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
