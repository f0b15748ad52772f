"""Connections at the port: how long a request may take to be said, and how many may be unsaid at the same time.

uvicorn speaks HTTP here (its h11 protocol, because that one bounds the head of a request; httptools does not) and this
adds what it leaves open: a head has a deadline, and connections that wait for their request are few. Whoever opens more
pushes out the oldest one that waits, never one that is being answered: so slow strangers are in each other's way only.
The date of an answer is that of its request: uvicorn's own needs a clock that ticks all day.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import Any

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_BYTES = 32 * 1024
HEAD_SECONDS = 10.0
MOST_WAITING = 200

log = structlog.get_logger()


class PendingConnections:
    """The connections whose request is not whole yet, oldest first. One for each port."""

    def __init__(self, most: int = MOST_WAITING, head_seconds: float = HEAD_SECONDS):
        self.head_seconds = head_seconds
        self._most = most
        self._connections: dict[BoundedProtocol, None] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: BoundedProtocol) -> None:
        """It waits from now on; the one that has waited longest goes if there are too many."""
        self._connections.pop(connection, None)
        self._connections[connection] = None
        if len(self._connections) > self._most:
            oldest = next(iter(self._connections))
            self.remove(oldest)
            oldest.give_up("too_many_waiting")

    def remove(self, connection: BoundedProtocol) -> None:
        self._connections.pop(connection, None)


class BoundedProtocol(H11Protocol):
    """`waiting` is shared by all connections of a port."""

    def __init__(self, *arguments: Any, waiting: PendingConnections, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._waiting = waiting
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting.add(self)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        if self.conn.their_state is h11.IDLE and self._deadline is None:
            self._await_head()  # the first bytes of the next request on an open connection
        self.server_state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting_for_the_head()
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._waiting.remove(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._waiting.remove(self)
        elif self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._waiting.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting_for_the_head()
        self._waiting.remove(self)
        super().connection_lost(exc)

    def give_up(self, reason: str) -> None:
        """Close at once; nothing is owed to a request that was never said."""
        log.info("web.connection_given_up", reason=reason, address=self.client[0] if self.client else "")
        self._stop_waiting_for_the_head()
        self._waiting.remove(self)
        self.transport.abort()

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self._waiting.head_seconds, self.give_up, "request_too_slow")

    def _stop_waiting_for_the_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
