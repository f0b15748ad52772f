"""A network that loses replies: the request arrives at the server and takes effect, the answer never comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from mesh_core.testing import RedisServer


class LossyLine:
    """A small TCP proxy before a Redis. `lose = b"XADD"`: the next reply to a request with these bytes is lost."""

    def __init__(self, server: RedisServer):
        self._upstream = server.port
        self.lose: bytes | None = None
        self.lost = 0
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> LossyLine:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"
        return self

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        losing = asyncio.Event()

        async def ask() -> None:
            while data := await reader.read(65536):
                if self.lose is not None and self.lose in data.upper():
                    self.lose = None
                    losing.set()
                up_writer.write(data)

        async def answer() -> None:
            while data := await up_reader.read(65536):
                if losing.is_set():
                    self.lost += 1
                    return
                writer.write(data)

        halves = [asyncio.create_task(ask()), asyncio.create_task(answer())]
        try:
            await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # No await before both are closed: a second cancellation would leave the other one open.
            writer.close()
            up_writer.close()
            for half in halves:
                half.cancel()
            await asyncio.gather(*halves, return_exceptions=True)


@pytest.fixture
async def lossy() -> AsyncIterator[Callable[[RedisServer], Awaitable[LossyLine]]]:
    """Put a lossy line before a server."""
    lines: list[LossyLine] = []

    async def before(server: RedisServer) -> LossyLine:
        lines.append(await LossyLine(server).open())
        return lines[-1]

    yield before
    for line in lines:
        await line.close()
