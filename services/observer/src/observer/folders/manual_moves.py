"""What people moved by hand between pending/, approved/ and rejected/, told as action updates: nobody else does.

A plain `mv` needs no Redis and no command, so it leaves no message; the folders are the truth and this only reads them.
The once keys are those of the executor, so that a move which it reports as well is said once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog

from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.approvals.proposal_files import REASON_SUFFIX, ActionName, actor_and_reason, name_of
from mesh_core.messaging.bus import IDEMPOTENCY_SECONDS, Bus
from mesh_core.models.proposals import ActionUpdate, Folder, Proposal
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.models.streams import MOVES_STREAM
from mesh_core.runtime.metrics import DECIDED
from mesh_core.storage.files import read_regular

WATCHED = (Folder.PENDING, Folder.REJECTED, Folder.APPROVED)
REASON_BYTES = 4096
FORGET_SECONDS = IDEMPOTENCY_SECONDS - 86_400  # older moves may have lost the key that says they were told

log = structlog.get_logger()


@dataclass(frozen=True)
class ManualMove:
    name: ActionName
    source: Folder
    target: Folder


class MoveListener(Protocol):
    """Is told of all that people did, needs no Redis, and knows by itself what it has heard before. Raises OSError."""

    async def moved(
        self, name: ActionName, source: Folder, target: Folder, actor: str, reason: str, uid: int | None, at: float
    ) -> None: ...

    async def waiting(self, name: ActionName, proposal: Proposal, uid: int, at: float) -> None: ...


class ManualMoves:
    """Remembers in memory where each proposal lay; after a restart everything that was decided is told again (once)."""

    def __init__(
        self,
        bus: Bus,
        actions: ActionFolders,
        *,
        wall: Callable[[], float] = time.time,
        listener: MoveListener | None = None,
    ):
        self._bus = bus
        self._actions = actions
        self._wall = wall
        self._listener = listener
        self._unheard: dict[tuple[str, str, str], Callable[[], Awaitable[None]]] = {}
        self._digests: dict[str, str] = {}
        self._where: dict[str, Folder] = {}
        self._waiting: set[str] = set()

    async def look(self) -> bool:
        """Tell each move since the last look; False when one has to be looked at again soon.

        Raises BusDown; what was not told is told at the next look.
        """
        there = await asyncio.to_thread(self._locate)
        if self._listener is not None:
            await asyncio.to_thread(self._note_waiting, self._listener, there)
            await self._hear()
        settled = True
        for name, folder in there.values():
            before = self._where.get(name.id)
            if folder is not before:
                if before is not None or folder is not Folder.PENDING:
                    move = ManualMove(name, before or Folder.PENDING, folder)
                    if not await self._tell(move):
                        settled = False
                        continue
                self._where[name.id] = folder
        self._where = {action_id: folder for action_id, folder in self._where.items() if action_id in there}
        self._waiting &= there.keys()
        return settled and not self._unheard

    def _locate(self) -> dict[str, tuple[ActionName, Folder]]:
        found: dict[str, tuple[ActionName, Folder]] = {}
        for folder in WATCHED:
            try:
                entries = list(self._actions.folder(folder).iterdir())
            except (FileNotFoundError, PermissionError):  # not made yet, or not ours to read
                continue
            for path in entries:
                if name := name_of(path.name):
                    found[name.id] = (name, folder)
        return found

    async def _tell(self, move: ManualMove) -> bool:
        """False: the reason is not written yet, look again."""
        path = self._actions.folder(move.target) / move.name.file
        try:
            moved_at = path.lstat().st_ctime
        except FileNotFoundError:
            return True  # moved on already: whoever did that says so
        if self._wall() - moved_at > FORGET_SECONDS:
            return True
        proposal = await asyncio.to_thread(self._actions.proposal_at, path)
        if proposal is None or proposal.id != move.name.id:
            return True  # no proposal: the executor's intake has a word for it
        actor, reason = "mv", ""
        if move.target is Folder.APPROVED:
            actor = self._actions.approver(move.name)
            reason = proposal.reason if proposal.preview_of else ""  # whose preview that is
        elif move.target is Folder.REJECTED:
            text = read_regular(path.with_name(path.name + REASON_SUFFIX), REASON_BYTES)
            if text is None and move.name.id not in self._waiting:
                self._waiting.add(move.name.id)  # a person may write one right after the mv
                return False
            actor, reason = actor_and_reason(text or b"")
        if self._listener is not None:
            self._note_move(self._listener, move, actor, reason, path, moved_at)
            await self._hear()
        await self._publish(move, proposal, actor, reason)
        return True

    async def _hear(self) -> None:
        """Tell the listener what it has not heard; what it cannot take now it is told at the next look."""
        for key, tell in list(self._unheard.items()):
            try:
                await tell()
            except OSError as error:
                log.warning("manual_moves.later", waiting=len(self._unheard), error=str(error))
                return
            self._unheard.pop(key, None)

    def _note_move(
        self, listener: MoveListener, move: ManualMove, actor: str, reason: str, path: Path, at: float
    ) -> None:
        uid = None
        if move.target is Folder.REJECTED and actor != "mv":  # the note in approved/ says its owner itself
            try:
                uid = path.with_name(path.name + REASON_SUFFIX).lstat().st_uid
            except OSError:
                uid = None
        tell = partial(listener.moved, move.name, move.source, move.target, actor, reason, uid, at)
        self._unheard[(move.name.id, move.name.digest, move.target)] = tell

    def _note_waiting(self, listener: MoveListener, there: dict[str, tuple[ActionName, Folder]]) -> None:
        """Files of pending/ that were not there at the last look."""
        for name, folder in there.values():
            if folder is not Folder.PENDING or self._digests.get(name.id) == name.digest:
                continue
            path = self._actions.folder(folder) / name.file
            try:
                status = path.lstat()
            except OSError:
                continue
            self._digests[name.id] = name.digest
            proposal = self._actions.proposal_at(path)
            young = self._wall() - status.st_ctime < FORGET_SECONDS
            if proposal is not None and proposal.id == name.id and young:
                tell = partial(listener.waiting, name, proposal, status.st_uid, status.st_ctime)
                self._unheard[(name.id, name.digest, "")] = tell
        self._digests = {action_id: digest for action_id, digest in self._digests.items() if action_id in there}

    async def _publish(self, move: ManualMove, proposal: Proposal, actor: str, reason: str) -> None:
        timestamp = rfc3339(utc_now())
        update = ActionUpdate.of(proposal, move.source, move.target, actor=actor, timestamp=timestamp, reason=reason)
        if await self._bus.publish(
            update, idempotency_key=f"{move.name.id}:{move.source}:{move.target}", stream=MOVES_STREAM
        ):
            DECIDED.add(move.target)
            log.info(
                "manual_moves.reported", action_id=move.name.id, source=move.source, target=move.target, actor=actor
            )
