"""What Ansible says in the runs of a request, from the first line on: out of their logs, which have every line.

That somebody spoke is heard on the live stream; a hint, so the logs are looked at every few seconds as well.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Iterator
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
    runs = RunOutputs(actions, status.proposals)
    heard = asyncio.Event()
    hearing = asyncio.create_task(_hear(live, heard))
    said_at = time.monotonic()
    try:
        while runs.open and not hearing.done():
            heard.clear()
            chunk = await asyncio.to_thread(runs.read)
            if chunk or time.monotonic() - said_at > PING_SECONDS:
                said_at = time.monotonic()
                yield chunk or PING
            if not runs.have_more:
                await _wait(heard)
    finally:
        hearing.cancel()


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


class RunOutputs:
    """Of several proposals."""

    def __init__(self, actions: ActionFolders, proposals: Iterable[RequestedProposal]):
        self.open = [RunOutput(actions, one) for one in proposals]
        self._actions = actions
        self._look_at = 0.0
        self._missing: set[str] = set()

    @property
    def have_more(self) -> bool:
        return any(run.has_more for run in self.open)

    def read(self) -> bytes:
        """What they said since; then no more of those that have ended."""
        chunk = b"".join(part for run in self.open for part in run.read())
        chunk += b"".join(run.end(folder) for run, folder in self._never_ran())
        self.open = [run for run in self.open if not run.ended]
        return chunk

    def _never_ran(self) -> Iterator[tuple[RunOutput, Folder]]:
        """Which came to rest without a run. Gone counts as withdrawn, once two looks a while apart saw it nowhere: one
        between two renames sees none."""
        waiting = {run.of.action_id: run for run in self.open if not run.here}
        if not waiting or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + NEXT_LOOK_SECONDS
        places = self._actions.places_of(waiting.keys())
        missing = waiting.keys() - places.keys()
        for own, run in waiting.items():
            folder = places.get(own, Folder.WITHDRAWN if own in self._missing else None)
            if folder in AT_REST and folder not in EXECUTED:  # what ran meanwhile has logs, which come first
                yield run, folder
        self._missing = missing


class RunOutput:
    """The logs of one proposal's run, each read from where the last look ended."""

    def __init__(self, actions: ActionFolders, of: RequestedProposal):
        self.here = self.ended = self.has_more = False
        self.of = of
        self._actions = actions
        self._read_to: dict[str, int] = {}

    def read(self) -> Iterator[bytes]:
        """What was said since; and once that is all that will ever be said, where it ended."""
        self.has_more = False
        found = self._run()  # before reading: what was said before it came to rest is read now
        self.here = found is not None
        if found is None:
            return
        folder, path = found
        for log in sorted(one.name for one in entries(path / "logs") if one.name.endswith(".log")):
            yield from self._lines(path / "logs" / log, ended=folder in EXECUTED)
        if folder in EXECUTED and not self.has_more:
            yield self.end(folder)

    def end(self, folder: Folder) -> bytes:
        self.ended = True
        return self._event("ended", folder=folder)

    def _run(self) -> tuple[Folder, Path] | None:
        places = ((folder, self._actions.folder(folder) / self.of.action_id) for folder in (*EXECUTED, Folder.RUNNING))
        return next((found for found in places if found[1].is_dir() and not found[1].is_symlink()), None)

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
        value = {"host": self.of.host, "action_id": self.of.action_id, **more}
        return f"event: {name}\ndata: {json.dumps(value)}\n\n".encode()


def _block(log: Path, begin: int) -> bytes:
    try:
        with log.open("rb") as handle:
            handle.seek(begin)
            return handle.read(BLOCK_BYTES)
    except OSError:
        return b""
