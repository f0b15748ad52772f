"""kill -9 of a real planner after each step of the delivery protocol: afterwards there is exactly one proposal."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from dying_planner import STEPS
from parts.forked import Forked
from parts.scripted import Canned, ScriptedHttp
from planner_rig import Mesh
from request_rig import write_inventory

from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Folder
from mesh_core.models.requests import Request, RequestUpdate
from mesh_core.testing import RedisServer, wait_for
from planner_agent.store.planner_store import PlannerStore


def environment(mesh: Mesh, model_url: str) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "REDIS_URL": mesh.url,
        "RUNTIME_PATH": str(mesh.runtime),
        "NODE_NAME": "crash",
        "LLM_CHAIN": "llamacpp",
        "LLAMACPP_URL": model_url,
        "LLAMACPP_MODEL": "twin",
    }


def run_until_it_dies(mesh: Mesh, step: str, model_url: str) -> int:
    return Forked("dying_planner", step, environ=environment(mesh, model_url)).wait(300)


@asynccontextmanager
async def healthy_planner(mesh: Mesh, model_url: str) -> AsyncIterator[None]:
    child = Forked("planner_agent", environ=environment(mesh, model_url))

    async def listens() -> bool:
        return int((await mesh.bus.call("PUBSUB", "NUMSUB", "health_events"))[1]) == 1

    try:
        await wait_for(listens, 20, "the planner listens")
        yield
    finally:
        child.terminate()
        assert child.wait(300) == 0


@pytest.mark.parametrize("step", sorted(STEPS))
async def test_a_planner_killed_after_any_step_leaves_exactly_one_proposal(
    mesh: Mesh, scripted_http: ScriptedHttp, step: str
) -> None:
    answer = {
        "action": "restart",
        "service": "nginx",
        "node": "web01",
        "reason": "the container does not run any more",
        "confidence": 0.8,
        "requires_human": True,
    }
    scripted_http.script(Canned.openai(json.dumps(answer)))
    event_id = await mesh.happens()
    assert run_until_it_dies(mesh, step, scripted_http.url) == -9
    asked_before = len(scripted_http.asked)
    moved = None
    if step in ("rename", "settle"):
        # A person is quick: the file is gone from pending/ when the next planner looks.
        (filed,) = mesh.proposals()
        moved = mesh.actions.folder(Folder.APPROVED) / filed.path.name
        filed.path.rename(moved)
    async with healthy_planner(mesh, scripted_http.url):
        await wait_for(mesh.all_acknowledged, 20, "the event is acknowledged")
    everywhere = [*mesh.proposals(), *mesh.actions.filed(Folder.APPROVED)]
    assert [filed.proposal.event.id for filed in everywhere] == [event_id]
    assert moved is None or mesh.proposals() == []
    assert len(await mesh.stream("mesh:actions")) == 1
    if step in ("decide", "rename", "settle"):
        assert len(scripted_http.asked) == asked_before, "a decided proposal needs no second model call"
    assert list(mesh.actions.folder(Folder.PENDING).joinpath(".wip").glob("*.json")) == [] or step == "draft"


NO_MODEL = "http://127.0.0.1:9"


@pytest.mark.parametrize("step", ["draft", "one of two", "kept"])
async def test_a_planner_killed_over_a_request_files_it_once_on_each_host(mesh: Mesh, step: str) -> None:
    write_inventory(mesh.runtime)
    asked = Request(id="req-0123456789ab", text="install htop", hosts=("web01", "db01"))
    await mesh.bus.enter_request(asked)
    assert await mesh.bus.enter_request(asked) is None, "the same request is there once"
    assert run_until_it_dies(mesh, step, NO_MODEL) == -9
    moved = mesh.proposals()
    for filed in moved:  # a person is quick
        filed.path.rename(mesh.actions.folder(Folder.APPROVED) / filed.path.name)
    async with healthy_planner(mesh, NO_MODEL):
        await wait_for(partial(all_requests_are_settled, mesh), 60, "the request is acknowledged")
    everywhere = [*mesh.proposals(), *mesh.actions.filed(Folder.APPROVED)]
    assert sorted(filed.proposal.node for filed in everywhere) == ["db01", "web01"]
    assert len(moved) == {"draft": 0, "one of two": 1, "kept": 2}[step]
    (status,) = RequestFolder(mesh.runtime).all()
    assert sorted(one.action_id for one in status.proposals) == sorted(filed.proposal.id for filed in everywhere)
    assert await moves_told(mesh) == [("", "pending")] * 2
    assert len(await mesh.stream(RequestUpdate.stream)) == 1


ZONE = "community.general.timezone"


def written(*zones: str) -> tuple[Canned, Canned]:
    """A model's two answers: the step, then its values."""
    steps = [{"step": ZONE, "values": {"name": zone}} for zone in zones]
    return Canned.openai(json.dumps({"steps": [ZONE]})), Canned.openai(json.dumps({"steps": steps}))


@pytest.mark.parametrize("step", ["kept", "asked", "one of two"])
async def test_a_planner_killed_while_a_model_writes_files_what_one_model_wrote_on_every_host(
    mesh: Mesh, scripted_http: ScriptedHttp, step: str
) -> None:
    write_inventory(mesh.runtime)
    rung = {"name": "llamacpp", "kind": "openai", "url": scripted_http.url, "model": "twin", "writes": True}
    (mesh.runtime / "config" / "chain.yml").write_text(json.dumps([{**rung, "timeout_seconds": 60}]))
    text = "set the timezone to Europe/Warsaw, the clock to Europe/Berlin"
    asked = Request(id="req-0123456789ab", text=text, hosts=("web01", "db01"))
    await mesh.bus.enter_request(asked)
    scripted_http.script(*written("Europe/Warsaw", "Europe/Berlin"))
    assert run_until_it_dies(mesh, step, scripted_http.url) == -9
    before = len(scripted_http.asked)
    assert len(mesh.proposals()) == (step == "one of two")
    scripted_http.script(*written("Europe/Berlin", "Europe/Warsaw"))  # asked again, it says it otherwise
    async with healthy_planner(mesh, scripted_http.url):
        await wait_for(partial(all_requests_are_settled, mesh), 60, "the request is acknowledged")
    assert [one.state for one in RequestFolder(mesh.runtime).all()] == ["filed"]
    assert (len(scripted_http.asked) > before) is (step != "one of two"), "what is on the disk is not asked for again"
    playbooks = {one.proposal.node: one.proposal.playbook.text for one in mesh.proposals() if one.proposal.playbook}
    assert sorted(playbooks) == ["db01", "web01"]
    assert playbooks["db01"] == playbooks["web01"].replace("web01", "db01")
    assert await moves_told(mesh) == [("", "pending")] * 2
    assert [one["state"] for one in await mesh.stream(RequestUpdate.stream)] == ["writing", "filed"]


async def all_requests_are_settled(mesh: Mesh) -> bool:
    (group,) = await mesh.bus.redis.xinfo_groups(Request.stream)
    return int(group["pending"]) + int(group["lag"] or 0) == 0


async def moves_told(mesh: Mesh) -> list[tuple[str, str]]:
    return [(update["from"], update["to"]) for update in await mesh.stream("mesh:actions")]


async def test_what_a_dying_planner_withdrew_is_told_once_and_the_next_trouble_is_new(mesh: Mesh) -> None:
    await mesh.start()
    proposed = await mesh.verdict_of(await mesh.happens())
    await mesh.stop()
    (filed,) = mesh.proposals()
    assert proposed == "proposed"
    await mesh.happens("service_recovered", severity="info")
    assert run_until_it_dies(mesh, "withdraw", NO_MODEL) == -9
    assert mesh.proposals() == []
    assert await moves_told(mesh) == [("", "pending")]
    assert run_until_it_dies(mesh, "tell", NO_MODEL) == -9
    async with healthy_planner(mesh, NO_MODEL):
        await wait_for(mesh.all_acknowledged, 20, "the recovery is acknowledged")
        trouble = await mesh.happens()
        (second,) = await mesh.proposed(seconds=20)
        await wait_for(mesh.all_acknowledged, 20, "the trouble is acknowledged")
    assert second.proposal.event.id == trouble
    assert [lies.name for lies in mesh.actions.filed(Folder.WITHDRAWN)] == [filed.name]
    assert await moves_told(mesh) == [("", "pending"), ("pending", "withdrawn"), ("", "pending")]
    said = [row["reason"] for row in await mesh.stream("mesh:decisions") if row["verdict"] == "recovered"]
    assert said == [f"withdrew {filed.name.id}"]


@pytest.mark.parametrize("step", ["rename", "settle"])
async def test_a_proposal_whose_trouble_was_over_before_it_was_filed_never_stays(mesh: Mesh, step: str) -> None:
    """Another planner saw the recovery, and nothing in pending/; later trouble may have the gate by now."""
    event_id = await mesh.happens()
    over = int(event_id.rpartition("/")[2].partition("-")[0]) + 1
    recovery = HealthEvent(id=f"web01/{over}-0", type="service_recovered", node="web01", service="nginx")
    await PlannerStore(mesh.bus, cooldown_ms=1, keep_seconds=60).mark_recovered([recovery])
    assert run_until_it_dies(mesh, step, NO_MODEL) == -9
    if step == "rename":
        assert len(mesh.proposals()) == 1
        await mesh.bus.redis.set("cooldown:web01/nginx", "web01/1999999999999-0", px=300_000)
        await mesh.start(name="crash-1")  # its own seat: what the dead one had in hand is its own
    assert await mesh.verdict_of(event_id, 20) == "proposed"

    async def settled() -> bool:
        return await mesh.open_entries() == 0 and len(await moves_told(mesh)) == 2

    await wait_for(settled, 20, "the event is acknowledged, and each move is told")
    assert mesh.proposals() == []
    assert [lies.proposal.event.id for lies in mesh.actions.filed(Folder.WITHDRAWN)] == [event_id]
    assert await moves_told(mesh) == [("", "pending"), ("pending", "withdrawn")]


@pytest.mark.parametrize("decided", ["approved", "rejected"])
async def test_a_redis_that_lost_its_last_seconds_gets_no_second_proposal(
    mesh: Mesh, redis_server: RedisServer, decided: str
) -> None:
    """A power cut of its host, or kill -9 while its disk stalls: what it had acknowledged is gone; the file is not."""
    event_id = await mesh.happens()
    written = redis_server.written()
    async with healthy_planner(mesh, "http://127.0.0.1:9"):
        (filed,) = await mesh.proposed()

        async def settled() -> bool:
            return len(await mesh.stream("mesh:actions")) == 1 and await mesh.open_entries() == 0

        await wait_for(settled, 20, "the event is acknowledged")
        filed.path.rename(mesh.actions.folder(Folder(decided)) / filed.path.name)
        redis_server.lose_what_came_after(written)
        await wait_for(mesh.bus.is_up, 10, "our own connection is new")
        assert await mesh.stream("mesh:actions") == []
        await wait_for(settled, 10, "the same event is acknowledged once more")
    (update,) = await mesh.stream("mesh:actions")
    assert (update["action_id"], update["to"]) == (filed.name.id, "pending")
    assert mesh.proposals() == []
    assert [found.proposal.event.id for found in mesh.actions.filed(Folder(decided))] == [event_id]


def filled(model_url: str, mesh: Mesh, killers: str = "") -> Forked:
    told = {**environment(mesh, model_url), "PLANNER_PARALLEL": "4", "STORM_SUBJECTS": "0"}
    return Forked("dying_planner", f"on:{killers}", environ=told)


async def test_eight_kills_with_60_events_waiting_send_none_to_the_dead_letters(
    mesh: Mesh, scripted_http: ScriptedHttp
) -> None:
    """What waited in the hands of a dead planner was not worked on; what it worked on was not to blame either.

    All 60 are handed out to each of the eight, who work on four at a time: some are worked on, some only waited.
    """
    events = [await mesh.happens(service=f"svc{n}") for n in range(60)]
    for _ in range(8):
        asked = len(scripted_http.asked)
        child = filled(scripted_http.url, mesh)
        await wait_for(lambda n=asked: len(scripted_http.asked) >= n + 4, 20, "it is at work")  # type: ignore[misc]
        child.kill()
        child.wait()
    child = filled("http://127.0.0.1:9", mesh)
    try:
        await wait_for(mesh.all_acknowledged, 60, "every event is acknowledged")
    finally:
        child.terminate()
        child.wait(300)
    assert await mesh.stream("mesh:dead_letters") == []
    assert sorted(filed.proposal.event.id or "" for filed in mesh.proposals()) == sorted(events)


async def test_an_event_that_kills_its_planner_is_a_dead_letter_after_five_and_takes_no_other_along(
    mesh: Mesh,
) -> None:
    killer = await mesh.happens(service="killer")
    others = [await mesh.happens(service=f"svc{n}") for n in range(10)]
    deaths = 0
    for _ in range(10):
        child = filled("http://127.0.0.1:9", mesh, killers="killer")

        async def ended(child: Forked = child) -> bool:
            done = len(await mesh.stream("mesh:decisions")) == 11 and await mesh.open_entries() == 0
            return done or child.poll() is not None

        await wait_for(ended, 30, "it dies, or everything is acknowledged")
        if child.poll() is None:
            child.terminate()
            assert child.wait(300) == 0
            break
        deaths += 1
    assert deaths == 5
    (letter,) = await mesh.stream("mesh:dead_letters")
    assert (letter["entry_id"], letter["by"]) == (killer.rpartition("/")[2], "planner")
    assert "5 planners died while they worked on it" in letter["reason"]
    assert sorted(filed.proposal.event.id or "" for filed in mesh.proposals()) == sorted([killer, *others])
