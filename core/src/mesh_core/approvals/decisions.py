"""What a person decides about a proposal, whichever way they say it: looked at once more, then one rename.

The command line and the API both end here, so that they refuse the same things in the same words. Needs no Redis, never
runs anything, and nothing in it approves without being asked by a person's verb.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mesh_core.actions.action_type import ActionType
from mesh_core.actions.register import with_digest
from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.approvals.operator_folders import OperatorFolders
from mesh_core.approvals.proposal_files import ActionName, Filed, digest_of, name_of
from mesh_core.models.proposals import A_PERSON, MAX_PROPOSAL_BYTES, Folder, Proposal
from mesh_core.models.records import is_name, is_service_name, parse_time, rfc3339
from mesh_core.models.requests import RequestedProposal, RequestStatus
from mesh_core.storage.files import read_regular

MAX_NAMED = 5
OPEN = (Folder.PENDING, Folder.APPROVED, Folder.RUNNING)
AGAIN = (Folder.FAILED, Folder.INTERRUPTED, Folder.EXPIRED)
SHORTEST_SECONDS = 60.0


@dataclass(frozen=True)
class LocatedProposal:
    """A proposal and the place where it lies now; a file, or the folder of a run."""

    id: str
    folder: Folder
    path: Path


def find_one(actions: OperatorFolders, query: str) -> LocatedProposal:
    """By the whole id, the 12 hex at its end, an unambiguous beginning of either, the file's name, or `node/service`
    (`node/` for a whole node). CannotDecide otherwise.

    An id that lies in several folders (a second file of it in quarantine) is where it got furthest. Of several about
    one target the one that is still open is meant.
    """
    places: dict[str, LocatedProposal] = {}
    if target := _target_in(query):
        places = _located(actions.find_about(*target))
        places = {own: found for own, found in places.items() if found.folder in OPEN} or places
    if not places and (wanted := _id_in(query)):
        places = _located(actions.find(wanted))
        if "/" in query:  # a path: the service of a target that has none is no beginning of a short id
            places = {own: found for own, found in places.items() if own.startswith(wanted)}
    if not places:
        raise CannotDecide(RefusalReason.UNKNOWN, f"there is no proposal {query[:300]!r}")
    if len(places) > 1:  # whoever says a place or half an id means what would repair it
        places = {own: found for own, found in places.items() if not _is_preview(actions, found)} or places
    if len(places) > 1:
        some = ", ".join(sorted(places)[:MAX_NAMED]) + (", ..." if len(places) > MAX_NAMED else "")
        raise CannotDecide(
            RefusalReason.AMBIGUOUS,
            f"{query[:300]!r} fits {len(places)} proposals: {some}; say more of the one you mean",
        )
    return next(iter(places.values()))


def _is_preview(actions: OperatorFolders, found: LocatedProposal) -> bool:
    proposal = actions.proposal_at(found.path)
    return proposal is not None and proposal.preview_of is not None


def _located(found: Iterable[tuple[Folder, Path]]) -> dict[str, LocatedProposal]:
    places: dict[str, LocatedProposal] = {}
    for folder, path in found:
        name = name_of(path.name)
        own = name.id if name else path.name
        places.setdefault(own, LocatedProposal(own, folder, path))
    return places


def waiting_of(actions: OperatorFolders, request: RequestStatus) -> list[RequestedProposal]:
    """The proposals of a request that wait. CannotDecide where none does."""
    places = actions.places_of({one.action_id for one in request.proposals})
    waiting = [one for one in request.proposals if places.get(one.action_id) is Folder.PENDING]
    if not waiting:
        raise CannotDecide(RefusalReason.DECIDED, f"nothing of {request.request.id} waits: it is {request.state}")
    return waiting


def find_pending(actions: OperatorFolders, query: str) -> Filed:
    """The readable proposal that waits for a decision, exactly as its name promises. CannotDecide otherwise."""
    found = find_one(actions, query)
    if found.folder is not Folder.PENDING:
        raise CannotDecide(RefusalReason.DECIDED, f"{found.id} is decided already: it lies in {found.folder}/")
    name = name_of(found.path.name)
    raw = read_regular(found.path, MAX_PROPOSAL_BYTES)
    proposal = actions.proposal_at(found.path)
    if name is None or raw is None or proposal is None:
        raise unreadable(found, "the executor would refuse it")
    check_as_reviewed(name, raw, proposal)
    return Filed(name, found.path, proposal)


def check_as_reviewed(name: ActionName, raw: bytes, proposal: Proposal) -> None:
    """CannotDecide if the bytes are not those that the file's name promises: the executor would refuse them."""
    if digest_of(raw) != name.digest or proposal.id != name.id:
        raise CannotDecide(
            RefusalReason.CHANGED,
            f"{name.file} was changed in place: its content no longer fits its name, so the executor would refuse "
            f"it. Change proposals with `mend edit`; refuse this one with `mend reject {name.id} --reason TEXT`.",
        )


def approve(actions: OperatorFolders, query: str, actor: str, now: datetime, *, digest: str | None = None) -> Filed:
    """Yes: the rename into approved/. `digest`, where given, is that of the bytes that the person looked at."""
    filed = find_pending(actions, query)
    check_digest(filed, digest)
    if filed.proposal.expired(now):
        raise CannotDecide(
            RefusalReason.EXPIRED,
            f"{filed.name.id} expired at {filed.proposal.expires_at}: the executor would refuse it; "
            "wait for a new proposal",
        )
    try:
        won = actions.approve(filed.name, actor)
    except PermissionError as error:
        raise CannotDecide(
            RefusalReason.FORBIDDEN,
            f"you may not approve: {error.strerror} in {actions.folder(Folder.APPROVED)}. "
            "Approving takes write access to approved/ (in a deployment: the group operators).",
        ) from None
    if not won:
        raise decided(filed.name)
    return filed


def reject(actions: OperatorFolders, query: str, reason: str, actor: str, *, digest: str | None = None) -> Filed:
    """No, and why: the rename into rejected/. A file that was changed in place can be refused as well."""
    filed = _even_if_changed(actions, query)
    check_digest(filed, digest)
    try:
        won = actions.reject(filed.name, reason, actor)
    except PermissionError as error:
        raise CannotDecide(
            RefusalReason.FORBIDDEN, f"you may not reject: {error.strerror} ({error.filename})"
        ) from None
    if not won:
        raise decided(filed.name)
    return filed


def retry(actions: OperatorFolders, query: str, now: datetime) -> tuple[ActionName, Proposal]:
    """A failed, interrupted or expired action once more: a new proposal, its own id; the old run keeps its folder."""
    found = find_one(actions, query)
    if found.folder not in AGAIN:
        raise CannotDecide(
            RefusalReason.DECIDED,
            f"{found.id} lies in {found.folder}/; only what failed, was interrupted or expired can be tried again",
        )
    old = actions.proposal_at(found.path)
    if old is None:
        raise CannotDecide(RefusalReason.UNREADABLE, f"{found.path} holds no proposal that could be read")
    if old.preview_of:
        raise CannotDecide(RefusalReason.INVALID, f"ask for another one instead: `mend preview {old.preview_of.id}`")
    again = next_attempt(old, now)
    with suppress(ValueError):  # its remedy is gone, or gives no playbook: the card says so
        again = with_digest(again)
    return file_once(actions, again, f"attempt {again.attempt} is there already"), again


def file_once(actions: OperatorFolders, new: Proposal, there: str, doing: str = "propose") -> ActionName:
    """A person's new proposal into pending/. CannotDecide, beginning with `there`, where its id lies somewhere.

    `doing`: what whoever may not write there may not do.
    """
    if places := actions.find(new.id):
        raise CannotDecide(RefusalReason.DECIDED, f"{there}: {new.id} lies in {places[0][0]}/")
    try:
        name = actions.propose_again(new)
    except PermissionError as error:
        raise CannotDecide(
            RefusalReason.FORBIDDEN, f"you may not {doing}: {error.strerror} ({error.filename})"
        ) from None
    if name is None:
        raise CannotDecide(RefusalReason.DECIDED, f"{there}: {new.id}")
    return name


def next_attempt(old: Proposal, now: datetime) -> Proposal:
    """The same action as a new proposal: fresh times (it lives as long as the old one did), attempt n + 1."""
    attempt = old.attempt + 1
    again = old.model_copy(update={"attempt": attempt, **times_from(old, now)})
    return again.model_copy(update={"id": again.id_by_its_parts})


def asked_by_a_person(old: Proposal, action: ActionType, reason: str, **changes: Any) -> Proposal:
    """A new proposal about an old one, which no rule and no model chose: nothing is left of what they said."""
    new = old.model_copy(
        update={
            "type": action.name,
            "action": action.action,
            "risk_level": action.risk,
            "reason": reason,
            "confidence": 1.0,
            "evidence": (),
            "rule": None,
            "considered": (),
            "model": A_PERSON,
            "attempt": 1,
            "edited_by": None,
            **changes,
        }
    )
    return new.model_copy(update={"id": new.id_by_its_parts})


def times_from(old: Proposal, now: datetime) -> dict[str, str]:
    """Of a new proposal that lives as long as the old one did."""
    lifetime = (parse_time(old.expires_at) - parse_time(old.created_at)).total_seconds()
    return {
        "created_at": rfc3339(now),
        "expires_at": rfc3339(now + timedelta(seconds=max(lifetime, SHORTEST_SECONDS))),
    }


def _even_if_changed(actions: OperatorFolders, query: str) -> Filed:
    found = find_one(actions, query)
    name = name_of(found.path.name)
    proposal = actions.proposal_at(found.path) if found.folder is Folder.PENDING and name else None
    if name is None or proposal is None:
        return find_pending(actions, query)
    return Filed(name, found.path, proposal)


def check_digest(filed: Filed, digest: str | None) -> None:
    """CannotDecide if these are not the bytes that the person looked at."""
    if digest is not None and digest != filed.name.digest:
        raise CannotDecide(
            RefusalReason.CHANGED,
            f"{filed.name.id} was edited since you looked at it (you saw {digest[:16]}, "
            f"it is {filed.name.digest} now); look again",
        )


def decided(name: ActionName | LocatedProposal) -> CannotDecide:
    return CannotDecide(RefusalReason.DECIDED, f"{name.id} is decided already: somebody was faster")


def unreadable(found: LocatedProposal, so: str) -> CannotDecide:
    """It was there when it was looked for: if it is gone now, somebody moved it in that very moment."""
    if not os.path.lexists(found.path):
        return decided(found)
    return CannotDecide(RefusalReason.UNREADABLE, f"{found.path} is no proposal that could be read; {so}")


def _target_in(query: str) -> tuple[str, str | None] | None:
    """(node, service) of `node/service`; None for what is no target."""
    node, slash, service = query.strip().partition("/")
    if not slash or not is_name(node) or not (service == "" or is_service_name(service)):
        return None
    return node, service or None


def _id_in(query: str) -> str:
    """A path or file name, as copied from `ls`, means the proposal in it."""
    base = query.strip().rstrip("/").rpartition("/")[2]
    name = name_of(base)
    return name.id if name else base
