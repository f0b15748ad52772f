"""What may come from something at work on its host waits for its end; what must not wait in silence is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from planner_rig import Mesh

from mesh_core.messaging.held import held_now
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.records import rfc3339
from mesh_core.testing import wait_for

NOW = datetime.now(UTC)
INCIDENT = "web01/nginx/1"


def apt(minutes: float = 3) -> dict[str, str]:
    return {"kind": "packages", "what": "apt-get upgrade", "since": rfc3339(NOW - timedelta(minutes=minutes))}


async def fails(mesh: Mesh, *work: dict[str, str], minutes: float = 2, severity: str = "error", **more: Any) -> str:
    """The unit does not run since so long; this is at work there."""
    payload = {"runtime": "systemd", "active_state": "failed", "opened_at": rfc3339(NOW - timedelta(minutes=minutes))}
    payload |= {"at_work": list(work)} if work else {}
    event = {"payload": payload, "incident": INCIDENT, "timestamp": rfc3339(NOW), "severity": severity}
    return await mesh.happens("unit_failed", **{**event, **more})


async def reason_of(mesh: Mesh, event_id: str) -> str:
    (said,) = [d["reason"] for d in await mesh.stream("mesh:decisions") if d["event_id"] == event_id]
    return str(said)


def waiting(mesh: Mesh) -> list[str]:
    return [filed.proposal.action for filed in mesh.proposals()]


async def test_nothing_is_proposed_as_long_as_it_lasts_and_then_it_is(mesh: Mesh) -> None:
    await mesh.start()
    first = await fails(mesh, apt())
    assert await mesh.verdict_of(first) == "held"
    assert await reason_of(mesh, first) == "apt-get upgrade has been at work for 3 min (packages)"
    assert await mesh.verdict_of(await fails(mesh, apt(), announced_again=True)) == "held"
    assert not mesh.proposals()
    (held,) = await held_now(mesh.bus, datetime.now(UTC))
    assert (held.node, held.service, held.reason) == ("web01", "nginx", await reason_of(mesh, first))
    assert await mesh.verdict_of(await fails(mesh)) == "proposed"
    assert waiting(mesh) == ["restart"]
    assert await held_now(mesh.bus, datetime.now(UTC)) == []


async def test_what_began_before_it_waits_for_nothing(mesh: Mesh) -> None:
    await mesh.start()
    assert await mesh.verdict_of(await fails(mesh, apt(minutes=3), minutes=30)) == "proposed"
    (filed,) = mesh.proposals()
    assert any("apt-get upgrade has been at work for 3 min" in one.text for one in filed.proposal.evidence)


@pytest.mark.parametrize("way", ["critical", "for too long"])
async def test_what_must_not_wait_in_silence_is_told_and_its_repair_waits(mesh: Mesh, way: str) -> None:
    await mesh.start()
    work = apt(34)
    more: dict[str, Any] = {"severity": "critical"} if way == "critical" else {"minutes": 34}
    assert await mesh.verdict_of(await fails(mesh, work, **more)) == "proposed"
    (filed,) = mesh.proposals()
    assert filed.proposal.action == "notify"
    assert filed.proposal.reason == (
        "apt-get upgrade has been at work for 34 min (packages), and nginx: unit failed. "
        "No repair is proposed until it has ended."
    )
    for _ in range(2):
        assert await mesh.verdict_of(await fails(mesh, work, **more)) == "counted"
    assert await mesh.verdict_of(await fails(mesh, **more)) == "proposed"
    assert waiting(mesh) == ["restart"]

    async def told() -> bool:
        return any(u["to"] == "withdrawn" and "has ended" in u["reason"] for u in await mesh.stream("mesh:actions"))

    await wait_for(told, 10, "the message was withdrawn")


async def test_a_message_that_a_person_decided_about_is_told_once_and_hides_no_repair(mesh: Mesh) -> None:
    await mesh.start()
    assert await mesh.verdict_of(await fails(mesh, apt(), severity="critical")) == "proposed"
    (filed,) = mesh.proposals()
    assert mesh.actions.reject(filed.name, "I know", "ann")
    assert await mesh.verdict_of(await fails(mesh, apt(), severity="critical")) == "counted"
    assert not mesh.proposals()
    assert await mesh.verdict_of(await fails(mesh, severity="critical")) == "proposed"
    assert waiting(mesh) == ["restart"]


async def test_a_message_goes_too_when_something_else_was_at_work_in_between(mesh: Mesh) -> None:
    await mesh.start()
    assert await mesh.verdict_of(await fails(mesh, apt(34), minutes=34)) == "proposed"
    backup = {"kind": "backup", "what": "restic backup", "since": rfc3339(NOW - timedelta(minutes=35))}
    assert await mesh.verdict_of(await fails(mesh, {**backup, "since": apt(34)["since"]}, minutes=20)) == "held"
    assert await mesh.verdict_of(await fails(mesh, minutes=34)) == "proposed"
    assert waiting(mesh) == ["restart"]


async def test_a_declared_maintenance_holds_all_of_it_however_long(mesh: Mesh) -> None:
    await mesh.start()
    declared = {"kind": "maintenance", "what": "maintenance: new disks", "since": rfc3339(NOW - timedelta(hours=5))}
    event_id = await fails(mesh, declared, minutes=6 * 60)
    assert await mesh.verdict_of(event_id) == "held"
    assert await reason_of(mesh, event_id) == "maintenance: new disks for 5 h (maintenance)"


async def stranger_says(mesh: Mesh, service: str) -> str:
    event = HealthEvent(type="service_down", node="web01", service=service, payload={"at_work": [apt()]})
    entered = await mesh.bus.enter(event, Trust.FOREIGN)
    assert entered
    return str(entered.id)


async def test_a_strangers_word_holds_nothing(mesh: Mesh) -> None:
    await mesh.start()
    assert await mesh.verdict_of(await stranger_says(mesh, "api")) == "proposed"


@pytest.mark.parametrize("severity", ["error", "critical"])
async def test_what_a_stranger_says_of_what_its_agent_holds_waits_as_well(mesh: Mesh, severity: str) -> None:
    await mesh.start()
    first = await mesh.verdict_of(await fails(mesh, apt(), severity=severity))
    assert first == ("held" if severity == "error" else "proposed")
    said = await stranger_says(mesh, "nginx")
    assert await mesh.verdict_of(said) in ("held", "counted")
    assert waiting(mesh) == ([] if severity == "error" else ["notify"]), "and frees nothing"
    assert await mesh.verdict_of(await fails(mesh, severity=severity)) == "proposed"
    assert waiting(mesh) == ["restart"]
