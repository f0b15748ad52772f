"""An approved file, judged before anything believes it: look (an edge that never blocks), then judge (pure).

Moves nothing, runs nothing. Every refusal is one sentence that says what to do.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from executor_agent.rules import Rules
from mesh_core.actions.action_type import ActionType
from mesh_core.actions.reading import read_proposal
from mesh_core.actions.register import CHOICE_WORDS, action_type, playbook_for, type_for
from mesh_core.approvals.proposal_files import ActionName, digest_of, name_of
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Proposal, proposal_id
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.playbook_lint import lint_playbook
from mesh_core.policy.policy import Policy

MARK = tuple[int, int, int]  # inode, size, mtime (ns): changes when the file is still being written


@dataclass(frozen=True)
class Candidate:
    """What lay in approved/: its name, and its bytes (read once) or why they were not read, and since when."""

    file_name: str
    mark: MARK
    raw: bytes | None = None
    trouble: str = ""
    moved_at: float = 0.0


@dataclass(frozen=True)
class Accepted:
    """May be claimed. `raw` are the very bytes that were reviewed."""

    name: ActionName
    proposal: Proposal
    raw: bytes


@dataclass(frozen=True)
class Refused:
    """Belongs into quarantine. `unless_young`: it may still be growing; wait until it is two seconds old."""

    reason: str
    unless_young: bool = False


@dataclass(frozen=True)
class Late:
    """Was approved after its time."""

    name: ActionName
    proposal: Proposal


Verdict = Accepted | Refused | Late


def look_at(path: Path) -> Candidate | None:
    """Read what lies at `path`, at most 256 KiB, once. None: it is gone.

    Follows no link, opens nothing but plain files (a device can act on being opened), waits for nothing.
    Raises OSError for what is the machine's fault (EMFILE, EIO), not the file's.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if trouble := _not_a_plain_file(status):
        return Candidate(path.name, _mark(status), trouble=trouble)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            trouble = f"the executor (uid {os.geteuid()}) may not read it; make it readable, then approve it again"
            return Candidate(path.name, _mark(status), trouble=trouble)
        if error.errno in (errno.ELOOP, errno.ENXIO):  # exchanged under our hands
            return Candidate(path.name, _mark(status), trouble="it is not a plain file; put the proposal itself here")
        raise
    with os.fdopen(descriptor, "rb") as handle:
        status = os.fstat(descriptor)
        if trouble := _not_a_plain_file(status):
            return Candidate(path.name, _mark(status), trouble=trouble)
        raw = handle.read(MAX_PROPOSAL_BYTES + 1)
    if len(raw) > MAX_PROPOSAL_BYTES:
        return Candidate(path.name, _mark(status), trouble=_too_large(len(raw)))
    return Candidate(path.name, _mark(status), raw, moved_at=status.st_ctime)


def judge(seen: Candidate, rules: Rules, now: datetime) -> Verdict:
    """May this run? Pure. Whether its id ran before is the ledger's question, not asked here."""
    name = name_of(seen.file_name)
    if name is None:
        return Refused(
            "its name is not that of a proposal (<id>.<digest>.json); move the file out of pending/ as it is, "
            "without renaming it",
            unless_young=True,  # a copying tool's temporary name is gone in a moment
        )
    if seen.raw is None:
        return Refused(seen.trouble, unless_young="may not read" in seen.trouble)
    if digest_of(seen.raw) != name.digest:
        return _not_what_was_reviewed(seen.raw)
    proposal = read_proposal(seen.raw, MAX_PROPOSAL_BYTES)
    if isinstance(proposal, Refusal):
        return Refused(
            f"it is not a proposal that can be run: {proposal.reason}; approve the planner's own file, or inject "
            "the event again (`mend inject`)"
        )
    if problem := _identity_problem(name, proposal):
        return Refused(problem)
    if proposal.expired(now):
        return Late(name, proposal)
    if rules.settling:
        return Refused(f"config/ cannot be used: {rules.inventory if isinstance(rules.inventory, str) else ''}", True)
    if problem := permission_problem(proposal, rules):
        return Refused(problem)
    return Accepted(name, proposal, seen.raw)


def permission_problem(proposal: Proposal, rules: Rules) -> str | None:
    """Why this proposal may not run under these rules, as a sentence; None when it may. Pure."""
    if isinstance(rules.inventory, str):
        return f"no host may be touched without an inventory: {rules.inventory}; then {_AGAIN}"
    if not rules.inventory.is_host(proposal.node):
        return f"the host {proposal.node} is not in config/inventory.yml; add it there, then {_AGAIN}"
    if isinstance(rules.policy, str):
        return f"the policy cannot be read: {rules.policy}; correct it, then {_AGAIN}"
    return _shape_problem(proposal, rules.policy, rules.inventory)


_AGAIN = "move this file back to approved/"


def _not_a_plain_file(status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "it is a symbolic link; move the proposal file itself here (mv, not ln)"
    if stat.S_ISDIR(status.st_mode):
        return "it is a folder; move the proposal files here one by one"
    if not stat.S_ISREG(status.st_mode):
        return "it is a pipe, a socket or a device; only proposal files belong here"
    if status.st_nlink != 1:
        return (
            f"it has {status.st_nlink} hard links, so somebody could change it after your yes; "
            "remove the other names (or make a copy with `mend edit`), then approve it again"
        )
    if status.st_size > MAX_PROPOSAL_BYTES:
        return _too_large(status.st_size)
    return ""


def _too_large(size: int) -> str:
    return f"it has {size} bytes, the limit is {MAX_PROPOSAL_BYTES}; shorten its evidence or playbook with `mend edit`"


def _mark(status: os.stat_result) -> MARK:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _not_what_was_reviewed(raw: bytes) -> Refused:
    """A wrong digest: either half a file, or one that was changed after it was reviewed."""
    proposal = read_proposal(raw, MAX_PROPOSAL_BYTES)
    if isinstance(proposal, Refusal):
        reason = f"it is not whole: {proposal.reason}; copy it again in one piece, or approve the one in pending/"
    else:
        reason = (
            "its bytes are not the ones that were reviewed (the digest in the name differs); to change a proposal use "
            "`mend edit`, which makes a new file, then approve that one"
        )
    return Refused(reason, unless_young=True)


def _identity_problem(name: ActionName, proposal: Proposal) -> str | None:
    """Is it the proposal of just this event, on just this target?"""
    event = proposal.event
    if proposal.id != name.id:
        return f"the id inside ({proposal.id}) is not the one in its name; approve the file as the planner made it"
    if event.id is None:
        return "its event has no id, so nobody can tell whether it ran before; inject the event again (`mend inject`)"
    if (event.node, event.service) != (proposal.node, proposal.service):
        return (
            f"it would touch {proposal.target_key} but its event is about {event.target_key}; "
            "for another target wait for (or inject) an event of that target"
        )
    if proposal.attempt < 1:
        return "its attempt is below 1; attempts are made by `mend retry`, from what failed or was interrupted"
    source = event.id if proposal.attempt == 1 else f"{event.id}#{proposal.attempt}"
    if proposal.id != proposal_id(source, proposal.node, proposal.service):
        return (
            "its id does not belong to its event and attempt; `mend edit` and `mend retry` keep them together, "
            "so start from the planner's own file"
        )
    return None


def _shape_problem(proposal: Proposal, policy: Policy, inventory: Inventory) -> str | None:
    """Do action, type, risk and playbook belong together, and does the policy allow it for this event?"""
    action = action_type(proposal.type)
    if action.choice is None or proposal.action not in CHOICE_WORDS:
        return _playbook_problem(proposal, action, policy, inventory)
    if proposal.playbook is not None:
        return f"a {action.name} carries no playbook of its own; take it out with `mend edit`"
    wanted = type_for(proposal.action, proposal.event)
    if wanted is None:
        return f"its action is {proposal.action}: there is nothing to run; reject it instead"
    if action is not wanted:
        return (
            f"its type {action.name} does not belong to the action {proposal.action} "
            f"of this event (that would be {wanted.name}); correct it with `mend edit`"
        )
    if proposal.risk_level is not action.risk:
        return f"its risk_level must be {action.risk.value}; correct it with `mend edit`"
    if not policy.permits(proposal.action, proposal.event):
        allowed = policy.allows(proposal.event)
        return (
            f"the policy does not allow {proposal.action} for this event ({allowed.reason}); allowed: "
            f"{', '.join(sorted(allowed.actions))}; change config/policy.yml or choose another action with `mend edit`"
        )
    return _no_playbook_problem(proposal)


def _playbook_problem(proposal: Proposal, action: ActionType, policy: Policy, inventory: Inventory) -> str | None:
    """The same of what only a person asks for. Its risk_level is not judged: it is that person's to say."""
    if proposal.action != action.action:
        return "type and action must both be playbook, or neither; correct it with `mend edit`"
    if proposal.playbook is None:
        return "it is of type playbook but carries none; add one with `mend edit`"
    if wrong := lint_playbook(proposal.playbook, proposal.node, policy.widened, inventory.variables).sentence:
        return f"its playbook may not run: {wrong}; correct it with `mend edit`, which also writes every sha256 anew"
    return _no_playbook_problem(proposal)


def _no_playbook_problem(proposal: Proposal) -> str | None:
    try:
        playbook_for(proposal)
    except ValueError as error:
        return f"no honest playbook can be made of it: {error}; correct it with `mend edit` or reject it"
    return None
