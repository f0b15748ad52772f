"""One round over approved/ and pending/: what may run is claimed, what may not is put aside with a sentence, what came
too late expires. What is to become of a file is admission's decision; this carries it out, and runs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from executor_agent.admission.admission import Admission, Admitted, Denied, Expired, Incomplete, decide
from executor_agent.admission.candidate import Candidate, ContentStamp, read_candidate
from executor_agent.reporting.outbox import Outbox
from executor_agent.reporting.reports import move_report, quarantine_report
from executor_agent.run_files.ledger import ActionRun, Ledger
from mesh_core.actions.reading import read_filed
from mesh_core.approvals.executor_folders import ExecutorFolders
from mesh_core.approvals.proposal_files import BY_SUFFIX, name_of
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Folder, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.policy.current_config import ConfigReader
from mesh_core.runtime.metrics import APPROVE_TO_RUNNING, EXPIRED, QUARANTINED

SETTLE_SECONDS = 2.0  # half a file is waited for, counted from its last change
LONGEST_SETTLE_SECONDS = 4.0  # however slowly it grows
LAST_BACKOFF_SECONDS = 60.0
COPIED = "a copy of it was approved, and one id runs once; move a file to approve it"

log = structlog.get_logger()


@dataclass
class SeenFile:
    """A name in approved/ that is not dealt with yet. Times are monotonic seconds: those of files can lie or jump."""

    first: float
    changed: float
    stamp: ContentStamp | None = None
    failures: int = 0
    not_before: float = 0.0

    def settled(self, stamp: ContentStamp, now: float) -> bool:
        """Has it been the same file for long enough?"""
        if self.stamp != stamp:
            self.stamp, self.changed = stamp, now
        return now - self.changed >= SETTLE_SECONDS or now - self.first >= LONGEST_SETTLE_SECONDS

    def failed(self, now: float) -> float:
        """Try again ever more rarely; in how many seconds."""
        self.failures += 1
        seconds = min(2.0 ** min(self.failures, 10), LAST_BACKOFF_SECONDS)
        self.not_before = now + seconds
        return seconds


class ApprovedScanner:
    """`actor` is how this executor signs its moves; `node` stands in where a file does not say which node it is about.

    Every step is short and blocks on nothing but the disk."""

    def __init__(
        self,
        actions: ExecutorFolders,
        ledger: Ledger,
        config: ConfigReader,
        outbox: Outbox,
        *,
        actor: str,
        node: str,
        clock: Callable[[], datetime],
    ):
        self.actions = actions
        self.ledger = ledger
        self.config = config
        self.outbox = outbox
        self.actor = actor
        self.node = node
        self.clock = clock
        self._seen: dict[str, SeenFile] = {}
        self._unlistable = False

    @property
    def incomplete(self) -> bool:
        """Is there a file that must be looked at again sooner than the next round?"""
        return any(not seen.failures for seen in self._seen.values())

    @property
    def at_rest(self) -> bool:
        """Did approved/ hold nothing at the last look?"""
        return not self._seen and not self._unlistable

    def names(self) -> list[str]:
        """What lies in approved/, in the order of the moves; nothing (and one warning) while it cannot be listed."""
        try:
            names = self.actions.approved_names()
        except OSError as error:
            if not self._unlistable:
                log.error("executor.approved_unreadable", reason=str(error), fix="mkdir it, or give it to the executor")
            self._unlistable = True
            self._make_folders()
            return []
        self._unlistable = False
        for gone in self._seen.keys() - set(names):
            del self._seen[gone]
        return names

    def take(self, file_name: str) -> ActionRun | None:
        """Deal with one name in approved/. The run, if it is ours now."""
        now = time.monotonic()
        seen = self._seen.setdefault(file_name, SeenFile(now, now))
        if now < seen.not_before:
            return None
        try:
            candidate = read_candidate(self.actions.folder(Folder.APPROVED) / file_name)
            decision = self._decide(candidate, seen, now) if candidate else None
            if isinstance(decision, Incomplete):
                return None
            run = self._carry_out(candidate, decision) if candidate and decision else None
        except OSError as error:  # disk full, no permission, a mount point
            again_in_seconds = seen.failed(now)
            log.error("executor.stuck", file=repr(file_name), reason=str(error), again_in_seconds=again_in_seconds)
            return None
        self._seen.pop(file_name, None)
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
                    reason = "nobody decided in time"
                    self._report(filed.proposal, Folder.PENDING, Folder.EXPIRED, reason, filed.name.digest)
            except OSError as error:
                log.warning("executor.expire_failed", action_id=filed.name.id, reason=str(error))

    def _decide(self, candidate: Candidate, seen: SeenFile, now: float) -> Admission | Incomplete | None:
        """None: it was only a note without a proposal, and is gone."""
        if candidate.file_name.endswith(BY_SUFFIX) and self.actions.drop_note(candidate.file_name):
            return None
        name = name_of(candidate.file_name)
        ran_in = self.ledger.ran_in(name.id) if name else None
        settled = seen.settled(candidate.stamp, now)
        return decide(candidate, ran_in, self.config.read(), self.clock(), settled=settled)

    def _carry_out(self, candidate: Candidate, decision: Admission) -> ActionRun | None:
        match decision:
            case Admitted():
                return self._claim(decision, candidate.moved_at)
            case Expired():
                self._expire(candidate, decision)
            case Denied():
                self._quarantine(candidate, decision.reason)
        return None

    def _claim(self, admitted: Admitted, approved_at: float) -> ActionRun | None:
        run = self.ledger.claim(admitted, self.clock())
        if run is not None:
            APPROVE_TO_RUNNING.observe(max(0.0, time.time() - approved_at))
            log.info("executor.claimed", action_id=run.id, digest=run.intent.digest, approver=run.intent.approver)
            self._withdraw_copies(run)
        return run

    def _withdraw_copies(self, run: ActionRun) -> None:
        """Somebody copied instead of moving: what stays in pending/ can never run, and would pass for open."""
        for filed in self.actions.pending():
            if filed.name.id == run.id and self.actions.withdraw(filed.name, COPIED):
                log.info("executor.copy_withdrawn", action_id=run.id, digest=filed.name.digest)
                self._report(filed.proposal, Folder.PENDING, Folder.WITHDRAWN, COPIED, filed.name.digest)

    def _expire(self, candidate: Candidate, expired: Expired) -> None:
        if not self.actions.expire(expired.name, Folder.APPROVED):
            self._quarantine(candidate, "it expired before it was approved, and lies in expired/ already")
            return
        EXPIRED.add()
        log.info("executor.expired_in_approved", action_id=expired.name.id)
        at = expired.proposal.expires_at
        reason = f"approved after its time ({at}); if it is still wanted, `mend inject` the event again"
        self._report(expired.proposal, Folder.APPROVED, Folder.EXPIRED, reason, expired.name.digest)

    def _quarantine(self, candidate: Candidate, reason: str) -> None:
        target = self.actions.quarantine(self.actions.folder(Folder.APPROVED) / candidate.file_name, reason)
        if target is None:
            return
        QUARANTINED.add()
        log.warning("executor.quarantined", file=repr(candidate.file_name), to=repr(target.name), reason=reason)
        proposal = read_filed(candidate.raw, MAX_PROPOSAL_BYTES) if candidate.raw is not None else None
        name = name_of(candidate.file_name)
        action_id = name.id if name else "".join(c if c.isprintable() else "?" for c in target.name)[:200]
        report = quarantine_report(
            action_id,
            proposal if isinstance(proposal, Proposal) else None,
            node=self.node,
            actor=self.actor,
            timestamp=rfc3339(self.clock()),
            reason=reason,
            idempotency_key=f"{action_id}:quarantine:{':'.join(str(part) for part in candidate.stamp)}",
        )
        self.outbox.try_put([report])

    def _make_folders(self) -> None:
        try:
            self.actions.prepare()
        except OSError as error:
            log.error("executor.folders_missing", reason=str(error))

    def _report(self, proposal: Proposal, source: Folder, target: Folder, reason: str, digest: str) -> None:
        report = move_report(
            proposal,
            source,
            target,
            actor=self.actor,
            timestamp=rfc3339(self.clock()),
            reason=reason,
            idempotency_key=f"{proposal.id}.{digest}:{source}:{target}",
        )
        self.outbox.try_put([report])
