"""Approved files as admission reads them, and the inventory and policy that they are held against. Not a test."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from executor_rig import proposal_for

from executor_agent.admission.admission import Denied, admit
from executor_agent.admission.candidate import Candidate
from mesh_core.approvals.proposal_files import ActionName, digest_of
from mesh_core.models.proposals import Proposal
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.policy import Policy

NOW = datetime.now(UTC)
CONFIG = ConfigSnapshot(Inventory.parse(b"all: {hosts: {here: {}, there: {}}}"), Policy.load(None))


def candidate(proposal: Proposal, raw: bytes | None = None, name: str | None = None) -> Candidate:
    data = proposal.wire() if raw is None else raw
    return Candidate(name or ActionName(proposal.id, digest_of(data)).file, (1, len(data), 1), data)


def reason_for(proposal: Proposal, config: ConfigSnapshot = CONFIG) -> str:
    admission = admit(candidate(proposal), config, NOW)
    assert isinstance(admission, Denied), admission
    assert not admission.maybe_incomplete
    return admission.reason


def changed(**changes: Any) -> Proposal:
    return Proposal.model_construct(**{**proposal_for(1).__dict__, **changes})
