"""The Docker engine's API, read-only: events, lists, one container, its last log lines. Never changes a container.

Paths carry no version, so the engine answers with its newest. Also speaks to Podman's compatible socket.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

from node_agent.checks.evidence import LOG_LINES, clean_lines
from node_agent.protocols.http_address import HttpAddress, parse_address
from node_agent.protocols.http_client import HttpConnectionError, open_stream, request

REPLY_SECONDS = 10.0
MEMORY_EVENTS = 256
MEMORY_SECONDS = 600.0  # how far back it is asked at all
# Only these travel to us: each health probe makes three exec_* events. `health_status` makes the engine match by
# prefix, because its real names are `health_status: unhealthy` and `health_status: healthy` (with a blank).
EVENTS = ("start", "die", "oom", "kill", "stop", "destroy", "rename", "health_status", "pause", "unpause")


class EngineError(ConnectionError):
    """The engine answered with an error; the text is its own."""


class Engine:
    """One engine. Each call is a connection of its own; the event stream is the only lasting one."""

    def __init__(self, host: str):
        self.address: HttpAddress = parse_address(host)

    async def version(self) -> str:
        """Its version, or HttpConnectionError if nobody answers."""
        return str((await self._json("/version")).get("Version", "?"))

    async def data_root(self) -> str:
        """The folder on its host where it keeps everything; '' where it does not say."""
        return str((await self._json("/info")).get("DockerRootDir") or "")

    async def space(self) -> dict[str, Any]:
        """What it counts of images and build cache; long on a large engine. Older ones count the rest as well."""
        told = await self._json("/system/df?type=image&type=build-cache")
        return told if isinstance(told, dict) else {}

    async def containers(self) -> list[dict[str, Any]]:
        """All containers, stopped ones too, in short form."""
        rows = await self._json("/containers/json?all=1")
        return [row for row in rows if isinstance(row, dict)]

    async def container(self, name: str) -> dict[str, Any] | None:
        """One container in full by id or name; None if there is none."""
        try:
            found: dict[str, Any] = await self._json(f"/containers/{quote(name, safe='')}/json")
        except _Missing:
            return None
        return found

    async def image(self, name: str) -> dict[str, Any] | None:
        """One image in full by id or name; None if there is none."""
        try:
            found: dict[str, Any] = await self._json(f"/images/{quote(name, safe='')}/json")
        except _Missing:
            return None
        return found

    async def pulls(self, since: float) -> list[Any]:
        """Its events about images that were pulled from `since` (unix seconds) until now. HttpConnectionError."""
        filters = quote(json.dumps({"type": ["image"], "event": ["pull"]}))
        path = f"/events?since={since:.0f}&until={time.time():.0f}&filters={filters}"
        response = await request(self.address, path, seconds=REPLY_SECONDS)
        if response.status != 200:
            raise EngineError(f"the engine answered {response.status} to /events")
        try:
            return [json.loads(line) for line in response.body.splitlines() if line.strip()]
        except ValueError as error:
            raise HttpConnectionError(f"the engine's answer to /events is not JSON: {error}") from error

    async def logs(self, container_id: str, *, tty: bool, lines: int = LOG_LINES) -> list[str]:
        """Its last lines, cleaned; empty if the log driver keeps none."""
        path = f"/containers/{quote(container_id, safe='')}/logs?stdout=1&stderr=1&tail={lines}"
        response = await request(self.address, path, seconds=REPLY_SECONDS, limit=512 * 1024)
        if response.status != 200:
            return []
        return clean_lines(response.body if tty else _demultiplexed(response.body), lines)

    async def started_after(self, at: float) -> bool:
        """Was its process started after that time (unix seconds)? False where it does not say; HttpConnectionError.

        An engine keeps its last 256 events in memory and none of an earlier process; Podman's lie on the disk, which
        is right as well: its containers do not end with it.
        """
        path = f"/events?since={max(0.0, at - MEMORY_SECONDS):.9f}&until={time.time():.9f}"
        try:
            response = await request(self.address, path, seconds=REPLY_SECONDS)
        except HttpConnectionError as error:
            if error.__cause__ is not None:
                raise
            return False  # its clock is behind ours: for it, the end of that time is still to come
        if response.status != 200:  # a proxy before an engine that is not up yet
            raise EngineError(f"the engine answered {response.status} to /events")
        try:
            events = [json.loads(line) for line in response.body.splitlines() if line.strip()]
            times = [int(event["timeNano"]) / 1e9 for event in events]
        except (ValueError, KeyError, TypeError):
            return False
        return len(times) < MEMORY_EVENTS and all(told > at for told in times)

    async def events(self, since: float, opened: Callable[[], None]) -> AsyncIterator[dict[str, Any]]:
        """Container events from `since` (unix seconds; the engine remembers its last 256) and then as they happen.

        Calls `opened` once the stream is up. Ends or raises HttpConnectionError when the engine goes away.
        """
        filters = quote(json.dumps({"type": ["container"], "event": list(EVENTS)}))
        async with open_stream(
            self.address, f"/events?since={since:.9f}&filters={filters}", seconds=REPLY_SECONDS
        ) as stream:
            if stream.status != 200:
                raise EngineError(f"the engine answered {stream.status} to /events")
            opened()
            buffer = b""
            async for chunk in stream.chunks():
                buffer += chunk
                *whole, buffer = buffer.split(b"\n")
                for line in whole:
                    if line.strip():
                        yield json.loads(line)

    async def _json(self, path: str) -> Any:
        response = await request(self.address, path, seconds=REPLY_SECONDS)
        if response.status == 404:
            raise _Missing(path)
        if response.status != 200:
            raise EngineError(f"the engine answered {response.status} to {path}: {response.body[:200]!r}")
        try:
            return json.loads(response.body)
        except ValueError as error:
            raise HttpConnectionError(f"the engine's answer to {path} is not JSON: {error}") from error


class _Missing(LookupError):
    pass


def _demultiplexed(raw: bytes) -> bytes:
    """Log frames (8 bytes of head: stream, 3 zero bytes, length) without their heads."""
    pieces = []
    at = 0
    while at + 8 <= len(raw):
        size = int.from_bytes(raw[at + 4 : at + 8], "big")
        pieces.append(raw[at + 8 : at + 8 + size])
        at += 8 + size
    return b"".join(pieces)
