"""A person's verbs about silences: maintenance, snooze, acknowledge, unsilence, whichever way they say it.

The command line and the API both end here. Needs no Redis. It never approves, and it rejects only what a person asked
to put aside.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import ValidationError

from mesh_core.approvals import decisions
from mesh_core.approvals.decisions import find_pending
from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.approvals.operator_folders import OperatorFolders
from mesh_core.approvals.proposal_files import Filed
from mesh_core.incidents.subject import subject_of
from mesh_core.models.config_file import said_of_value
from mesh_core.models.parsing import problems
from mesh_core.models.proposals import Folder
from mesh_core.models.records import parse_time, rfc3339
from mesh_core.silences.folder import SilenceFolder
from mesh_core.silences.put_aside import words_for
from mesh_core.silences.silence import FIRST_YEAR, LAST_YEAR, MAX_DAYS, MAX_REASON, Silence, SilenceKind, silences_of

ACKNOWLEDGED_FOR = timedelta(days=7)
BEGIN_AT_MOST = timedelta(days=366)


class BadSilence(ValueError):
    """What was asked for is no silence; the text says what to change."""


@dataclass(frozen=True)
class SilenceRequest:
    """What a person asks for. `begins` None: now; `ends` None: as long as an acknowledgement of it lasts, or will."""

    node: str
    ends: datetime | None
    actor: str
    service: str | None = None
    type: str | None = None
    subject: str | None = None
    reason: str = ""
    begins: datetime | None = None


@dataclass(frozen=True)
class Made:
    """What a request came to. `already`: somebody had said as much; `replaced` ended for it; `aside` was rejected."""

    silence: Silence
    already: bool = False
    replaced: tuple[Silence, ...] = ()
    aside: tuple[Filed, ...] = ()


def maintain(folder: SilenceFolder, request: SilenceRequest, now: datetime) -> Made:
    """Nothing is proposed for what the patterns fit, until the end. BadSilence says what does not fit.

    The one that says as much already, where there is one; what says less of the same ends.
    """
    silence = new_silence(SilenceKind.MAINTENANCE, request, now)
    return _put_once(folder, silence, _alike(folder, SilenceKind.MAINTENANCE, request, now), now)


def acknowledge(
    folder: SilenceFolder, actions: OperatorFolders, request: SilenceRequest, now: datetime, *, reject: bool = False
) -> Made:
    """ "I know": nothing is proposed for that target until it is well again, or the end.

    What waits for it stays where it is; with `reject` it is put aside as well. Said again it is one, as a maintenance
    is.
    """
    waiting = waiting_for(actions, request.node, request.service, request.type) if reject else ()
    known = _alike(folder, SilenceKind.ACKNOWLEDGE, request, now)
    if request.ends is None and known:
        request = replace(request, ends=max(parse_time(one.ends_at) for one in known))
    made = _put_once(folder, new_silence(SilenceKind.ACKNOWLEDGE, request, now, waiting), known, now)
    words = words_for(made.silence)
    return replace(made, aside=tuple(filed for filed in waiting if actions.reject(filed.name, words, request.actor)))


def snooze(
    folder: SilenceFolder,
    actions: OperatorFolders,
    query: str,
    ends: datetime,
    actor: str,
    now: datetime,
    *,
    reason: str = "",
    digest: str | None = None,
) -> tuple[Filed, Silence]:
    """Not now: a waiting proposal goes to rejected/; trouble that is still there after the end is proposed anew.

    CannotDecide as for a rejection; then nothing is silenced either.
    """
    filed = find_pending(actions, query)
    proposal = filed.proposal
    # What one cooldown is about, one snooze is about: of two full disks the other one is still told.
    subject = subject_of(proposal.event)
    kind = None if subject == proposal.target_key else proposal.event.type
    request = SilenceRequest(
        node=proposal.node,
        service=proposal.service,
        type=kind,
        subject=subject,
        ends=ends,
        actor=actor,
        reason=reason,
    )
    silence = new_silence(SilenceKind.SNOOZE, request, now, (filed,))
    # The silence first: rejected without it, the incident would count as decided for good.
    _put(folder, silence)
    try:
        return decisions.reject(actions, query, words_for(silence), actor, digest=digest), silence
    except CannotDecide:
        folder.end(silence.id, f"nothing was snoozed: somebody was faster\n-- {actor}")
        raise


def unsilence(folder: SilenceFolder, query: str, actor: str) -> Silence:
    """Over before its time. CannotDecide when there is none of that name, or several."""
    silence = find_silence(folder, query)
    try:
        ended = folder.end(silence.id, f"ended by {actor}\n-- {actor}")
    except PermissionError as error:
        raise _forbidden(error) from None
    if not ended:
        raise CannotDecide(RefusalReason.DECIDED, f"{silence.id} is over already: somebody was faster")
    return silence


def find_silence(folder: SilenceFolder, query: str) -> Silence:
    """By the whole id, its beginning or its end. CannotDecide otherwise."""
    wanted = query.strip().removesuffix(".json").rpartition("/")[2]
    known = folder.current()
    found = [s for s in known if s.id == wanted]
    found = found or [s for s in known if wanted and (s.id.startswith(wanted) or s.id.endswith(f"-{wanted}"))]
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(sorted(s.id for s in found)[:5])
        raise CannotDecide(
            RefusalReason.AMBIGUOUS, f"{query[:100]!r} fits {len(found)} silences: {some}; say more of it"
        )
    if any(s.id == wanted for s in folder.ended()):
        raise CannotDecide(RefusalReason.DECIDED, f"{wanted} is over already")
    raise CannotDecide(RefusalReason.UNKNOWN, f"there is no silence {query[:100]!r}")


def waiting_for(actions: OperatorFolders, node: str, service: str | None, type: str | None) -> tuple[Filed, ...]:
    """The proposals in pending/ that are about exactly that target (and type of trouble, where one is given)."""
    return tuple(
        filed
        for filed in actions.pending()
        if (filed.proposal.node, filed.proposal.service) == (node, service)
        and (type is None or filed.proposal.event.type == type)
    )


def in_progress(actions: OperatorFolders, silence: Silence) -> tuple[Filed, ...]:
    """What a person has approved there already: no silence stops it. As far as this user may see the folders."""
    return tuple(
        filed
        for folder in (Folder.APPROVED, Folder.RUNNING)
        for filed in actions.filed(folder)
        if silence.hushes(filed.proposal.event)
    )


def new_silence(kind: SilenceKind, request: SilenceRequest, now: datetime, put_aside: Sequence[Filed] = ()) -> Silence:
    """The record, checked. BadSilence says in a sentence what does not fit."""
    begins, ends = request.begins or now, request.ends or now + ACKNOWLEDGED_FOR
    if not all(FIRST_YEAR <= moment.year <= LAST_YEAR for moment in (begins, ends)):
        raise BadSilence(f"its begin and end are between the years {FIRST_YEAR} and {LAST_YEAR}")
    if ends <= now:
        raise BadSilence(f"its end, {rfc3339(ends)}, has passed already")
    if ends <= begins:
        raise BadSilence(f"its end, {rfc3339(ends)}, is not after its begin, {rfc3339(begins)}")
    if begins > now + BEGIN_AT_MOST:
        raise BadSilence("it begins more than a year from now")
    if ends - begins > timedelta(days=MAX_DAYS):
        raise BadSilence(f"a silence lasts {MAX_DAYS} days at most; make a new one when it ends")
    if len(request.reason) > MAX_REASON:
        raise BadSilence(f"the reason is longer than {MAX_REASON} characters")
    try:
        return Silence(
            id=f"{kind}-{secrets.token_hex(4)}",
            kind=kind,
            node=request.node,
            service=request.service,
            type=request.type,
            subject=request.subject,
            starts_at=rfc3339(begins),
            ends_at=rfc3339(ends),
            reason=" ".join(request.reason.split()),
            by=request.actor[:128] or "somebody",
            created_at=rfc3339(now),
            put_aside={filed.proposal.event.id or "": filed.name.id for filed in put_aside},
        )
    except ValidationError as error:
        raise BadSilence(_in_words(error)) from None


def active(folder: SilenceFolder, now: datetime) -> tuple[Silence, ...]:
    """What holds now, the one that ends first comes first."""
    found = [silence for silence in folder.current() if silence.active(now)]
    return tuple(sorted(found, key=lambda silence: silence.ends_at))


def about(folder: SilenceFolder, filed: Filed, now: datetime) -> tuple[Silence, ...]:
    """The silences that hold where this proposal is about."""
    return silences_of(folder.current(), filed.proposal.event, now)


def _alike(folder: SilenceFolder, kind: SilenceKind, request: SilenceRequest, now: datetime) -> tuple[Silence, ...]:
    """Those of that kind about the very same, patterns and all, that hold or will."""
    about = (kind, request.node, request.service, request.type, request.subject)
    return tuple(
        one
        for one in folder.current()
        if (one.kind, one.node, one.service, one.type, one.subject) == about and not one.over(now)
    )


def _put_once(folder: SilenceFolder, silence: Silence, known: Sequence[Silence], now: datetime) -> Made:
    """`silence`, in the place of those known ones that it covers, whose reason it keeps if it brings none; or the one
    that covers it and says the same."""
    for one in known:
        said = silence.reason in ("", one.reason) and not silence.put_aside
        if said and _covers(one, silence, now):
            return Made(one, already=True)
    replaced = tuple(one for one in known if _covers(silence, one, now))
    reasons = (one.reason for one in (silence, *replaced) if one.reason)
    silence = silence.model_copy(update={"reason": next(reasons, "")})
    _put(folder, silence)
    for one in replaced:
        folder.end(one.id, f"{silence.id} is in its place\n-- {silence.by}")
    return Made(silence, replaced=replaced)


def _covers(longer: Silence, shorter: Silence, now: datetime) -> bool:
    """What is left of it, from now on."""
    begins = max(now, parse_time(shorter.starts_at))
    return parse_time(longer.starts_at) <= begins and parse_time(shorter.ends_at) <= parse_time(longer.ends_at)


def _put(folder: SilenceFolder, silence: Silence) -> None:
    try:
        folder.put(silence)
    except PermissionError as error:
        raise _forbidden(error) from None


def _forbidden(error: PermissionError) -> CannotDecide:
    return CannotDecide(
        RefusalReason.FORBIDDEN,
        f"you may not silence anything: {error.strerror} ({error.filename}). It takes write access to silences/ "
        "(in a deployment: the group operators).",
    )


def _in_words(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    match field:
        case "node" | "service":
            return f"{field} {str(first['input'])[:60]!r} is no name (letters, digits, . _ -; * and ? in a maintenance)"
        case "type":
            return f"type {str(first['input'])[:60]!r} is no type of event (lower case letters, digits, _; * and ?)"
        case "":
            return said_of_value(first)
        case _:
            return problems(error)
