"""Who decided what, told by whoever saw it: the web, the watch over the folders, the executor's updates. Each once.

A decision is known by proposal, digest and the folder it led to: it is written down only if that is another place than
the last one written for that proposal, whoever comes first to tell. Moves nothing.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from mesh_core.approvals.action_folders import BY_FILE, ActionFolders
from mesh_core.approvals.proposal_files import ActionName, approval_at
from mesh_core.models.proposals import ActionUpdate, Folder, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.storage.audit_log import AuditLine
from observer.audit.digests import digest_of_action, lies_in
from observer.audit.entry import AuditEntry
from observer.audit.log import AuditLog
from observer.audit.text import BY_PEOPLE, what_for, who_and_how
from observer.auth.person import Person

MOST_PLACES = 50_000
MOST_OWN = 5_000
ONLY_SAID = "only an update says so, nothing of it lies in the folders"
FAILURES_AN_HOUR = 60  # written down one by one; more of them are counted, so that guessing fills no disk

log = structlog.get_logger()
K = TypeVar("K")
V = TypeVar("V")


class Auditor:
    """`log` must be open. The methods raise AuditDown; who only watches tries again later. `on_line`: one more line."""

    def __init__(
        self,
        audit_log: AuditLog,
        actions: ActionFolders,
        *,
        wall: Callable[[], float] = time.time,
        on_line: Callable[[], None] = lambda: None,
    ):
        self.log = audit_log
        self._on_line = on_line
        self._actions = actions
        self._wall = wall
        self._uid = os.getuid()
        self._turn = asyncio.Lock()
        self._places: OrderedDict[str, tuple[str, str]] = OrderedDict()
        # What was seen in the folders comes by the stream as well.
        self._own: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        # An executor reports again what Redis may have lost: the same move, of the same moment, under another id.
        self._written: OrderedDict[tuple[str, str, str, str], None] = OrderedDict()
        self.last_source = ""  # the stream entry behind the newest line that came from one
        self._hour = 0
        self._failures = 0

    def remember(self, line: AuditLine) -> None:
        """A line of an earlier life; they come newest first."""
        self.last_source = self.last_source or line.source
        if line.action_id and line.to_folder:
            self._places.setdefault(line.action_id, (line.digest, line.to_folder))
            self._places.move_to_end(line.action_id, last=False)
            if not line.source:
                _recall(self._own, (line.action_id, line.from_folder, line.to_folder))
            _recall(self._written, (line.action_id, line.from_folder, line.to_folder, line.at))

    async def close(self) -> None:
        self.log.close()

    async def note(self, verb: str, actor: str, how: str, *, reason: str = "", address: str = "") -> AuditLine:
        """Something that is no move of a proposal: a sign-in, a silence, another user."""
        async with self._turn:
            return await self._write(AuditEntry(what=verb, who=actor, how=how, reason=reason, address=address))

    async def sign_in_failed(self, actor: str, address: str, reason: str) -> None:
        async with self._turn:
            await self._count_failure()
            if self._failures <= FAILURES_AN_HOUR:
                await self._write(_failed_sign_in(actor, reason, address))

    @asynccontextmanager
    async def deciding(self, person: Person) -> AsyncIterator[DecisionAudit]:
        """Around a person's verb on the web: refused beforehand when it could not be written down (AuditDown).

        The watch over the folders waits until it is written, and so finds nothing new.
        """
        async with self._turn:
            await asyncio.to_thread(self.log.check)
            yield DecisionAudit(self, person)

    async def moved(
        self, name: ActionName, source: Folder, target: Folder, actor: str, reason: str, uid: int | None, at: float
    ) -> None:
        """A file was seen in another folder. `uid`: whose the note beside it is; `at`: when, in seconds since 1970."""
        async with self._turn:
            self._is_own(name.id, source, target)
            who, how = who_and_how(actor, self._uid, uid)
            entry = AuditEntry(who=who, how=how, reason=reason, at=_time(at))
            await self._move(entry, name.id, name.digest, source, target)

    async def waiting(self, name: ActionName, proposal: Proposal, uid: int, at: float) -> None:
        """A file was seen in pending/ for the first time: new, an edit, a retry, an undo. `uid`: whose it is."""
        async with self._turn:
            known = self._places.get(name.id)
            if known is None and (proposal.attempt > 1 or proposal.undoes):
                what = "retry" if proposal.attempt > 1 else "undo"
                entry = AuditEntry(what=what, who=f"{user_name(uid)} (uid {uid})", how="mend", at=_time(at))
                await self._placed(entry, name.id, name.digest, "", Folder.PENDING)
            elif proposal.edited_by and (known is None or name.digest != known[0]):
                who, how = who_and_how(proposal.edited_by, self._uid, uid)
                entry = AuditEntry(what="edit", who=who, how=how, at=_time(at))
                await self._placed(entry, name.id, name.digest, Folder.PENDING, Folder.PENDING)

    async def updated(self, update: ActionUpdate, source: str) -> None:
        """An update of the stream: what was too quick for the watch, and what the executor and the planner did."""
        if not update.from_folder:
            return  # a new proposal is nobody's decision
        async with self._turn:
            move = (update.action_id, update.from_folder, update.to_folder)
            if move in self._own or (*move, update.ts) in self._written:
                return
            digest = await asyncio.to_thread(digest_of_action, self._actions, update.action_id, update.to_folder)
            seen = bool(digest) or await asyncio.to_thread(lies_in, self._actions, update.action_id, update.to_folder)
            reason = update.reason if seen else f"{ONLY_SAID}; {update.reason}".strip("; ")
            who, how = update.by, update.by.partition("@")[0].partition("-")[0]
            if update.to_folder in BY_PEOPLE:
                who, how = who_and_how(update.by, self._uid)
            entry = AuditEntry(who=who, how=how, reason=reason, at=update.ts, source=source)
            if update.to_folder == Folder.RUNNING:
                await self._approved_before(update, digest, source)
            await self._move(entry, update.action_id, digest, update.from_folder, update.to_folder)

    async def _approved_before(self, update: ActionUpdate, digest: str, source: str) -> None:
        """What runs was approved, also when that was over before anybody looked (a second yes after a take-back)."""
        place = self._places.get(update.action_id)
        if place is not None and place[1] in (Folder.APPROVED, Folder.RUNNING):
            return
        actor = await asyncio.to_thread(self._approver, update.action_id)
        who, how = who_and_how(actor, self._uid)
        entry = AuditEntry(who=who, how=how, at=update.ts, source=source)
        await self._move(entry, update.action_id, digest, Folder.PENDING, Folder.APPROVED)

    def _approver(self, action_id: str) -> str:
        for folder in (Folder.RUNNING, Folder.DONE, Folder.FAILED, Folder.INTERRUPTED, Folder.WITHDRAWN):
            run = self._actions.folder(folder) / action_id
            if run.is_dir():
                return approval_at(run / BY_FILE).actor
        return "mv"

    async def _decided(
        self, person: Person, verb: str, name: ActionName, source: str, target: str, reason: str
    ) -> None:
        self._is_own(name.id, source, target)
        entry = AuditEntry(what=verb, who=person.name, how="web", reason=reason, address=person.address)
        await self._placed(entry, name.id, name.digest, source, target)

    async def _move(self, entry: AuditEntry, action_id: str, digest: str, source: str, target: str) -> None:
        """Unless it is known to lie there."""
        known = self._places.get(action_id)
        if known is not None and known[1] == target and (not digest or not known[0] or digest == known[0]):
            return
        digest = digest or (known[0] if known else "")
        await self._placed(replace(entry, what=what_for(target)), action_id, digest, source, target)

    async def _placed(self, entry: AuditEntry, action_id: str, digest: str, source: str, target: str) -> None:
        entry = replace(entry, action_id=action_id, digest=digest, from_folder=str(source), to_folder=str(target))
        await self._write(entry)
        _keep(self._written, entry.move, None, MOST_OWN)
        _keep(self._places, action_id, (digest, entry.to_folder), MOST_PLACES)

    async def _write(self, entry: AuditEntry) -> AuditLine:
        fields = {"at": _time(self._wall()), **entry.fields()}
        # Shielded: a request that is given up half-way must not leave a line that nobody waits for.
        line = await asyncio.shield(asyncio.to_thread(self.log.append, fields))
        self._on_line()
        log.info("audit.noted", seq=line.seq, verb=line.what, actor=line.who, how=line.how, action_id=line.action_id)
        return line

    def _is_own(self, action_id: str, source: str, target: str) -> None:
        _keep(self._own, (action_id, str(source), str(target)), None, MOST_OWN)

    async def _count_failure(self) -> None:
        hour = int(self._wall() // 3600)
        if hour != self._hour:
            more = self._failures - FAILURES_AN_HOUR
            self._hour, self._failures = hour, 0
            if more > 0:
                await self._write(_failed_sign_in("", f"{more} more in the hour before this"))
        self._failures += 1


class DecisionAudit:
    """Says what a person's verb came to, while everybody else waits for the log."""

    def __init__(self, auditor: Auditor, person: Person):
        self._auditor = auditor
        self._person = person

    async def done(self, verb: str, name: ActionName, source: str, target: str, reason: str = "") -> None:
        """The rename is done. A log that fails now does not undo it: the watch over the folders tells it later."""
        try:
            await self._auditor._decided(self._person, verb, name, source, target, reason)
        except OSError as error:
            log.error("audit.told_later", action_id=name.id, verb=verb, reason=str(error))


def _failed_sign_in(actor: str, reason: str, address: str = "") -> AuditEntry:
    return AuditEntry(what="login_failed", who=actor or "somebody", how="web", reason=reason, address=address)


def _time(seconds: float) -> str:
    return rfc3339(datetime.fromtimestamp(seconds, UTC))


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return "somebody"


def _recall(kept: OrderedDict[K, None], key: K) -> None:
    """As the oldest, where there is room."""
    if len(kept) < MOST_OWN and key not in kept:
        kept[key] = None
        kept.move_to_end(key, last=False)


def _keep(kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """As the newest; the oldest go."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
