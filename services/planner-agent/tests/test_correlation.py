"""One cause, one proposal: what a told trouble explains is not proposed beside it, whichever comes first."""

from __future__ import annotations

import asyncio

import pytest
from planner_rig import Mesh
from test_crashes import NO_MODEL, healthy_planner, run_until_it_dies

from mesh_core.incidents.causes import cause_of
from mesh_core.messaging.explained import Explained, explained_by
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.proposals import Folder
from mesh_core.testing import wait_for
from planner_agent.correlation.cause_book import CauseBook

COMPANY = {"runtime": "docker", "container": "db", "exit_code": 137, "dependents": ["web"]}
HEALTH = {"runtime": "docker", "container": "web", "health": "unhealthy", "status": "running"}


async def web_fails(mesh: Mesh, number: int = 1, service: str = "web") -> str:
    incident = f"web01/{service}/{number}"
    payload = {**HEALTH, "container": service}
    return await mesh.happens("container_unhealthy", service=service, payload=payload, incident=incident)


async def db_dies(mesh: Mesh) -> str:
    return await mesh.happens("container_died", service="db", payload=COMPANY, incident="web01/db/1")


async def observed(mesh: Mesh, kind: str, **payload: object) -> str:
    """What the observer says of the node."""
    event = HealthEvent(type=kind, node="web01", severity=Severity.ERROR, payload=payload, trust=Trust.OBSERVER)
    entered = await mesh.bus.enter(event, Trust.OBSERVER)
    assert entered is not None
    return str(entered.id)


def waiting(mesh: Mesh) -> list[tuple[str, str | None]]:
    return sorted(((filed.proposal.node, filed.proposal.service) for filed in mesh.proposals()), key=str)


async def test_what_a_dead_database_explains_is_not_proposed_beside_it(mesh: Mesh) -> None:
    await mesh.start()
    cause = await db_dies(mesh)
    (filed,) = await mesh.proposed()
    assert await mesh.verdict_of(await web_fails(mesh)) == "explained"
    assert [filed.proposal.event.id for filed in mesh.proposals()] == [cause]
    assert await explained_by(mesh.bus, filed.name.id) == [Explained("web01", "web", "container_unhealthy")]
    (said,) = [d["reason"] for d in await mesh.stream("mesh:decisions") if d["verdict"] == "explained"]
    assert said == f"explained by {filed.name.id}: db: container died"


async def test_a_known_cause_is_parsed_once_however_many_ask_for_it(mesh: Mesh) -> None:
    book = CauseBook(mesh.bus, keep_seconds=60)
    event = HealthEvent(type="container_died", node="web01", service="db", payload=COMPANY)
    await book.note(cause_of(event))
    (known,), (again,) = [(await book.known_for(event)).lasting for _ in range(2)]
    assert known is again


async def test_what_was_proposed_before_its_cause_is_withdrawn(mesh: Mesh) -> None:
    await mesh.start()
    assert await mesh.verdict_of(await web_fails(mesh)) == "proposed"
    assert await mesh.verdict_of(await db_dies(mesh)) == "proposed"
    await wait_for(lambda: waiting(mesh) == [("web01", "db")], 10, "the cause waits alone")

    async def told() -> bool:
        return any(u["to"] == "withdrawn" and u["service"] == "web" for u in await mesh.stream("mesh:actions"))

    await wait_for(told, 10, "it was told why")


async def test_what_still_fails_after_its_cause_is_over_is_proposed(mesh: Mesh) -> None:
    await mesh.start()
    assert await mesh.verdict_of(await web_fails(mesh)) == "proposed"
    assert await mesh.verdict_of(await db_dies(mesh)) == "proposed"
    assert await mesh.verdict_of(await web_fails(mesh)) == "explained"
    recovery = await mesh.happens("service_recovered", service="db", severity="info", payload={}, incident="web01/db/1")
    assert await mesh.verdict_of(recovery) == "recovered"
    assert await mesh.verdict_of(await web_fails(mesh)) == "proposed"
    await wait_for(lambda: waiting(mesh) == [("web01", "web")], 10, "only it waits")


async def test_a_cause_that_a_person_rejects_hides_nothing(mesh: Mesh) -> None:
    await mesh.start()
    await db_dies(mesh)
    (filed,) = await mesh.proposed()
    assert await mesh.verdict_of(await web_fails(mesh)) == "explained"
    assert mesh.actions.reject(filed.name, "not now", "ann")
    assert await mesh.verdict_of(await web_fails(mesh)) == "proposed"


@pytest.mark.parametrize("first", ["the alert", "the cause"])
async def test_an_alert_that_would_restart_what_hangs_on_a_cause_shares_its_card(mesh: Mesh, first: str) -> None:
    """By whatever name another system calls it; one that only tells of something is told."""
    await mesh.start()

    async def alert(kind: str) -> str:
        event = HealthEvent(type=kind, node="web01", service="web", severity=Severity.ERROR, incident=f"am/{kind}/1")
        entered = await mesh.bus.enter(event, Trust.FOREIGN)
        assert entered is not None
        return await mesh.verdict_of(str(entered.id))

    if first == "the alert":
        assert await alert("web_down") == "proposed"
        assert [filed.proposal.action for filed in mesh.proposals()] == ["restart"]
    assert await mesh.verdict_of(await db_dies(mesh)) == "proposed"
    if first == "the cause":
        assert await alert("web_down") == "explained"
    await wait_for(lambda: waiting(mesh) == [("web01", "db")], 10, "the cause waits alone")
    assert await alert("certificate_expiring") == "proposed"


async def test_what_needs_a_missing_mount_is_not_started_before_it(mesh: Mesh) -> None:
    await mesh.start()
    media = {"runtime": "systemd", "mount": "/media", "source": "/dev/sdb1", "dependents": ["jellyfin.service"]}
    missing = await mesh.happens("mount_missing", service="media.mount", payload=media, incident="web01/media.mount/1")
    assert await mesh.verdict_of(missing) == "proposed"
    unit = {"runtime": "systemd", "unit": "jellyfin.service"}
    needs = await mesh.happens("unit_failed", service="jellyfin.service", payload=unit, incident="web01/jellyfin/1")
    assert await mesh.verdict_of(needs) == "explained"


async def test_of_two_causes_the_one_counts_that_still_waits(mesh: Mesh) -> None:
    await mesh.start()
    assert await mesh.verdict_of(await db_dies(mesh)) == "proposed"
    (db,) = mesh.proposals()
    cache = {"runtime": "docker", "container": "cache", "exit_code": 1, "dependents": ["web"]}
    died = await mesh.happens("container_died", service="cache", payload=cache, incident="web01/cache/1")
    assert await mesh.verdict_of(died) == "proposed"
    assert mesh.actions.reject(db.name, "not now", "ann")
    assert await mesh.verdict_of(await web_fails(mesh)) == "explained"
    assert waiting(mesh) == [("web01", "cache")]


async def test_what_a_full_disk_stopped_is_started_once_there_is_room(mesh: Mesh) -> None:
    """Its log says that there was none, then and now."""
    await mesh.start()
    unit = {
        "runtime": "systemd",
        "unit": "mail.service",
        "active_state": "failed",
        "log_tail": ["No space left on device"],
    }

    async def mail_fails() -> str:
        payload = {**unit, "investigation": {"unit": {"enabled": True}}}
        incident = "web01/mail.service/1"
        return await mesh.happens("unit_failed", service="mail.service", payload=payload, incident=incident)

    assert await mesh.verdict_of(await mail_fails()) == "proposed"
    assert [filed.proposal.action for filed in mesh.proposals()] == ["notify"]
    incident, full = "web01/disk/1", {"mount": "/", "used_percent": 99.5}
    disk = await mesh.happens("disk_space_low", service=None, severity="critical", payload=full, incident=incident)
    assert await mesh.verdict_of(disk) == "proposed"
    assert await mesh.verdict_of(await mail_fails()) == "explained"
    freed = await mesh.happens("service_recovered", service=None, severity="info", payload={}, incident=incident)
    assert await mesh.verdict_of(freed) == "recovered"
    began = {"opened_at": "2020-01-01T00:00:00Z"}
    unit |= began
    assert await mesh.verdict_of(await mail_fails()) == "proposed"
    (mail,) = [filed.proposal for filed in mesh.proposals() if filed.proposal.service == "mail.service"]
    assert mail.action in ("unit_start", "restart")
    assert mail.event.payload["causes_over"][0]["type"] == "disk_space_low"


async def page_fails(mesh: Mesh) -> str:
    payload = {"url": "http://page/", "needs_elsewhere": [{"node": "db01", "service": "postgres.service"}]}
    return await mesh.happens("http_probe_failed", service="page", payload=payload, incident="web01/page/1")


async def postgres_fails(mesh: Mesh) -> str:
    payload = {"runtime": "systemd", "unit": "postgres.service"}
    incident = "db01/postgres.service/1"
    return await mesh.happens(
        "unit_failed", node="db01", service="postgres.service", payload=payload, incident=incident
    )


@pytest.mark.parametrize("first", ["the page", "the database"])
@pytest.mark.parametrize("planners", [1, 2])
async def test_what_needs_something_of_another_node_shares_its_card(mesh: Mesh, first: str, planners: int) -> None:
    for number in range(planners):
        await mesh.start(name=f"p{number}")
    for fails in (page_fails, postgres_fails) if first == "the page" else (postgres_fails, page_fails):
        assert await mesh.verdict_of(await fails(mesh)) in ("proposed", "explained")
    await wait_for(lambda: waiting(mesh) == [("db01", "postgres.service")], 10, "one card")
    (filed,) = mesh.proposals()
    assert await explained_by(mesh.bus, filed.name.id) == [Explained("web01", "page", "http_probe_failed")]
    assert mesh.actions.reject(filed.name, "not now", "ann")
    assert await mesh.verdict_of(await page_fails(mesh)) == "proposed", "who rejects the cause is told of it"


@pytest.mark.parametrize("step", ["withdraw", "tell", "decide", "rename"])
async def test_a_planner_killed_over_a_cause_elsewhere_leaves_one_card(mesh: Mesh, step: str) -> None:
    await page_fails(mesh)
    await postgres_fails(mesh)
    if step in ("withdraw", "tell"):  # the page is filed before its cause is known
        await mesh.bus.redis.delete("mesh:ev:db01")
        await mesh.start()
        await mesh.proposed()
        await mesh.stop()
        await postgres_fails(mesh)
    assert run_until_it_dies(mesh, step, NO_MODEL) == -9
    async with healthy_planner(mesh, NO_MODEL):
        await wait_for(lambda: waiting(mesh) == [("db01", "postgres.service")], 60, "one card")

        await wait_for(mesh.all_acknowledged, 60, "all is acknowledged")
    withdrawn = {filed.name.id for filed in mesh.actions.filed(Folder.WITHDRAWN)}
    told = {u["action_id"] for u in await mesh.stream("mesh:actions") if u["to"] == "withdrawn"}
    assert told == withdrawn


async def test_a_dead_engine_has_one_card(mesh: Mesh) -> None:
    await mesh.start()
    assert await mesh.verdict_of(await web_fails(mesh)) == "proposed"
    lost = await mesh.happens("probe_failed", service=None, payload={"probe": "docker"}, incident="web01//1")
    assert await mesh.verdict_of(lost) == "proposed"
    unit = {"runtime": "systemd", "unit": "docker.service"}
    await mesh.happens("unit_failed", service="docker.service", payload=unit, incident="web01/docker.service/1")
    await wait_for(lambda: waiting(mesh) == [("web01", "docker.service")], 10, "one card")
    assert await mesh.verdict_of(await web_fails(mesh, service="api")) == "explained"


@pytest.mark.parametrize("first", ["the services", "the node"])
async def test_a_node_that_is_offline_has_one_card(mesh: Mesh, first: str) -> None:
    await mesh.start()
    names = ["web", "api", "mail", "dns", "vpn"]

    async def services() -> None:
        for name in names:
            assert await mesh.verdict_of(await web_fails(mesh, service=name)) in ("proposed", "explained")

    async def node() -> None:
        assert await mesh.verdict_of(await observed(mesh, "node_offline", silent_seconds=90)) == "proposed"

    for part in (services, node) if first == "the services" else (node, services):
        await part()
    await wait_for(lambda: waiting(mesh) == [("web01", None)], 10, "one card")
    (filed,) = mesh.proposals()
    assert [said.service for said in await explained_by(mesh.bus, filed.name.id)] == sorted(names)
    assert await mesh.verdict_of(await observed(mesh, "node_online")) == "recovered"
    assert await mesh.verdict_of(await web_fails(mesh, service="dns")) == "proposed"


async def test_two_planners_leave_one_card_of_a_full_disk(mesh: Mesh) -> None:
    await mesh.start(name="p1")
    await mesh.start(name="p2")
    names = [f"service-{number}" for number in range(6)]
    events = [await web_fails(mesh, service=name) for name in names[:3]]
    full = {"mount": "/", "device": "/dev/sda1", "used_percent": 99.2}
    events.append(await mesh.happens("disk_space_low", service=None, severity="critical", payload=full))
    events += [await web_fails(mesh, service=name) for name in names[3:]]
    await asyncio.gather(*(mesh.verdict_of(event, 30) for event in events))
    await wait_for(lambda: waiting(mesh) == [("web01", None)], 10, "only the disk waits")


async def test_what_was_withdrawn_while_it_was_settled_does_not_count_as_decided(mesh: Mesh) -> None:
    """Its cause withdraws it between its own look for causes and its settling, which says that it was decided."""
    await mesh.start()
    first = await web_fails(mesh)
    assert await mesh.verdict_of(first) == "proposed"
    assert await mesh.verdict_of(await db_dies(mesh)) == "proposed"
    await wait_for(lambda: waiting(mesh) == [("web01", "db")], 10, "the cause waits alone")
    await mesh.bus.redis.set("mesh:incident:web01/web/1", first)
    recovery = await mesh.happens("service_recovered", service="db", severity="info", payload={}, incident="web01/db/1")
    assert await mesh.verdict_of(recovery) == "recovered"
    assert await mesh.verdict_of(await web_fails(mesh)) == "proposed"


@pytest.mark.parametrize("order", ["last", "middle", "first"])
async def test_a_chain_has_one_card_in_whichever_order_it_is_noticed(mesh: Mesh, order: str) -> None:
    """The end is filed before anybody knows that it hangs on the middle, and that on the first."""
    await mesh.start()
    units = {"db.service": ["web.service"], "web.service": ["page.service"], "page.service": []}
    names = {"last": [2, 1, 0], "middle": [1, 2, 0], "first": [0, 2, 1]}[order]
    for name in (list(units)[number] for number in names):
        payload = {"runtime": "systemd", "unit": name, "dependents": units[name]}
        event = await mesh.happens("unit_failed", service=name, payload=payload, incident=f"web01/{name}/1")
        assert await mesh.verdict_of(event) in ("proposed", "explained")
    await wait_for(lambda: waiting(mesh) == [("web01", "db.service")], 10, "one card")
    (filed,) = mesh.proposals()
    assert [said.service for said in await explained_by(mesh.bus, filed.name.id)] == ["page.service", "web.service"]


async def test_a_strangers_word_explains_nothing(mesh: Mesh) -> None:
    await mesh.start()
    event = HealthEvent(type="node_offline", node="web01", severity=Severity.ERROR)
    await mesh.bus.enter(event, Trust.FOREIGN)
    await mesh.proposed()
    assert await mesh.verdict_of(await web_fails(mesh)) == "proposed"
