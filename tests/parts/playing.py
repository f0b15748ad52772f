"""An Ansible pool and run folders to play in. Knows the executor's rooms; starts no service."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from executor_rig import event_id_for

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.ansible import StageContext, StageLimits, run_stage, write_project
from executor_agent.runner.stages import StagePlan
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.register import playbook_for
from mesh_core.models.events import HealthEvent
from mesh_core.models.outcomes import Stage
from mesh_core.models.proposals import ModelRef, Proposal, Risk, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.policy.inventory import Inventory
from parts.engine import Engine

LOCAL = b"all: {hosts: {box: {ansible_connection: local}}}\n"


def a_proposal(
    service: str | None = "web",
    kind: str = "container_restart",
    payload: dict[str, Any] | None = None,
    node: str = "box",
) -> Proposal:
    """A proposal as the planner files it, about `service` on `node`."""
    now = datetime.now(UTC)
    event_id = event_id_for(1, node)
    event = HealthEvent(id=event_id, type="container_died", node=node, service=service, payload=payload or {})
    return Proposal(
        id=proposal_id(event_id, node, service),
        type=kind,
        action="restart",
        risk_level=Risk.LOW,
        node=node,
        service=service,
        reason="somebody said it is down",
        confidence=1,
        created_at=rfc3339(now),
        expires_at=rfc3339(now + timedelta(days=1)),
        event=event,
        model=ModelRef(name="m", provider="floor", position=1, latency_ms=0),
    )


@dataclass
class Run:
    """A run folder of one proposal and what is needed to play its stages."""

    folder: Path
    proposal: Proposal
    pool: AnsiblePool
    cancel: threading.Event = field(default_factory=threading.Event)
    limits: StageLimits = field(default_factory=lambda: StageLimits(stage_seconds=300))
    lines: list[str] = field(default_factory=list)

    @property
    def context(self) -> StageContext:
        proposal = self.proposal
        return StageContext(self.pool, proposal.id, proposal.node, self.folder, self.limits, self.cancel)

    def play(self, stage: StagePlan, on_result: Callable[[str, dict[str, Any]], None] | None = None) -> Stage:
        return run_stage(stage, self.context, self.lines.append, on_result)

    def log(self, name: str) -> str:
        return (self.folder / "logs" / f"{name}.log").read_text()


class Prepare(Protocol):
    """Makes a Run whose project and inventory are written; with `text`, that is every playbook of it."""

    def __call__(
        self, pool: AnsiblePool, proposal: Proposal | None = None, text: str | None = None, inventory: bytes = LOCAL
    ) -> Run: ...


@pytest.fixture(scope="session")
def pool() -> Iterator[AnsiblePool]:
    """A pool without an engine."""
    pool = AnsiblePool.start(os.environ)
    assert pool.wait_ready(60)
    yield pool
    pool.stop()


@pytest.fixture(scope="session")
def docker_pool(engine: Engine) -> Iterator[AnsiblePool]:
    """A pool whose runs reach the engine of the tests."""
    pool = AnsiblePool.start(engine.env)
    assert pool.wait_ready(60)
    yield pool
    pool.stop()


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """See `Prepare`."""

    def make(
        pool: AnsiblePool, proposal: Proposal | None = None, text: str | None = None, inventory: bytes = LOCAL
    ) -> Run:
        proposal = proposal or a_proposal()
        folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        plays = playbook_for(proposal) if text is None else PlaybookSet(text, text, text)
        hosts = Inventory.parse(inventory)
        write_project(folder, plays, hosts.only(proposal.node) if hosts.is_host(proposal.node) else hosts)
        return Run(folder, proposal, pool)

    return make
