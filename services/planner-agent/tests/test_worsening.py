"""Nothing that was told of a trouble hides that it got worse: no cooldown, no open proposal, no decision."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from planner_rig import Mesh, SayingProvider, first_choice

from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import Folder
from mesh_core.storage import files
from mesh_core.testing import wait_for
from planner_agent import proposal_writer
from planner_agent.store.worsening import Weight, is_worse, may_be_worse, weight_of

SHAKY: dict[str, Any] = {"kind": "latency_high", "severity": "warning", "payload": {}}


def event(kind: str = "container_died", severity: str = "error") -> HealthEvent:
    return HealthEvent(id="web01/1-0", type=kind, node="web01", service="nginx", severity=severity)  # type: ignore[arg-type]


def told(
    kind: str = "container_died", severity: str = "error", proposed: str = "notify", preferred: str = "notify"
) -> Weight:
    return weight_of(event(kind, severity), proposed, preferred)


@pytest.mark.parametrize(
    ("now", "preferred", "before", "worse"),
    [
        (event(severity="critical"), "notify", told(), True),
        (event(severity="warning"), "notify", told(), False),
        (event(), "notify", told(), False),
        # More is to be done for it now: it died, it is gone, it is no first look any more.
        (event("container_died"), "restart", told("container_unhealthy"), True),
        (event("container_died"), "notify", told("container_unhealthy"), True),
        (event("latency_high"), "notify", told("container_unhealthy"), False),
        (event(), "redeploy", told(proposed="restart", preferred="restart"), True),
        (event(), "notify", told(proposed="ignore", preferred="ignore"), True),
        (event("mount_missing"), "mount_again", told("unit_failed"), True),  # what it is mounted from is back
        # A model chose less than policy would: its own repeats are no news, what is of another type is.
        (event(), "restart", told(proposed="notify", preferred="restart"), False),
        (event("container_died"), "restart", told("container_unhealthy", proposed="notify", preferred="restart"), True),
        # Less to be done, and no worse.
        (event("http_probe_failed"), "notify", told(proposed="restart", preferred="restart"), False),
    ],
)
def test_what_is_worse(now: HealthEvent, preferred: str, before: Weight, worse: bool) -> None:
    assert is_worse(now, preferred, before) is worse
    assert may_be_worse(now, before) or not worse or before.preferred > 0


def test_two_senders_who_disagree_do_not_take_turns() -> None:
    loud, deep = event("container_restart_loop", "critical"), event("container_died", "error")
    known = weight_of(deep, "restart", "restart")
    assert is_worse(loud, "notify", known)
    known = known.and_then(weight_of(loud, "notify", "notify"))
    assert not is_worse(deep, "restart", known)
    assert not is_worse(loud, "notify", known)


def test_a_weight_survives_the_wire_and_rubbish_is_none() -> None:
    assert Weight.read(told().wire()) == told()
    for raw in (b"", b"{", b"[1]", b"7", b'"x"'):
        assert Weight.read(raw) is None


async def _withdrawn(mesh: Mesh, name: Any) -> str:
    """Why it went."""
    path = mesh.actions.folder(Folder.WITHDRAWN) / name.file
    reason = path.with_name(f"{path.name}.reason.txt")
    await wait_for(lambda: path.exists() and reason.exists(), 10, "the older proposal is withdrawn, and why is said")
    return reason.read_text()


async def test_a_container_with_an_open_notification_that_then_dies_is_proposed_anew_at_once(mesh: Mesh) -> None:
    await mesh.start()
    first = await mesh.happens(**SHAKY)
    (notify,) = await mesh.proposed()
    assert (notify.proposal.action, await mesh.verdict_of(first)) == ("notify", "proposed")
    died = await mesh.happens()
    why = await _withdrawn(mesh, notify.name)
    (restart,) = mesh.proposals()
    assert (restart.proposal.action, restart.proposal.event.id) == ("restart", died)
    assert any(e.source == "told before" and notify.name.id in e.text for e in restart.proposal.evidence)
    assert "it got worse: error container_died" in why
    assert restart.name.id in why

    async def told_in_order() -> bool:
        updates = [(u["action_id"], u["from"], u["to"]) for u in await mesh.stream("mesh:actions")]
        old, new = notify.name.id, restart.name.id
        return sorted(updates) == sorted([(old, "", "pending"), (old, "pending", "withdrawn"), (new, "", "pending")])

    await wait_for(told_in_order, 10, "each move is told once")
    # Neither the one nor the other is news from now on.
    assert await mesh.verdict_of(await mesh.happens()) == "suppressed"
    assert await mesh.verdict_of(await mesh.happens(**SHAKY)) == "counted"
    assert [filed.name for filed in mesh.proposals()] == [restart.name]


async def test_information_that_was_ignored_does_not_hide_the_critical_word_after_it(mesh: Mesh) -> None:
    await mesh.start()
    ignored = await mesh.happens("queue_long", severity="info", payload={})
    assert await mesh.verdict_of(ignored) == "ignored"
    assert await mesh.verdict_of(await mesh.happens("queue_long", severity="info", payload={})) == "suppressed"
    critical = await mesh.happens("queue_long", severity="critical", payload={})
    (filed,) = await mesh.proposed()
    assert filed.proposal.event.id == critical


async def test_an_alert_that_turns_critical_takes_the_place_of_its_own_warning(mesh: Mesh) -> None:
    """A severity is a label, so for Alertmanager these are two alerts."""

    def alert(severity: str) -> HealthEvent:
        labels = {"alertname": "LinkFlaps", "device": "eth0", "severity": severity}
        return HealthEvent(
            type="link_flaps",
            node="web01",
            severity=severity,  # type: ignore[arg-type]
            payload={"source": "alertmanager", "alertname": "LinkFlaps", "labels": labels},
            incident=f"alertmanager/{severity}/x",
        )

    await mesh.start()
    await mesh.bus.enter(alert("warning"), Trust.FOREIGN)
    (warning,) = await mesh.proposed()
    await mesh.bus.enter(alert("critical"), Trust.FOREIGN)
    await _withdrawn(mesh, warning.name)
    (critical,) = mesh.proposals()
    assert critical.proposal.event.severity == "critical"
    # The greater trouble is over, and the lesser is still there.
    await mesh.bus.enter(alert("critical").model_copy(update={"type": "service_recovered"}), Trust.FOREIGN)
    await wait_for(lambda: mesh.proposals() == [], 10, "the critical one is withdrawn")
    again = await mesh.bus.enter(alert("warning"), Trust.FOREIGN)
    assert again is not None
    (anew,) = await mesh.proposed()
    assert anew.proposal.event.id == again.id


async def test_a_rejected_incident_that_gets_worse_is_proposed_again_and_once(mesh: Mesh) -> None:
    await mesh.start(cooldown_ms=1)
    incident = "web01/nginx/1"
    await mesh.happens("container_unhealthy", severity="warning", incident=incident)
    (filed,) = await mesh.proposed()
    assert mesh.actions.reject(filed.name, "leave it", "test")
    assert (
        await mesh.verdict_of(await mesh.happens("container_unhealthy", severity="warning", incident=incident))
        == "counted"
    )
    worse = await mesh.happens("container_restart_loop", severity="critical", incident=incident)
    (second,) = await mesh.proposed()
    assert second.proposal.event.id == worse
    assert (
        await mesh.verdict_of(await mesh.happens("container_restart_loop", severity="critical", incident=incident))
        == "counted"
    )


async def test_what_gets_worse_while_a_model_thinks_is_asked_about_after_it(mesh: Mesh) -> None:
    slow = SayingProvider(first_choice)
    slow.may_answer.clear()
    slow.timeout_seconds = 60
    await mesh.start([slow])
    await mesh.happens(**SHAKY)
    await wait_for(lambda: slow.asked == 1, 10, "the model is asked")
    died = await mesh.happens()
    repeat = await mesh.happens(**SHAKY)
    assert await mesh.verdict_of(repeat) == "suppressed"
    slow.may_answer.set()

    await wait_for(mesh.all_acknowledged, 10, "both are dealt with")
    assert [filed.proposal.event.id for filed in mesh.proposals()] == [died]


async def test_another_planner_that_files_the_lesser_trouble_later_takes_its_own_back(mesh: Mesh) -> None:
    slow = SayingProvider(first_choice)
    slow.may_answer.clear()
    slow.timeout_seconds = 60
    await mesh.start([slow], name="p1")
    await mesh.happens(**SHAKY)
    await wait_for(lambda: slow.asked == 1, 10, "the first planner asks its model")
    quick = SayingProvider(first_choice)
    await mesh.start([quick], name="p2")
    ids: list[str] = []

    async def filed_by_the_second() -> bool:
        ids.append(await mesh.happens("container_restart_loop", severity="critical"))  # the first may read it, too
        return bool(mesh.proposals())

    await wait_for(filed_by_the_second, 10, "the second planner files the greater trouble")
    slow.may_answer.set()

    await wait_for(mesh.all_acknowledged, 10, "all is dealt with")
    (filed,) = mesh.proposals()
    assert filed.proposal.event.id in ids


async def test_a_full_disk_between_filing_and_withdrawal_leaves_the_newer_one(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, refused = files._write_temporary, []

    def full_at_first(path: Path, data: bytes, *more: Any) -> Path:
        if path.parent.name == Folder.WITHDRAWN and not refused:
            refused.append("disk")
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data, *more)

    monkeypatch.setattr(proposal_writer, "RETRY_SECONDS", 0.05)
    await mesh.start()
    assert await mesh.verdict_of(await mesh.happens(**SHAKY)) == "proposed"
    (older,) = mesh.proposals()
    monkeypatch.setattr(files, "_write_temporary", full_at_first)
    died = await mesh.happens()
    assert await mesh.verdict_of(died) == "proposed"
    await _withdrawn(mesh, older.name)
    assert refused == ["disk"]
    assert [filed.proposal.event.id for filed in mesh.proposals()] == [died]

    async def told() -> bool:  # the files come first, what is said of them after that
        moves = [(u["from"], u["to"]) for u in await mesh.stream("mesh:actions")]
        return sorted(moves) == [("", "pending"), ("", "pending"), ("pending", "withdrawn")]

    await wait_for(told, 10, "each move is told once")


async def test_what_a_person_approved_stays_approved_and_the_worse_is_told_beside_it(mesh: Mesh) -> None:
    await mesh.start()
    assert await mesh.verdict_of(await mesh.happens(**SHAKY)) == "proposed"
    (filed,) = mesh.proposals()
    approved = mesh.actions.folder(Folder.APPROVED) / filed.path.name
    filed.path.rename(approved)
    died = await mesh.happens()
    (second,) = await mesh.proposed()
    assert second.proposal.event.id == died
    assert approved.exists()
    assert await mesh.verdict_of(died) == "proposed"
    assert list(mesh.actions.folder(Folder.WITHDRAWN).iterdir()) == []


async def test_what_a_running_repair_stops_is_no_news_and_what_it_leaves_behind_is(mesh: Mesh) -> None:
    await mesh.start()
    assert await mesh.verdict_of(await mesh.happens("container_unhealthy")) == "proposed"
    (filed,) = mesh.proposals()
    running = mesh.actions.folder(Folder.RUNNING) / filed.name.id
    running.mkdir()
    filed.path.rename(running / "proposal.json")
    assert await mesh.verdict_of(await mesh.happens("container_died")) == "counted"
    running.rename(mesh.actions.folder(Folder.FAILED) / filed.name.id)
    died = await mesh.happens("container_died")
    (second,) = await mesh.proposed()
    assert second.proposal.event.id == died


async def test_two_full_disks_are_two_proposals_and_each_recovers_by_itself(mesh: Mesh) -> None:
    await mesh.start()
    for number, mount in enumerate(("/", "/srv/data")):
        await mesh.happens("disk_space_low", service=None, incident=f"web01//{number}", payload={"mount": mount})
    filed = await mesh.proposed(2)
    assert sorted(one.proposal.event.payload["mount"] for one in filed) == ["/", "/srv/data"]
    await mesh.happens("service_recovered", service=None, incident="web01//0", severity="info", payload={"mount": "/"})
    await wait_for(lambda: len(mesh.proposals()) == 1, 10, "the one that is well again is withdrawn")
    assert mesh.proposals()[0].proposal.event.payload["mount"] == "/srv/data"
