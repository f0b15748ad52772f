"""While a silence holds, nothing is proposed; when it is over, what is still open is. A real Redis, a real folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from planner_rig import Mesh, SayingProvider, first_choice

from mesh_core.approvals.decisions import reject
from mesh_core.models.events import Decision, HealthEvent, Trust
from mesh_core.models.proposals import Folder, proposal_id
from mesh_core.silences.commands import SilenceRequest, acknowledge, maintain, snooze, unsilence
from mesh_core.silences.folder import SilenceFolder
from mesh_core.silences.put_aside import end_for_people
from mesh_core.silences.silence import Silence
from mesh_core.testing import AllFolders, wait_for
from planner_agent.intake.triage import Route, triage
from planner_agent.store.planner_store import GROUP, PlannerStore

NOW = datetime.now(UTC)
INCIDENT = "web01/nginx/1700000000000"


def request(**changes: Any) -> SilenceRequest:
    given: dict[str, Any] = {"node": "web01", "service": "nginx", "ends": datetime.now(UTC) + timedelta(hours=1)}
    return SilenceRequest(**{**given, "actor": "ann", "reason": "new disk", **changes})


def folder(mesh: Mesh) -> SilenceFolder:
    return SilenceFolder(mesh.runtime)


def let_it_end(mesh: Mesh, silence: Silence) -> None:
    """As if its time had come: the same silence, begun and ended in the past."""
    past = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-01T00:00:01Z"}
    path = folder(mesh).root / f"{silence.id}.json"
    path.unlink()
    folder(mesh).put(silence.model_copy(update=past))


def test_only_what_would_be_planned_is_silenced() -> None:
    silence = Silence(
        id="maintenance-00000000",
        kind="maintenance",  # type: ignore[arg-type]
        node="*",
        starts_at="2026-01-01T00:00:00Z",
        ends_at="2026-01-02T00:00:00Z",
        by="ann",
        created_at="2026-01-01T00:00:00Z",
    )
    routes = {
        kind: triage(HealthEvent(type=kind, node="web01"), [silence])
        for kind in ("container_died", "service_recovered", "deployment_started")
    }
    assert routes == {
        "container_died": Route.SILENCED,
        "service_recovered": Route.RECOVERY,
        "deployment_started": Route.NOTHING,
    }


async def test_in_a_maintenance_no_model_is_asked_and_the_event_is_kept_with_the_reason(mesh: Mesh) -> None:
    provider = SayingProvider(first_choice)
    silence = maintain(folder(mesh), request(node="web*", service=None), datetime.now(UTC)).silence
    await mesh.start([provider])
    event_id = await mesh.happens()
    assert await mesh.verdict_of(event_id) == "silenced"
    [decision] = [d for d in await mesh.stream(Decision.stream) if d["event_id"] == event_id]
    assert silence.id in decision["reason"]
    assert "by ann" in decision["reason"]
    assert "new disk" in decision["reason"]
    await mesh.happens(node="db01")
    [filed] = await mesh.proposed()
    assert filed.proposal.node == "db01"
    assert provider.asked == 1


async def test_trouble_that_is_still_open_after_the_end_is_proposed_at_once(mesh: Mesh) -> None:
    silence = maintain(folder(mesh), request(), datetime.now(UTC)).silence
    await mesh.start()
    assert await mesh.verdict_of(await mesh.happens(incident=INCIDENT)) == "silenced"
    unsilence(folder(mesh), silence.id, "ann")
    again = await mesh.happens(incident=INCIDENT)  # as a node agent says it every minute
    [filed] = await mesh.proposed()
    assert filed.proposal.event.id == again


async def test_a_silence_set_during_the_model_call_counts(mesh: Mesh) -> None:
    slow = SayingProvider(first_choice)
    slow.may_answer.clear()
    slow.timeout_seconds = 60
    await mesh.start([slow])
    event_id = await mesh.happens(incident=INCIDENT)
    await wait_for(lambda: slow.asked == 1, 10, "the model is asked")
    silence = maintain(folder(mesh), request(), datetime.now(UTC)).silence
    slow.may_answer.set()
    assert await mesh.verdict_of(event_id) == "silenced"
    assert mesh.proposals() == []
    assert list(mesh.actions.drafts()) == []
    let_it_end(mesh, silence)
    await mesh.happens(incident=INCIDENT)
    await mesh.proposed()  # its gate did not stay shut


async def test_an_acknowledgement_ends_with_the_recovery_and_the_next_trouble_is_proposed(mesh: Mesh) -> None:
    made = acknowledge(folder(mesh), mesh.actions, request(), datetime.now(UTC))
    assert made.aside == ()
    await mesh.start()
    assert await mesh.verdict_of(await mesh.happens()) == "silenced"
    # All three may be read in one batch: the order still counts.
    await mesh.happens("service_recovered", service="other", severity="info")
    await mesh.happens("service_recovered", severity="info")
    new = await mesh.happens("container_unhealthy")
    [filed] = await mesh.proposed()
    assert filed.proposal.event.id == new
    assert folder(mesh).current() == ()
    assert "service_recovered at" in folder(mesh).end_reason(made.silence.id)


async def test_an_acknowledgement_takes_nothing_back(mesh: Mesh) -> None:
    await mesh.start()
    await mesh.happens()
    [filed] = await mesh.proposed()
    acknowledge(folder(mesh), mesh.actions, request(), datetime.now(UTC))
    assert await mesh.verdict_of(await mesh.happens()) == "silenced"
    assert [f.name for f in mesh.proposals()] == [filed.name]


async def test_after_a_snooze_the_same_incident_is_proposed_anew_in_spite_of_cooldown_and_decision(mesh: Mesh) -> None:
    await mesh.start(cooldown_ms=3_600_000)
    first = await mesh.happens(incident=INCIDENT)
    [filed] = await mesh.proposed()
    later = datetime.now(UTC) + timedelta(hours=2)
    _, silence = snooze(folder(mesh), mesh.actions, filed.name.id, later, "ann", datetime.now(UTC), reason="asleep")
    assert silence.put_aside == {first: filed.name.id}
    told = mesh.actions.folder(Folder.REJECTED) / f"{filed.name.file}.reason.txt"
    assert told.read_text() == f"snoozed until {end_for_people(silence)} by ann: asleep\n-- ann\n"
    assert await mesh.verdict_of(await mesh.happens(incident=INCIDENT)) == "silenced"
    let_it_end(mesh, silence)
    again = await mesh.happens(incident=INCIDENT)
    [anew] = await mesh.proposed()
    assert anew.proposal.event.id == again
    # The new one is a proposal like any other: a plain no holds until the incident is over.
    reject(mesh.actions, anew.name.id, "no", "ann")
    assert await mesh.verdict_of(await mesh.happens(incident=INCIDENT)) == "suppressed"
    await mesh.bus.call("DEL", "cooldown:web01/nginx")
    assert await mesh.verdict_of(await mesh.happens(incident=INCIDENT)) == "counted"
    assert mesh.proposals() == []


async def test_a_snooze_of_a_whole_node_is_about_that_type_of_trouble_only(mesh: Mesh) -> None:
    await mesh.start()
    await mesh.happens("disk_full", service=None)
    [filed] = await mesh.proposed()
    later = datetime.now(UTC) + timedelta(hours=2)
    snooze(folder(mesh), mesh.actions, filed.name.id, later, "ann", datetime.now(UTC))
    assert await mesh.verdict_of(await mesh.happens("disk_full", service=None)) == "silenced"
    assert await mesh.verdict_of(await mesh.happens("node_offline", service=None)) == "proposed"


async def test_a_snooze_of_one_full_disk_leaves_the_other_one_heard(mesh: Mesh) -> None:
    await mesh.start()
    await mesh.happens("disk_full", service=None, payload={"mount": "/"})
    [filed] = await mesh.proposed()
    later = datetime.now(UTC) + timedelta(hours=2)
    snooze(folder(mesh), mesh.actions, filed.name.id, later, "ann", datetime.now(UTC))
    assert await mesh.verdict_of(await mesh.happens("disk_full", service=None, payload={"mount": "/"})) == "silenced"
    other = await mesh.happens("disk_full", service=None, payload={"mount": "/srv/data"})
    assert await mesh.verdict_of(other) == "proposed"


async def _as_left_by_a_crash(mesh: Mesh, *, filed: bool) -> str:
    """One event handed out to a planner that drafted (and filed) its proposal and died before it said so."""
    await mesh.start()
    await mesh.happens()
    [made] = await mesh.proposed()
    await mesh.stop()
    event = made.proposal.event
    action_id = proposal_id(event.id or "", "web01", "nginx")
    raw = made.path.read_bytes()
    await mesh.bus.call("FLUSHALL")
    memory = PlannerStore(mesh.bus, cooldown_ms=300_000, keep_seconds=3600)
    await mesh.bus.append("web01", (event.id or "").partition("/")[2], event.model_copy(update={"id": None}).wire())
    await mesh.bus.call("XGROUP", "CREATE", "mesh:ev:web01", GROUP, "0")
    await mesh.bus.call("XREADGROUP", "GROUP", GROUP, "p1", "STREAMS", "mesh:ev:web01", ">")
    assert [gate.holder for gate in await memory.gates.pass_each([event])] == [""]
    await mesh.bus.call("HSET", f"proposal:{action_id}", "token", "t1")
    if not filed:
        made.path.unlink()
        draft = mesh.actions.root / "pending" / ".wip" / f"{action_id}.t1.json"
        draft.write_bytes(raw)
    return event.id or ""


@pytest.mark.parametrize(("filed", "verdict"), [(False, "silenced"), (True, "proposed")])
async def test_what_a_crash_left_half_done_is_silenced_only_if_nobody_can_see_it_yet(
    mesh: Mesh, *, filed: bool, verdict: str
) -> None:
    event_id = await _as_left_by_a_crash(mesh, filed=filed)
    maintain(folder(mesh), request(), datetime.now(UTC))
    await mesh.start()
    assert await mesh.verdict_of(event_id) == verdict
    assert len(AllFolders(mesh.runtime).pending()) == (1 if filed else 0)

    async def settled() -> bool:
        return not list(mesh.actions.drafts()) and await mesh.open_entries() == 0

    await wait_for(settled, 10, "no draft is left, and the event is acknowledged")


async def test_a_folder_that_may_not_be_changed_does_not_keep_an_acknowledgement_alive(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(self: SilenceFolder, silence_id: str, why: str) -> bool:
        raise PermissionError(13, "Permission denied", silence_id)

    acknowledge(folder(mesh), mesh.actions, request(), datetime.now(UTC))
    monkeypatch.setattr(SilenceFolder, "end", forbidden)
    await mesh.start()
    assert await mesh.verdict_of(await mesh.happens()) == "silenced"
    await mesh.happens("service_recovered", severity="info")
    await mesh.happens()
    await mesh.proposed()


async def test_rubbish_in_the_folder_silences_nothing_and_stops_nothing(mesh: Mesh) -> None:
    silences = folder(mesh)
    silences.prepare()
    (silences.root / "maintenance-00000000.json").write_text("{")
    (silences.root / "maintenance-00000001.json").symlink_to("/dev/zero")
    await mesh.start()
    await mesh.happens()
    await mesh.proposed()


def alert(kind: str) -> HealthEvent:
    return HealthEvent(type=kind, node="web01", service="nginx", incident="grafana/1/x")


async def test_an_unrelated_alert_that_is_resolved_does_not_end_an_acknowledgement(mesh: Mesh) -> None:
    acknowledge(folder(mesh), mesh.actions, request(), datetime.now(UTC))
    await mesh.start()
    assert await mesh.verdict_of(await mesh.happens(incident=INCIDENT)) == "silenced"
    await mesh.bus.enter(alert("service_recovered"), Trust.FOREIGN)

    async def heard() -> bool:
        return "recovered" in [row["verdict"] for row in await mesh.stream(Decision.stream)]

    await wait_for(heard, 10, "the planner's word on the resolved alert")
    assert await mesh.verdict_of(await mesh.happens(incident=INCIDENT)) == "silenced"
    await mesh.happens("service_recovered", severity="info", incident=INCIDENT)
    await mesh.happens(incident="web01/nginx/1700000000001")
    await mesh.proposed()


async def test_an_acknowledgement_holds_until_the_last_trouble_that_it_keeps_quiet_is_over(mesh: Mesh) -> None:
    silence = acknowledge(folder(mesh), mesh.actions, request(service=None), datetime.now(UTC)).silence
    await mesh.start()
    for kind, number in (("disk_full", 1), ("load_high", 2)):
        event_id = await mesh.happens(kind, service=None, incident=f"web01//{number}")
        assert await mesh.verdict_of(event_id) == "silenced"
    await mesh.happens("service_recovered", service=None, severity="info", incident="web01//2")
    assert await mesh.verdict_of(await mesh.happens("disk_full", service=None, incident="web01//1")) == "silenced"
    await mesh.happens("service_recovered", service=None, severity="info", incident="web01//1")
    await wait_for(lambda: folder(mesh).current() == (), 10, "the acknowledgement is over")
    assert "service_recovered at" in folder(mesh).end_reason(silence.id)


async def test_an_acknowledged_alert_ends_with_its_own_resolution(mesh: Mesh) -> None:
    acknowledge(folder(mesh), mesh.actions, request(), datetime.now(UTC))
    await mesh.start()
    entered = await mesh.bus.enter(alert("latency_high"), Trust.FOREIGN)
    assert entered is not None
    assert await mesh.verdict_of(entered.id or "") == "silenced"
    await mesh.bus.enter(alert("service_recovered"), Trust.FOREIGN)
    await wait_for(lambda: folder(mesh).current() == (), 10, "the acknowledgement is over")
