"""Server-sent events: what the bus's channels say right now, read once, written once, handed to all subscribers.

Two more names are the observer's own: `index` when the archive's index has taken something in, `audit` when the audit
log has a new line. A list that is read from there is old then, and not yet when the event itself is told.

A hint, never the truth: a subscriber that was too slow, or a Redis that was away, is told `lag` and reads the lists
again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Literal

import structlog
from fastapi.responses import StreamingResponse

from mesh_core.messaging.bus import DOWN, client_for
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import HealthEvent, WorldUpdate
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.requests import RequestUpdate
from mesh_core.runtime.service import pause, until_stopped

OUTPUT_CHANNEL = "executor_output"
# The channel, and the name of its server-sent events.
EVENT_NAMES = {
    HealthEvent.channel: "event",
    WorldUpdate.channel: "world",
    ActionUpdate.channel: "action",
    ModelAttempt.channel: "attempt",
    RequestUpdate.channel: "request",
    OUTPUT_CHANNEL: "output",
}
GATHER_SECONDS = 0.05  # what comes within this goes out in one write: 50 viewers cost 1,000 writes/s, not 5,000
LONGEST_CHUNK = 256
CHUNK_BYTES = 256 * 1024  # and 64 of these wait for a slow subscriber: 16 MiB
LONGEST_MESSAGE = 64 * 1024  # what the mesh itself says is shorter; anybody may publish a megabyte
QUEUE_CHUNKS = 64
PING_SECONDS = 15.0
LISTEN_SECONDS = 60.0  # one wait for a message; a stop does not wait for its end
RETRY_SECONDS = 0.5
LAG = b"event: lag\ndata: {}\n\n"
PING = b": ping\n\n"

log = structlog.get_logger()


class SseBroadcaster:
    """`run` is a part of the service; `subscribe` is one viewer. Messages are JSON on one line, checked,
    never changed."""

    def __init__(self, redis_url: str, name: str):
        self._redis_url = redis_url
        self._name = name
        self._subscribers: set[asyncio.Queue[bytes | None]] = set()
        self._acknowledged: set[object] = set()
        self._gap = False
        self._closed = False

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until told to stop; reconnects for ever."""
        await until_stopped(stop, self._listen_for_ever(stop))

    def close(self) -> None:
        """Say goodbye to every viewer, and take no more."""
        self._closed = True
        for queue in self._subscribers:
            _put(queue, None)

    async def subscribe(self) -> AsyncIterator[bytes]:
        """Server-sent events for one viewer, until it leaves or the observer stops."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_CHUNKS)
        self._subscribers.add(queue)
        try:
            yield hello(len(self._subscribers))
            while not self._closed:
                try:
                    async with asyncio.timeout(PING_SECONDS):
                        chunk = await queue.get()
                except TimeoutError:
                    chunk = PING
                if chunk is None:
                    return
                yield chunk
        finally:
            self._subscribers.discard(queue)

    def broadcast(self, chunk: bytes) -> None:
        """One write to every viewer; one that has not kept up loses what waits for it and is told so."""
        for queue in self._subscribers:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(LAG)
            queue.put_nowait(chunk)

    def notify_changed(self, list_name: Literal["index", "audit"]) -> None:
        """What is read from there may be old from now on."""
        if self._subscribers:
            self.broadcast(b"event: %s\ndata: {}\n\n" % list_name.encode())

    async def _listen_for_ever(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._listen(stop)
            except DOWN as error:
                self._gap = True  # until every channel is acknowledged again
                self._acknowledged.clear()
                log.warning("sse.redis_away", error=str(error))
                await pause(stop, RETRY_SECONDS)

    async def _listen(self, stop: asyncio.Event) -> None:
        client = client_for(self._redis_url, f"{self._name}-live", reply_seconds=LISTEN_SECONDS + 5)
        try:
            async with client.pubsub() as listener:
                await listener.subscribe(*EVENT_NAMES)
                while not stop.is_set():
                    message = await listener.get_message(timeout=LISTEN_SECONDS)
                    gathered: list[dict[str, object]] = []
                    size = 0
                    if message is not None:
                        loop = asyncio.get_running_loop()
                        until = loop.time() + GATHER_SECONDS
                        while message is not None:
                            length = _length(message)
                            if length <= LONGEST_MESSAGE:
                                gathered.append(message)
                                size += length
                            left = until - loop.time()
                            if left <= 0 or len(gathered) >= LONGEST_CHUNK or size >= CHUNK_BYTES:
                                break
                            message = await listener.get_message(timeout=left)
                        self._handle(gathered)
        finally:
            await client.aclose()

    def _handle(self, messages: list[dict[str, object]]) -> None:
        events = []
        for message in messages:
            if message["type"] == "subscribe":
                # A channel acknowledged once more was subscribed anew: there was a gap, over when all of them are.
                if message["channel"] in self._acknowledged:
                    self._acknowledged.clear()
                    self._gap = True
                self._acknowledged.add(message["channel"])
                if self._gap and len(self._acknowledged) == len(EVENT_NAMES):
                    self._gap = False
                    events.append(LAG)
            elif message["type"] == "message":
                channel, data = message["channel"], message["data"]
                if isinstance(channel, bytes) and isinstance(data, bytes) and (sent := as_sse(channel.decode(), data)):
                    events.append(sent)
        if events and self._subscribers:
            self.broadcast(b"".join(events))


def _length(message: dict[str, object]) -> int:
    data = message["data"]
    return len(data) if isinstance(data, bytes) else 0


def hello(subscribers: int) -> bytes:
    """The first event: how many look, so that each page asks the less often."""
    return b'event: hello\ndata: {"viewers": %d}\n\n' % subscribers


def event_stream(chunks: AsyncIterator[bytes]) -> StreamingResponse:
    """An answer that goes on as long as there are chunks; no proxy may keep it back."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(chunks, media_type="text/event-stream", headers=headers)


def as_sse(channel: str, raw: bytes) -> bytes | None:
    """One server-sent event, on one line; None for what is not a JSON object."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    line = raw if b"\n" not in raw and b"\r" not in raw else json.dumps(value).encode()
    return b"event: " + EVENT_NAMES[channel].encode() + b"\ndata: " + line + b"\n\n"


def _put(queue: asyncio.Queue[bytes | None], chunk: bytes | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(chunk)
