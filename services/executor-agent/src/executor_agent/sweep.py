"""One round over approved/ and pending/: what may run is claimed, what may not is put aside with a sentence, what came
too late expires. Decides by intake and ledger; runs nothing. Every step is short; none waits for a file.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from executor_agent.intake import MARK, Accepted, Candidate, Late, Refused, judge, look_at
from executor_agent.ledger import Ledger, Run
from executor_agent.report import Outbox, Told, moved
from executor_agent.rules import RulesReader
from mesh_core.actions.reading import read_proposal
from mesh_core.approvals.proposal_files import BY_SUFFIX, name_of
from mesh_core.approvals.store import Actions
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Folder, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.runtime.metrics import APPROVE_TO_RUNNING, EXPIRED, QUARANTINED

YOUNG_SECONDS = 2.0  # half a file is waited for, counted from its last change
LONGEST_WAIT_SECONDS = 4.0  # however slowly it grows
LAST_BACKOFF_SECONDS = 60.0

AGAIN = (Folder.FAILED, Folder.INTERRUPTED)  # what `mend retry` takes
COPIED = "a copy of it was approved, and one id runs once; move a file to approve it"

log = structlog.get_logger()


@dataclass
class Sighting:
    """A name in approved/ that could not be dealt with at first sight. Times are monotonic seconds."""

    first: float
    changed: float
    mark: MARK
    tries: int = 0
    not_before: float = 0.0


class Sweep:
    """`by` is how this executor signs its moves; `node` stands in where a file does not say which node it is about."""

    def __init__(
        self,
        actions: Actions,
        ledger: Ledger,
        rules: RulesReader,
        outbox: Outbox,
        *,
        by: str,
        node: str,
        clock: Callable[[], datetime],
    ):
        self.actions = actions
        self.ledger = ledger
        self.rules = rules
        self.outbox = outbox
        self.by = by
        self.node = node
        self.clock = clock
        self._sightings: dict[str, Sighting] = {}
        self._unlistable = False

    @property
    def soon(self) -> bool:
        """Is there a file that must be looked at again sooner than the next round?"""
        return any(not sighting.tries for sighting in self._sightings.values())

    def names(self) -> list[str]:
        """What lies in approved/, in the order of the moves; nothing (and one warning) while it cannot be listed."""
        try:
            names = self.actions.approved_names()
        except OSError as error:
            if not self._unlistable:
                log.error("executor.approved_unreadable", reason=str(error), fix="mkdir it, or give it to the executor")
            self._unlistable = True
            self._make_again()
            return []
        self._unlistable = False
        for gone in self._sightings.keys() - set(names):
            del self._sightings[gone]
        return names

    def take(self, file_name: str) -> Run | None:
        """Deal with one name in approved/. The run, if it is ours now."""
        sighting = self._sightings.get(file_name)
        if sighting is not None and time.monotonic() < sighting.not_before:
            return None
        try:
            run = self._take(file_name)
        except OSError as error:  # disk full, no permission, a mount point: try again, ever more rarely
            self._postpone(file_name, error)
            return None
        if run is not None:
            self._sightings.pop(file_name, None)
        return run

    def expire_pending(self) -> None:
        """What nobody decided in time goes to expired/."""
        now = self.clock()
        for filed in self.actions.pending():
            if not filed.proposal.expired(now):
                continue
            try:
                if self.actions.expire(filed.name):
                    EXPIRED.add()
                    log.info("executor.expired", action_id=filed.name.id)
                    once = f"{filed.name.id}.{filed.name.digest}:pending:expired"
                    self._tell(filed.proposal, Folder.PENDING, Folder.EXPIRED, "nobody decided in time", once)
            except OSError as error:
                log.warning("executor.expire_failed", action_id=filed.name.id, reason=str(error))

    def _take(self, file_name: str) -> Run | None:
        seen = look_at(self.actions.folder(Folder.APPROVED) / file_name)
        if seen is None:
            return None
        if file_name.endswith(BY_SUFFIX) and self.actions.drop_note(file_name):
            return None
        name = name_of(file_name)
        if name is not None and (folder := self.ledger.lies_in(name.id)):
            self._quarantine(seen, _once_only(folder))
            return None
        verdict = judge(seen, self.rules.read(), self.clock())
        match verdict:
            case Accepted():
                return self._claim(verdict, seen.moved_at)
            case Late():
                self._expire(seen, verdict)
            case Refused(unless_young=True) if self._is_young(seen):
                pass
            case Refused():
                self._quarantine(seen, verdict.reason)
        return None

    def _claim(self, accepted: Accepted, approved_at: float) -> Run | None:
        run = self.ledger.claim(accepted, self.clock())
        if run is not None:
            APPROVE_TO_RUNNING.observe(max(0.0, time.time() - approved_at))
            log.info("executor.claimed", action_id=run.id, digest=run.intent.digest, by=run.intent.approver)
            self._withdraw_copies(run)
        return run

    def _withdraw_copies(self, run: Run) -> None:
        """Somebody copied instead of moving: what stays in pending/ can never run, and would pass for open."""
        for filed in self.actions.pending():
            if filed.name.id == run.id and self.actions.withdraw(filed.name, COPIED):
                log.info("executor.copy_withdrawn", action_id=run.id, digest=filed.name.digest)
                once = f"{filed.name.id}.{filed.name.digest}:pending:withdrawn"
                self._tell(filed.proposal, Folder.PENDING, Folder.WITHDRAWN, COPIED, once)

    def _expire(self, seen: Candidate, late: Late) -> None:
        if not self.actions.expire(late.name, Folder.APPROVED):
            self._quarantine(seen, "it expired before it was approved, and lies in expired/ already")
            return
        EXPIRED.add()
        log.info("executor.expired_in_approved", action_id=late.name.id)
        expired = late.proposal.expires_at
        reason = f"approved after its time ({expired}); if it is still wanted, `mend inject` the event again"
        once = f"{late.name.id}.{late.name.digest}:approved:expired"
        self._tell(late.proposal, Folder.APPROVED, Folder.EXPIRED, reason, once)

    def _quarantine(self, seen: Candidate, reason: str) -> None:
        target = self.actions.quarantine(self.actions.folder(Folder.APPROVED) / seen.file_name, reason)
        if target is None:
            return
        self._sightings.pop(seen.file_name, None)
        QUARANTINED.add()
        log.warning("executor.quarantined", file=repr(seen.file_name), to=repr(target.name), reason=reason)
        proposal = read_proposal(seen.raw, MAX_PROPOSAL_BYTES) if seen.raw is not None else None
        name = name_of(seen.file_name)
        readable = proposal if isinstance(proposal, Proposal) else None
        action_id = name.id if name else "".join(c if c.isprintable() else "?" for c in target.name)[:200]
        update = moved(
            action_id,
            Folder.APPROVED,
            Folder.QUARANTINE,
            kind=readable.type if readable else "unknown",
            node=readable.node if readable else self.node,
            service=readable.service if readable else None,
            by=self.by,
            reason=reason,
            at=rfc3339(self.clock()),
            once=f"{action_id}:quarantine:{':'.join(str(part) for part in seen.mark)}",
        )
        self._put([update])

    def _is_young(self, seen: Candidate) -> bool:
        """By the monotonic clock, from when we first saw it and when it last changed: file times can lie or jump."""
        now = time.monotonic()
        sighting = self._sightings.setdefault(seen.file_name, Sighting(now, now, seen.mark))
        if sighting.mark != seen.mark:
            sighting.mark, sighting.changed = seen.mark, now
        return now - sighting.changed < YOUNG_SECONDS and now - sighting.first < LONGEST_WAIT_SECONDS

    def _postpone(self, file_name: str, error: OSError) -> None:
        now = time.monotonic()
        sighting = self._sightings.setdefault(file_name, Sighting(now, now, (0, 0, 0)))
        sighting.tries += 1
        seconds = min(2.0 ** min(sighting.tries, 10), LAST_BACKOFF_SECONDS)
        sighting.not_before = now + seconds
        log.error("executor.stuck", file=repr(file_name), reason=str(error), again_in_seconds=seconds)

    def _make_again(self) -> None:
        try:
            self.actions.prepare()
        except OSError as error:
            log.error("executor.folders_missing", reason=str(error))

    def _tell(self, proposal: Proposal, source: Folder, target: Folder, reason: str, once: str) -> None:
        update = moved(
            proposal.id,
            source,
            target,
            kind=proposal.type,
            node=proposal.node,
            service=proposal.service,
            by=self.by,
            reason=reason,
            at=rfc3339(self.clock()),
            once=once,
        )
        self._put([update])

    def _put(self, told: list[Told]) -> None:
        self.outbox.tell(told)


def _once_only(folder: str) -> str:
    if folder == Folder.RUNNING:
        return "this id is being executed right now; nothing more to do"
    place = "" if folder == "executed" else f" (see {folder}/)"
    again = "`mend retry` makes another attempt" if folder in AGAIN else "`mend inject` the event again if need be"
    return f"this id was executed already{place}, and one id runs at most once; {again}"
