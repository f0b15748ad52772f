"""What a person decides about a proposal, whichever way they say it: looked at once more, then one rename.

The command line and the API both end here, so that they refuse the same things in the same words. Needs no Redis, never
runs anything, and nothing in it approves without being asked by a person's verb.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from mesh_core.approvals.edits import NotAcceptable, edited_proposal
from mesh_core.approvals.proposal_files import ActionName, Filed, digest_of, name_of
from mesh_core.approvals.store import Actions
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Folder, Proposal, proposal_id
from mesh_core.models.records import parse_time, rfc3339
from mesh_core.policy.policy import Policy
from mesh_core.storage.files import read_regular

MAX_NAMED = 5
AGAIN = (Folder.FAILED, Folder.INTERRUPTED, Folder.EXPIRED)
SHORTEST_SECONDS = 60.0


class Why(StrEnum):
    """What stands against it."""

    UNKNOWN = "unknown"  # there is no such proposal
    AMBIGUOUS = "ambiguous"  # what was said fits several
    DECIDED = "decided"  # somebody was faster
    CHANGED = "changed"  # not the bytes that were reviewed
    EXPIRED = "expired"
    UNREADABLE = "unreadable"
    INVALID = "invalid"  # an edit that the executor would refuse
    FORBIDDEN = "forbidden"  # the file system says no


class CannotDecide(Exception):
    """One sentence that says why not and what to do. It may hold text from a file: who shows it makes it plain."""

    def __init__(self, why: Why, sentence: str):
        super().__init__(sentence)
        self.why = why
        self.sentence = sentence


@dataclass(frozen=True)
class Found:
    """A proposal and the place where it lies now; a file, or the folder of a run."""

    id: str
    folder: Folder
    path: Path


def find_one(actions: Actions, said: str) -> Found:
    """By the whole id, an unambiguous beginning, the 12 hex at its end, or the file's name. CannotDecide otherwise.

    An id that lies in several folders (a second file of it in quarantine) is where it got furthest.
    """
    wanted = _id_in(said)
    places: dict[str, Found] = {}
    for folder, path in actions.find(wanted) if wanted else ():
        name = name_of(path.name)
        own = name.id if name else path.name
        places.setdefault(own, Found(own, folder, path))
    if not places:
        raise CannotDecide(Why.UNKNOWN, f"there is no proposal {said[:300]!r}")
    if len(places) > 1:
        some = ", ".join(sorted(places)[:MAX_NAMED]) + (", ..." if len(places) > MAX_NAMED else "")
        raise CannotDecide(
            Why.AMBIGUOUS, f"{said[:300]!r} fits {len(places)} proposals: {some}; say more of the one you mean"
        )
    return next(iter(places.values()))


def find_pending(actions: Actions, said: str) -> Filed:
    """The readable proposal that waits for a decision, exactly as its name promises. CannotDecide otherwise."""
    found = find_one(actions, said)
    if found.folder is not Folder.PENDING:
        raise CannotDecide(Why.DECIDED, f"{found.id} is decided already: it lies in {found.folder}/")
    name = name_of(found.path.name)
    raw = read_regular(found.path, MAX_PROPOSAL_BYTES)
    proposal = actions.proposal_at(found.path)
    if name is None or raw is None or proposal is None:
        raise _unreadable(found, "the executor would refuse it")
    check_as_reviewed(name, raw, proposal)
    return Filed(name, found.path, proposal)


def check_as_reviewed(name: ActionName, raw: bytes, proposal: Proposal) -> None:
    """CannotDecide if the bytes are not those that the file's name promises: the executor would refuse them."""
    if digest_of(raw) != name.digest or proposal.id != name.id:
        raise CannotDecide(
            Why.CHANGED,
            f"{name.file} was changed in place: its content no longer fits its name, so the executor would refuse "
            f"it. Change proposals with `mend edit`; refuse this one with `mend reject {name.id} --reason TEXT`.",
        )


def approve(actions: Actions, said: str, by: str, now: datetime, *, digest: str | None = None) -> Filed:
    """Yes: the rename into approved/. `digest`, where given, is that of the bytes that the person looked at."""
    filed = find_pending(actions, said)
    check_digest(filed, digest)
    if filed.proposal.expired(now):
        raise CannotDecide(
            Why.EXPIRED,
            f"{filed.name.id} expired at {filed.proposal.expires_at}: the executor would refuse it; "
            "wait for a new proposal",
        )
    try:
        won = actions.approve(filed.name, by)
    except PermissionError as error:
        raise CannotDecide(
            Why.FORBIDDEN,
            f"you may not approve: {error.strerror} in {actions.folder(Folder.APPROVED)}. "
            "Approving takes write access to approved/ (in a deployment: the group operators).",
        ) from None
    if not won:
        raise _decided(filed.name)
    return filed


def reject(actions: Actions, said: str, reason: str, by: str, *, digest: str | None = None) -> Filed:
    """No, and why: the rename into rejected/. A file that was changed in place can be refused as well."""
    filed = _even_if_changed(actions, said)
    check_digest(filed, digest)
    try:
        won = actions.reject(filed.name, reason, by)
    except PermissionError as error:
        raise CannotDecide(Why.FORBIDDEN, f"you may not reject: {error.strerror} ({error.filename})") from None
    if not won:
        raise _decided(filed.name)
    return filed


def find_editable(actions: Actions, said: str) -> tuple[Filed, Folder]:
    """What waits, also if somebody changed it in place; or what the executor put into quarantine, to be corrected."""
    found = find_one(actions, said)
    if found.folder not in (Folder.PENDING, Folder.QUARANTINE):
        raise CannotDecide(Why.DECIDED, f"{found.id} is decided already: it lies in {found.folder}/")
    proposal = actions.proposal_at(found.path)
    if proposal is None:
        raise _unreadable(found, "there is nothing to start from")
    name = name_of(found.path.name) or ActionName(proposal.id, "")
    if proposal.id != name.id:
        raise CannotDecide(
            Why.CHANGED, f"the id inside ({proposal.id}) is not the one in its name: this file is not to be trusted"
        )
    return Filed(name, found.path, proposal), found.folder


def edit(
    actions: Actions, old: Filed, folder: Folder, raw: bytes, by: str, policy: Policy
) -> tuple[ActionName, Proposal]:
    """File the edited bytes anew: same id, new digest, it waits in pending/. What lies in quarantine stays there."""
    try:
        edited = edited_proposal(old.proposal, raw, by, policy)
    except NotAcceptable as error:
        raise CannotDecide(Why.INVALID, str(error)) from None
    try:
        waits = folder is Folder.PENDING
        name = actions.refile(old.name, edited) if waits else actions.propose_again(edited)
    except PermissionError as error:
        raise CannotDecide(Why.FORBIDDEN, f"you may not edit: {error.strerror} ({error.filename})") from None
    if name is None:
        raise _decided(old.name)
    return name, edited


def retry(actions: Actions, said: str, now: datetime) -> tuple[ActionName, Proposal]:
    """A failed, interrupted or expired action once more: a new proposal, its own id; the old run keeps its folder."""
    found = find_one(actions, said)
    if found.folder not in AGAIN:
        raise CannotDecide(
            Why.DECIDED,
            f"{found.id} lies in {found.folder}/; only what failed, was interrupted or expired can be tried again",
        )
    old = actions.proposal_at(found.path)
    if old is None:
        raise CannotDecide(Why.UNREADABLE, f"{found.path} holds no proposal that could be read")
    again = next_attempt(old, now)
    if places := actions.find(again.id):
        raise CannotDecide(Why.DECIDED, f"attempt {again.attempt} is there already: {again.id} lies in {places[0][0]}/")
    try:
        name = actions.propose_again(again)
    except PermissionError as error:
        raise CannotDecide(Why.FORBIDDEN, f"you may not propose: {error.strerror} ({error.filename})") from None
    if name is None:
        raise CannotDecide(Why.DECIDED, f"attempt {again.attempt} is there already: {again.id}")
    return name, again


def next_attempt(old: Proposal, now: datetime) -> Proposal:
    """The same action as a new proposal: fresh times (it lives as long as the old one did), attempt n + 1."""
    attempt = old.attempt + 1
    lifetime = (parse_time(old.expires_at) - parse_time(old.created_at)).total_seconds()
    return old.model_copy(
        update={
            "id": proposal_id(f"{old.event.id}#{attempt}", old.node, old.service),
            "attempt": attempt,
            "created_at": rfc3339(now),
            "expires_at": rfc3339(now + timedelta(seconds=max(lifetime, SHORTEST_SECONDS))),
        }
    )


def _even_if_changed(actions: Actions, said: str) -> Filed:
    found = find_one(actions, said)
    name = name_of(found.path.name)
    proposal = actions.proposal_at(found.path) if found.folder is Folder.PENDING and name else None
    if name is None or proposal is None:
        return find_pending(actions, said)
    return Filed(name, found.path, proposal)


def check_digest(filed: Filed, digest: str | None) -> None:
    """CannotDecide if these are not the bytes that the person looked at."""
    if digest is not None and digest != filed.name.digest:
        raise CannotDecide(
            Why.CHANGED,
            f"{filed.name.id} was edited since you looked at it (you saw {digest[:16]}, "
            f"it is {filed.name.digest} now); look again",
        )


def _decided(name: ActionName | Found) -> CannotDecide:
    return CannotDecide(Why.DECIDED, f"{name.id} is decided already: somebody was faster")


def _unreadable(found: Found, so: str) -> CannotDecide:
    """It was there when it was looked for: if it is gone now, somebody moved it in that very moment."""
    if not os.path.lexists(found.path):
        return _decided(found)
    return CannotDecide(Why.UNREADABLE, f"{found.path} is no proposal that could be read; {so}")


def _id_in(said: str) -> str:
    """A path or file name, as copied from `ls`, means the proposal in it."""
    base = said.strip().rstrip("/").rpartition("/")[2]
    name = name_of(base)
    return name.id if name else base
