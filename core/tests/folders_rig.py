"""Proposals in the folders where people say yes, put there as the planner and a person would."""

from __future__ import annotations

from mesh_core.approvals.proposal_files import ActionName, Receipt
from mesh_core.models.events import HealthEvent
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder, ModelRef, Proposal, proposal_id
from mesh_core.testing import AllFolders

THEN = "2026-01-01T00:00:00Z"


def proposal_for(number: int = 1, *, reason: str = "it died with 137") -> Proposal:
    event = HealthEvent(id=f"here/{number}-0", type="container_died", node="here", service="web", timestamp=THEN)
    return Proposal(
        id=proposal_id(f"here/{number}-0", "here", "web"),
        type="container_restart",
        action="restart",
        risk_level="low",
        node="here",
        service="web",
        reason=reason,
        confidence=0.5,
        created_at=THEN,
        expires_at="2036-01-01T00:00:00Z",
        event=event,
        model=ModelRef(name="floor", provider="floor", position=1, latency_ms=0),
    )


def pending(actions: AllFolders, proposal: Proposal) -> ActionName:
    actions.draft(proposal, "t1")
    name = actions.file_draft(proposal.id, Receipt("t1", b"{}"))
    assert name is not None
    return name


def approved(actions: AllFolders, number: int = 1, **changes: str) -> ActionName:
    name = pending(actions, proposal_for(number, **changes))
    (actions.folder(Folder.PENDING) / name.file).rename(actions.folder(Folder.APPROVED) / name.file)
    return name


def outcome_for(name: ActionName) -> Outcome:
    return Outcome(
        action_id=name.id,
        digest=name.digest,
        result="done",
        verdict="proven",
        reason="green",
        node="here",
        service="web",
        type="container_restart",
        started_at="2026-01-01T00:00:00Z",
        finished_at="2026-01-01T00:00:01Z",
    )
