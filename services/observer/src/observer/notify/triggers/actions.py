"""A proposal waits for people, or it came to its end. Not what people did themselves."""

from __future__ import annotations

from mesh_core.actions.register import is_message, only_asks, what_it_touches
from mesh_core.approvals.reasons import is_a_models, told_reason
from mesh_core.incidents.wording import what_is_wrong
from mesh_core.models.events import Severity
from mesh_core.models.proposals import ActionUpdate, Folder, Proposal
from observer.notify.notifications import Kind, Notification, Trigger, shortened

OUTCOMES = {
    Folder.DONE: ("done", Severity.INFO),
    Folder.FAILED: ("failed", Severity.ERROR),
    Folder.INTERRUPTED: ("interrupted", Severity.ERROR),
    Folder.QUARANTINE: ("quarantine", Severity.WARNING),
    Folder.EXPIRED: ("expired", Severity.WARNING),
}
WRONG_CHARS = 120  # in a title, before what would be done
NOT_CALIBRATED = (
    "not calibrated"  # what a template may still ask for: a number would be no more than a model's own word
)
_SUBJECT = "If you approve: $touches.\nWhat would run, and why: $link"
KINDS = (
    Kind(
        "proposal",
        "$place: $wrong ($type?)",
        f"$reason\nRisk $risk, model $model; expires $expires.\n{_SUBJECT}",
        awaits_decision=True,
    ),
    Kind(  # no model gave an answer: the policy's own choice is proposed
        "floor",
        "$place: $wrong ($type? no model answered)",
        f"$reason\nNo model answered: this is the policy's own choice. Risk $risk; expires $expires.\n{_SUBJECT}",
        awaits_decision=True,
    ),
    Kind("done", "$place: $type helped", "$reason\nAll about it: $link"),
    Kind("failed", "$place: $type FAILED", "$reason\nIts logs: $link"),
    Kind("interrupted", "$place: $type was cut short", "$reason\nIt is not repeated by itself: $link"),
    Kind("quarantine", "$place: an approved file was refused", "$reason\nNothing was run: $link"),
    Kind(
        "expired",
        "$place: nobody decided in time",
        "$wrong: $type was proposed and has expired. $link",
        by_default=False,
    ),
)


def notification_of_action(update: ActionUpdate, proposal: Proposal | None) -> Notification | None:
    """A new proposal, or what became of one; None for what people did, a preview, and a message that was sent."""
    if only_asks(update.type):
        return None  # a preview: who asked for it reads it
    if update.to_folder == Folder.PENDING and update.from_folder == "":
        if proposal is None:
            return None  # decided before we looked: what came of it is told of itself
        kind, severity = "proposal", proposal.event.severity
        if not is_a_models(proposal):
            kind = "floor"
    elif update.to_folder in set(OUTCOMES):
        kind, severity = OUTCOMES[Folder(update.to_folder)]
        if kind == "done" and is_message(update.type):
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
        facts=shortened({"type": update.type, **_of_proposal(proposal), "by": update.by, **_own_reason(update)}),
    )


def _own_reason(update: ActionUpdate) -> dict[str, str]:
    """Why it came to this; a new proposal has its own."""
    return {"reason": update.reason} if update.to_folder != Folder.PENDING else {}


def _of_proposal(proposal: Proposal | None) -> dict[str, str]:
    if proposal is None:
        return {}
    return {
        "reason": told_reason(proposal),
        "risk": proposal.risk_level.value,
        "confidence": NOT_CALIBRATED,
        "model": proposal.model.name,
        "expires": proposal.expires_at,
        "event": proposal.event.type,
        "wrong": what_is_wrong(proposal.event)[:WRONG_CHARS],
        "touches": what_it_touches(proposal),
        "severity": proposal.event.severity.value,
    }


TRIGGER = Trigger(ActionUpdate, KINDS, lambda update, entry, proposal: notification_of_action(update, proposal))
