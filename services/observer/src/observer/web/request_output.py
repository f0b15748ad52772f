"""What Ansible says in the runs of a request, from the first line on: out of their logs, which have every line.

That somebody spoke is heard on the live stream; a hint, so the logs are looked at every few seconds as well.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.models.proposals import AT_REST, EXECUTED, Folder
from mesh_core.models.requests import RequestedProposal, RequestStatus
from mesh_core.storage.listing import entries
from observer.web.sse import PING, PING_SECONDS, SseBroadcaster

LOOK_SECONDS = 2.0  # without a hint
GATHER_SECONDS = 0.1  # what is said within this goes out at once
NEXT_LOOK_SECONDS = 1.0  # where it lies that has not run: that is looked up in all folders
BLOCK_BYTES = 256 * 1024  # of one log at a time


async def request_output(live: SseBroadcaster, actions: ActionFolders, status: RequestStatus) -> AsyncIterator[bytes]:
    """Server-sent events `output` and `ended`, until all of its proposals came to rest or the observer stops."""
    runs = [RunOutput(actions, one) for one in status.proposals]
    heard = asyncio.Event()
    hearing = asyncio.create_task(_hear(live, heard))
    said_at = time.monotonic()
    try:
        while runs and not hearing.done():
            heard.clear()
            chunk = await asyncio.to_thread(_read, runs)
            runs = [run for run in runs if not run.ended]
            if chunk or time.monotonic() - said_at > PING_SECONDS:
                said_at = time.monotonic()
                yield chunk or PING
            if not any(run.has_more for run in runs):
                await _wait(heard)
    finally:
        hearing.cancel()


def _read(runs: list[RunOutput]) -> bytes:
    return b"".join(part for run in runs for part in run.read())


async def _hear(live: SseBroadcaster, heard: asyncio.Event) -> None:
    """Until the observer stops."""
    try:
        async for _ in live.subscribe():
            heard.set()
    finally:
        heard.set()


async def _wait(heard: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            await heard.wait()
    await asyncio.sleep(GATHER_SECONDS)


class RunOutput:
    """The logs of one proposal's run, each read from where the last look ended."""

    def __init__(self, actions: ActionFolders, of: RequestedProposal):
        self.ended = self.has_more = False
        self._actions = actions
        self._of = of
        self._read_to: dict[str, int] = {}
        self._missing = 0
        self._look_at = 0.0

    def read(self) -> Iterator[bytes]:
        """What was said since; and once that is all that will ever be said, where it ended."""
        self.has_more = False
        found = self._run()  # before reading: what was said before it came to rest is read now
        folder = found[0] if found else self._never_ran()
        if found:
            for log in sorted(one.name for one in entries(found[1] / "logs") if one.name.endswith(".log")):
                yield from self._lines(found[1] / "logs" / log, ended=folder in EXECUTED)
        if folder in AT_REST and not self.has_more:
            self.ended = True
            yield self._event("ended", folder=folder)

    def _run(self) -> tuple[Folder, Path] | None:
        places = ((folder, self._actions.folder(folder) / self._of.action_id) for folder in (*EXECUTED, Folder.RUNNING))
        return next((found for found in places if found[1].is_dir() and not found[1].is_symlink()), None)

    def _never_ran(self) -> Folder | None:
        """Where it came to rest without a run. Gone counts as withdrawn, once two looks a while apart saw it nowhere:
        one between two renames sees none."""
        if time.monotonic() < self._look_at:
            return None
        self._look_at = time.monotonic() + NEXT_LOOK_SECONDS
        folder = self._actions.place_of(self._of.action_id)
        self._missing = 0 if folder else self._missing + 1
        if self._missing > 1:
            return Folder.WITHDRAWN
        return None if folder in EXECUTED else folder  # it has moved just now: its logs come first

    def _lines(self, log: Path, *, ended: bool) -> Iterator[bytes]:
        """Whole lines; of a run that has ended also a last one without its break."""
        begin = self._read_to.get(log.name, 0)
        block = _block(log, begin)
        cut = block.rfind(b"\n") + 1
        if len(block) == BLOCK_BYTES:
            self.has_more = True
            cut = cut or BLOCK_BYTES
        elif ended:
            cut = len(block)
        self._read_to[log.name] = begin + cut
        for line in block[:cut].decode("utf-8", "replace").splitlines():
            yield self._event("output", stage=log.stem.partition("_")[2], line=line)

    def _event(self, name: str, **more: object) -> bytes:
        value = {"host": self._of.host, "action_id": self._of.action_id, **more}
        return f"event: {name}\ndata: {json.dumps(value)}\n\n".encode()


def _block(log: Path, begin: int) -> bytes:
    try:
        with log.open("rb") as handle:
            handle.seek(begin)
            return handle.read(BLOCK_BYTES)
    except OSError:
        return b""
