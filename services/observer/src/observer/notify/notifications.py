"""Notification: what is worth telling people, out of action updates and world updates. Pure; asks nobody.

Its facts may hold free text of a model or an event: wording.py makes that inert.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from mesh_core.actions.register import is_message
from mesh_core.llm.reasons import is_a_models, told_reason
from mesh_core.models.events import Severity, WorldUpdate
from mesh_core.models.proposals import ActionUpdate, Folder, Proposal
from mesh_core.models.records import Record, Timestamp
from observer.world import HealthState


class NotificationKind(StrEnum):
    PROPOSAL = "proposal"  # a model proposes something
    FLOOR = "floor"  # no model gave an answer: the policy's own choice is proposed
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    QUARANTINE = "quarantine"  # an approved file that is not to be trusted
    EXPIRED = "expired"  # nobody decided in time
    NODE_OFFLINE = "node_offline"
    NODE_ONLINE = "node_online"


OUTCOMES = {
    Folder.DONE: (NotificationKind.DONE, Severity.INFO),
    Folder.FAILED: (NotificationKind.FAILED, Severity.ERROR),
    Folder.INTERRUPTED: (NotificationKind.INTERRUPTED, Severity.ERROR),
    Folder.QUARANTINE: (NotificationKind.QUARANTINE, Severity.WARNING),
    Folder.EXPIRED: (NotificationKind.EXPIRED, Severity.WARNING),
}
FACT_CHARS = 600
WAITING = frozenset({NotificationKind.PROPOSAL, NotificationKind.FLOOR})


class Notification(Record):
    """One thing. `key` is the same whenever the same thing is told of again."""

    key: str
    kind: NotificationKind
    at: Timestamp
    severity: Severity = Severity.INFO
    node: str
    service: str | None = None
    action_id: str | None = None
    facts: dict[str, str] = Field(default_factory=dict)


def news_of_action(update: ActionUpdate, proposal: Proposal | None) -> Notification | None:
    """A new proposal, or what became of one; None for what people did themselves and for a message that was sent."""
    if update.to_folder == Folder.PENDING and update.from_folder == "":
        if proposal is None:
            return None  # decided before we looked: what came of it is news of its own
        kind, severity = NotificationKind.PROPOSAL, proposal.event.severity
        if not is_a_models(proposal):
            kind = NotificationKind.FLOOR
    elif update.to_folder in set(OUTCOMES):
        kind, severity = OUTCOMES[Folder(update.to_folder)]
        if kind is NotificationKind.DONE and is_message(update.type):
            return None  # the message itself has told them
    else:
        return None
    return Notification(
        key=f"{update.action_id}:{update.from_folder}:{update.to_folder}",
        kind=kind,
        at=update.ts,
        severity=severity,
        node=update.node,
        service=update.service,
        action_id=update.action_id,
        facts=_short({"type": update.type, **_of_proposal(proposal), "by": update.by, **_own_reason(update)}),
    )


def news_of_world(update: WorldUpdate, entry_id: str) -> Notification | None:
    """A node whose agent fell silent, or is back; None for everything else."""
    if update.service is not None or HealthState.OFFLINE not in (update.from_state, update.to_state):
        return None
    gone = update.to_state == HealthState.OFFLINE
    return Notification(
        key=f"world:{entry_id}",
        kind=NotificationKind.NODE_OFFLINE if gone else NotificationKind.NODE_ONLINE,
        at=update.ts,
        severity=update.severity if gone else Severity.INFO,
        node=update.node,
        facts={"state": update.to_state},
    )


def _own_reason(update: ActionUpdate) -> dict[str, str]:
    """Why it came to this; a new proposal has its own."""
    return {"reason": update.reason} if update.to_folder != Folder.PENDING else {}


def _short(facts: dict[str, str]) -> dict[str, str]:
    """Somebody else's text may be long, and all of it would lie in the outbox."""
    return {name: text[:FACT_CHARS] for name, text in facts.items()}


def _of_proposal(proposal: Proposal | None) -> dict[str, str]:
    if proposal is None:
        return {}
    return {
        "reason": told_reason(proposal),
        "risk": proposal.risk_level.value,
        "confidence": f"{proposal.confidence:.2f}",
        "model": proposal.model.name,
        "expires": proposal.expires_at,
        "event": proposal.event.type,
        "severity": proposal.event.severity.value,
    }
