"""What lies in events/ and actions/ as rows for the index, however it is broken. Reads files, believes none of them."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mesh_core.approvals.action_folders import BY_FILE, ActionFolders
from mesh_core.approvals.proposal_files import BY_SUFFIX, REASON_SUFFIX, name_of, signed_reason
from mesh_core.approvals.reasons import told_reason
from mesh_core.models.events import HealthEvent
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.storage.event_files import MAX_LINE_BYTES
from mesh_core.storage.files import read_regular
from mesh_core.storage.json_files import object_in, read_object
from observer.index.keys import LAST_MS, day_of, ms_at, parts_of

SUMMARY = 160
REASON = 400
RUNS = (Folder.RUNNING, Folder.DONE, Folder.FAILED, Folder.INTERRUPTED, Folder.WITHDRAWN)


@dataclass(frozen=True)
class ArchivedEvent:
    """What one line of the archive says, or one file of how it was before; either half may be missing."""

    node: str
    ms: int
    sequence: int
    event: HealthEvent | None
    verdict: str | None
    action_id: str | None


def read_event_line(line: bytes, node: str, day: str) -> ArchivedEvent | None:
    """A line of a node's file of a day; None for what is none: its id says which event it is."""
    value = object_in(line)
    parts = parts_of(str(value.get("id")))
    # Where a file system knows no capitals two nodes may share a file; any other name does not belong here.
    if parts is None or parts[0].casefold() != node.casefold() or day_of(parts[1]) != day:
        return None
    return _archived(parts, value)


def read_event_file(path: Path) -> ArchivedEvent | None:
    """None for what is not (or not any more) a file of the archive: its name says which event it is."""
    parts = parts_of(f"{path.parent.name}/{path.name.removeprefix('evt-').removesuffix('.json')}")
    value = read_object(path, MAX_LINE_BYTES)
    return _archived(parts, value) if parts and value else None


def _archived(parts: tuple[str, int, int], value: dict[str, Any]) -> ArchivedEvent:
    return ArchivedEvent(*parts, _event(value.get("event"), parts[0]), *_decided(value.get("decision")))


def _event(value: Any, node: str) -> HealthEvent | None:
    try:
        event = HealthEvent.model_validate(value)
    except ValidationError:
        return None
    return event if event.node == node else None


def _decided(value: Any) -> tuple[str | None, str | None]:
    if not isinstance(value, dict):
        return None, None
    verdict, action_id = (value.get(name) for name in ("verdict", "action_id"))
    return (
        text_of(verdict, 40) if isinstance(verdict, str) else None,
        text_of(action_id, 300) if isinstance(action_id, str) else None,
    )


def text_of(value: object, limit: int) -> str:
    """Something foreign as text that a database can hold: no half characters, one line, at most so long."""
    shown = " ".join(str(value)[: 2 * limit].split())[:limit]
    return shown.encode("utf-8", "replace").decode()


def summary_of(event: HealthEvent) -> str:
    """What a payload says in one short line: the words a person would search for first."""
    first_words = event.payload.get("reason") or event.payload.get("message") or event.payload.get("summary")
    first = [first_words] if isinstance(first_words, str) else []
    rest = [f"{key} {_short(value)}" for key, value in list(event.payload.items())[:20] if value != first_words]
    return text_of("; ".join([*first, *rest]), SUMMARY)


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value[:SUMMARY]
    return "" if isinstance(value, dict | list) else str(value)[:40]


# None where nothing says it.
_OF_A_PROPOSAL = (
    *("verdict", "node", "service", "type", "action", "risk", "event_id", "model", "provider", "position"),
    *("confidence", "undone", "symptom_ms", "proposed_ms", "decided_ms", "started_ms", "finished_ms"),
)


def action_row(actions: ActionFolders, folder: Folder, path: Path) -> dict[str, Any] | None:
    """A row of the table `actions`; None when it is gone or is no thing of ours.

    In quarantine/ anything is one, a link and a pipe too: of these the note beside them is read, and nothing else.
    """
    try:
        status = path.lstat()
    except OSError:
        return None
    trusted = folder is not Folder.QUARANTINE
    if trusted and not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return None
    is_run = trusted and stat.S_ISDIR(status.st_mode)
    name = name_of(path.name)
    by, reason = _note(path) if not is_run else ("", "")
    changed_ms = min(status.st_ctime_ns // 1_000_000, LAST_MS)
    row: dict[str, Any] = dict.fromkeys(_OF_A_PROPOSAL) | {
        "id": name.id if name and trusted else text_of(path.name, 300),
        "folder": folder.value,
        "at_ms": changed_ms,
        "by": by,
        "reason": reason,
        "attempt": 1,
    }
    if trusted and (proposal := actions.proposal_at(path)) is not None:
        row |= _of_proposal(proposal) | {"reason": reason or told_reason(proposal)}
    if is_run:
        row |= _of_claim(path)
    if folder is Folder.REJECTED:
        row["decided_ms"] = changed_ms
    if is_run and (outcome := actions.outcome_at(path)) is not None:
        row |= _of_outcome(outcome)
    return row | {"reason": text_of(row["reason"], REASON), "by": text_of(row["by"], 200)}


def _of_proposal(proposal: Proposal) -> dict[str, Any]:
    event_id = proposal.event.id
    parts = parts_of(event_id or "")
    return {
        "node": proposal.node,
        "service": proposal.service,
        "type": proposal.type,
        "action": str(proposal.action),
        "risk": proposal.risk_level.value,
        "attempt": max(1, min(proposal.attempt, 10**6)),
        "event_id": event_id[:300] if event_id else None,
        "model": proposal.model.name[:200],
        "provider": proposal.model.provider[:100],
        "position": max(0, min(proposal.model.position, 10**6)),
        "confidence": float(proposal.confidence),
        "symptom_ms": parts[1] if parts else ms_at(proposal.event.timestamp),
        "proposed_ms": ms_at(proposal.created_at),
    }


def _of_claim(run: Path) -> dict[str, Any]:
    """Who said yes and when it was claimed, out of intent.json (the executor's), or the approver's note."""
    raw = read_regular(run / "intent.json", 64 * 1024)
    try:
        value = json.loads(raw or b"null")
        approver, claimed_at = value["approver"], value["claimed_at"]
        return {"by": approver, "decided_ms": ms_at(claimed_at)}
    except (ValueError, TypeError, KeyError, RecursionError):
        note = read_regular(run / BY_FILE, 512)
        return {"by": note.decode("utf-8", "replace").strip()[:128]} if note else {}


def _of_outcome(outcome: Outcome) -> dict[str, Any]:
    finished = ms_at(outcome.finished_at)
    ran = outcome.result != "withdrawn"
    return {
        "node": outcome.node,
        "service": outcome.service,
        "type": outcome.type,
        "verdict": outcome.verdict,
        "undone": outcome.undone is True,
        "reason": outcome.reason[: 2 * REASON],
        "attempt": max(1, min(outcome.attempt, 10**6)),
        "started_ms": ms_at(outcome.started_at) if ran else None,
        "finished_ms": finished if ran else None,
        **({"by": outcome.approved_by} if outcome.approved_by else {}),
        **({"at_ms": finished} if finished is not None else {}),
    }


def _note(path: Path) -> tuple[str, str]:
    """(who, reason) as the note beside a file says."""
    for suffix in (REASON_SUFFIX, BY_SUFFIX):
        raw = read_regular(path.with_name(os.fsdecode(os.fsencode(path.name)[:241]) + suffix), 16 * 1024)
        if raw is None:
            continue
        text = "".join(c if c.isprintable() else "\n" for c in raw.decode("utf-8", "replace")).strip()
        if suffix == BY_SUFFIX:
            return text[:128], ""
        return signed_reason(text)
    return "", ""
