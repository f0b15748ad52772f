"""Did something else fall ill meanwhile: told by what the node's own agent said, and by nobody else."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
import redis.asyncio as aioredis
from executor_rig import QUICK, ExecutorHarness, proposal_for

from executor_agent.loop.neighbours import Neighbourhood, compared
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import Folder
from mesh_core.testing import wait_for

AT = "2026-05-05T10:00:00.000Z"


def said(type_: str, service: str | None, incident: str = "1", **more: Any) -> HealthEvent:
    known = {"id": "here/1-0", "node": "here", "severity": "error", "timestamp": AT, "trust": Trust.NODE}
    return HealthEvent.model_validate(
        {**known, "type": type_, "service": service, "incident": f"here/{service}/{incident}", **more}
    )


DIED = said("container_died", "db")
WELL = said("service_recovered", "db", severity="info")


@pytest.mark.parametrize(
    ("before", "since", "words"),
    [
        ([], [], "nothing else of here became unhealthy meanwhile, as far as its agent told"),
        (
            [said("container_died", "web")],
            [],
            "nothing else of here became unhealthy meanwhile, as far as its agent told",
        ),
        ([DIED, WELL], [], "1 other service of here was healthy before and still is"),
        (
            [DIED, WELL, said("unit_failed", "mail"), said("service_recovered", "mail", severity="info")],
            [said("container_died", "web"), said("service_recovered", "web", severity="info")],
            "2 other services of here were healthy before and still are",
        ),
        ([], [DIED], f"here/db is unhealthy since {AT} (container died)"),
        ([DIED, WELL], [said("container_died", "db", "2")], f"here/db is unhealthy since {AT} (container died)"),
        ([DIED], [DIED], "nothing else of here became unhealthy meanwhile, as far as its agent told"),
        ([], [DIED, WELL], "nothing else of here became unhealthy meanwhile, as far as its agent told"),
        ([], [said("disk_space_low", None)], f"here/ is unhealthy since {AT} (disk space low)"),
        (
            [],
            [said("deployment_started", "db", severity="info")],
            "nothing else of here became unhealthy meanwhile, as far as",
        ),
        (
            [],
            [said("container_died", name) for name in "abcde"],
            f"here/c is unhealthy since {AT} (container died) and 2 more",
        ),
    ],
)
def test_only_what_began_since_and_lasts_counts_and_never_the_target_itself(
    before: list[HealthEvent], since: list[HealthEvent], words: str
) -> None:
    seen = Neighbourhood()
    seen.hear(before)
    ill, well = frozenset(seen.open), seen.well() - {"web"}
    seen.hear(since)
    told = compared(proposal_for(1), ill, well, seen)
    assert told.startswith(words) or told.endswith(words), told


async def test_what_fell_ill_beside_a_run_stands_in_its_outcome(
    harness: ExecutorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executor_agent.loop.neighbours.SECONDS", 60.0)
    client = aioredis.Redis.from_url(harness.redis_url)
    first = int(time.time() * 1000) - 60_000

    async def tell(number: int, type_: str, service: str, severity: str) -> None:
        event = {"type": type_, "node": "here", "service": service, "severity": severity, "incident": f"here/{service}"}
        await client.xadd("mesh:ev:here", {"p": json.dumps(event)}, id=f"{first + number}-0")

    await tell(1, "container_died", "mail", "error")
    await tell(2, "service_recovered", "mail", "info")
    harness.runner.seconds = 60
    harness.limits = replace(QUICK, stop_seconds=0.2)
    await harness.begin()
    sick = harness.approve(proposal_for(1))
    await wait_for(harness.runner.runs, 30, "it runs")
    await tell(3, "container_died", "db", "error")
    harness.runner.seconds = 0
    await harness.end()
    told = harness.outcome(Folder.INTERRUPTED, sick.id).reason
    assert "here/db is unhealthy since" in told
    await harness.begin()
    outcome = await harness.ends_in(Folder.DONE, harness.approve(proposal_for(2)), 30)
    assert outcome.reason == "the probe is green again; 1 other service of here was healthy before and still is"
    elsewhere = await harness.ends_in(Folder.DONE, harness.approve(proposal_for(3, node="there")), 30)
    assert elsewhere.reason == "the probe is green again", "nobody tells of that node"
    await client.aclose()
