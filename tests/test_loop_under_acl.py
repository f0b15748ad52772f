"""The whole loop as the users of a deployment: every step that the mesh takes is one that its Redis users may take."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from parts.forked import Forked
from parts.redis_acl import AclRedis

from mesh_core.incidents.sighting import note_of
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.consumer import Consumer
from mesh_core.messaging.syntax_questions import ask
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import Decision, HealthEvent
from mesh_core.models.proposals import ActionUpdate, Folder, Playbook
from mesh_core.models.records import rfc3339
from mesh_core.models.requests import Request, RequestUpdate
from mesh_core.models.sightings import SeenState, Sighting
from mesh_core.models.streams import MOVES_STREAM
from mesh_core.models.syntax_check import SyntaxAnswer, SyntaxQuestion
from mesh_core.testing import AllFolders, free_port, wait_for
from observer.liveness.node_liveness import NodeLiveness
from observer.streams.erasures import Erasures
from observer.streams.trimming import Trimming
from observer.world import HealthState, TargetHealth, World
from planner_agent.enrichment.sightings import with_sighting

# what the observer reads beside the events
RECORDS = (Decision.stream, ModelAttempt.stream, ActionUpdate.stream, MOVES_STREAM, RequestUpdate.stream)
# This machine may have troubles of its own.
NOT_WATCHED = ("docker", "systemd", "disk", "mounts", "memory", "load", "temperature", "clock")
SERVICES = {
    "planner-agent": "planner",
    "executor-agent": "executor",
    "observer": "observer",
    "node-agent": "node-web01",
}


@pytest.fixture
def mesh(acl_redis: AclRedis, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AllFolders]:
    """All four services, each with its own user, on a node whose supervisorctl is a script of ours."""
    there = tmp_path_factory.mktemp("node")  # not in the runtime folder, which a run cannot see
    control = there / "supervisorctl"
    control.write_text(
        f'#!/bin/sh\ncase "$*" in *restart*|*" start "*) touch {there}/well; echo shop: started; exit 0;; esac\n'
        f"[ -e {there}/well ] && echo 'shop RUNNING   pid 1, uptime 0:00:09' && exit 0\n"
        "echo 'shop EXITED    Jan 01 12:00 AM'; exit 3\n"
    )
    control.chmod(0o755)
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "mend_supervisorctl": str(control),
    }
    config = tmp_path / "config"
    config.mkdir()
    (config / "inventory.yml").write_text(json.dumps({"all": {"hosts": {"web01": host}}}))
    (config / "node.yml").write_text(
        json.dumps(
            {
                **{part: {"enabled": False} for part in NOT_WATCHED},
                "tcp": [{"name": "db", "host": "127.0.0.1", "port": free_port(), "every_seconds": 1, "looks": 1}],
            }
        )
    )
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    processes = []
    for service, user in SERVICES.items():
        secret = tmp_path / f"{service}.password"
        secret.write_text(acl_redis.password(user))
        secret.chmod(0o400)
        environment = {
            **keep,
            "REDIS_URL": acl_redis.server.url,
            "REDIS_USERNAME": user,
            "REDIS_PASSWORD_FILE": str(secret),
            "RUNTIME_PATH": str(tmp_path),
            "NODE_NAME": "web01",
            "LLM_CHAIN": "floor",
            "OBSERVER_LISTEN": f"127.0.0.1:{free_port()}",
        }
        log = tmp_path / f"{service}.log"
        processes.append(Forked(service.replace("-", "_"), environ=environment, log=log))
    yield AllFolders(tmp_path)
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(300)


@pytest.mark.parametrize("acl_redis", ["debian"], indirect=True)  # the other server runs all the rest
async def test_every_step_of_the_loop_is_permitted(mesh: AllFolders, acl_redis: AclRedis) -> None:
    person = Bus.connect(acl_redis.url("operator"), "person")
    try:
        # a node agent's own event, a message typed by hand, one that is none, one that comes by the webhook's way
        await wait_for(lambda: len(mesh.pending()) == 1, 60, "the node agent's trouble as a proposal")
        (by_agent,) = mesh.pending()
        assert by_agent.proposal.event.trust == "node"
        typed = {"type": "program_exited", "node": "web01", "service": "shop", "payload": {"runtime": "supervisor"}}

        async def heard_by_both() -> bool:
            return await person.announce("health_events", json.dumps(typed).encode()) >= 2

        await wait_for(heard_by_both, 20, "both bridges to listen")
        await person.announce("health_events", b"no event at all")
        await wait_for(lambda: len(mesh.pending()) == 2, 20, "the typed trouble as a proposal")
        shop = next(filed for filed in mesh.pending() if filed.proposal.service == "shop")
        (mesh.folder(Folder.APPROVED) / shop.path.name).write_bytes(b"")  # half a file first: it must wait
        (mesh.folder(Folder.APPROVED) / shop.path.name).unlink(missing_ok=True)  # for two seconds; then it is put aside
        shop.path.rename(mesh.folder(Folder.APPROVED) / shop.path.name)
        await wait_for(
            lambda: list(mesh.folder(Folder.DONE).glob("plan-*")), 60, "the approved restart done and proven"
        )
        by_agent.path.rename(mesh.folder(Folder.REJECTED) / by_agent.path.name)
        # a recovery withdraws what is open
        again = {**typed, "service": "shop2"}
        await person.announce("health_events", json.dumps(again).encode())
        await wait_for(lambda: len(mesh.pending()) == 1, 20, "a third proposal")
        await person.announce("health_events", json.dumps({**again, "type": "service_recovered"}).encode())
        await wait_for(lambda: list(mesh.folder(Folder.WITHDRAWN).glob("plan-*")), 20, "its withdrawal")

        async def told() -> bool:
            moves = await person.call("XLEN", "mesh:moves")
            actions = await person.call("XLEN", "mesh:actions")
            return moves + actions >= 8 and await person.call("XLEN", "mesh:ev:_mesh") >= 2

        await wait_for(told, 20, "each move told, and what was run")
        # asked for in words: by hand, and as `mend request` does it
        await person.announce("requests", b'{"text": "install htop", "hosts": ["web01"]}')
        await person.enter_request(Request(id="req-0123456789ab", text="install htop", hosts=("db9",)))
        text = "- hosts: web01\n  tasks: [{ansible.builtin.ping: {}}]\n"
        playbook = Playbook(name="p", sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)
        asking = SyntaxQuestion(ts=rfc3339(datetime.now(UTC)), node="web01", playbook=playbook)
        planner = Bus.connect(acl_redis.url("planner"), "planner")
        assert await ask(planner, asking, 60) == SyntaxAnswer(), "the executor reads a playbook for the planner"
        await planner.close()
        await wait_for(lambda: len(mesh.pending()) == 1, 20, "what was asked for as a proposal")
        await wait_for(
            lambda: len([*mesh.root.parent.glob("events/*/_requests.jsonl")]), 20, "both kept by the observer"
        )
        assert await person.call("XLEN", "mesh:dead_letters") == 1
        assert await person.call("XLEN", "mesh:world") >= 2
    finally:
        await person.close()
    assert _unexpected(acl_redis) == []


async def test_rarer_duties_are_permitted(acl_redis: AclRedis) -> None:
    """Trimming, silence, taking over from a dead consumer: what an hour would show."""
    bus = Bus.connect(acl_redis.url("observer"), "observer")
    consumer = Consumer(bus, "observer", "o-1", pattern="mesh:ev:*", streams=RECORDS, reclaim_idle_ms=1)
    dead = Consumer(bus, "observer", "o-0", pattern="mesh:ev:*", streams=RECORDS)
    planner = Bus.connect(acl_redis.url("planner"), "planner")
    asked = Consumer(planner, "planner", "p-1", streams=(Request.stream,))  # its own inbox it trims itself
    now = rfc3339(datetime.now(UTC))
    world = World(places={"pi4/": TargetHealth(node="pi4", since=now, beats=True, state=HealthState.HEALTHY)})
    moment = [0.0]

    async def heard(node: str, listed: bool) -> None:
        assert node == "web01"

    silence = NodeLiveness(bus, lambda: world, heard, limit_seconds=10, clock=lambda: moment[0])
    with acl_redis.client("node-web01") as node:
        node.execute_command("XADD", "mesh:ev:web01", "1-0", "p", "{}")
        node.execute_command("SET", "mesh:alive:web01", "1", "EX", "120")
    try:
        assert len(await dead.read(block_ms=1)) == 1
        await asyncio.sleep(0.01)
        (entry,) = await consumer.read(block_ms=1)
        await consumer.renew()
        await consumer.acknowledge([entry])
        await Trimming(consumer, Erasures(bus, "web01")).trim()
        await silence.look()
        moment[0] = 60
        await silence.look()
        assert await bus.call("XLEN", "mesh:ev:_observer") == 1
        seen = Sighting(service="web", state=SeenState.RUNNING, since=now, runtime="docker")
        with acl_redis.client("node-web01") as node:
            node.execute_command("SET", "mesh:alive:web01", note_of("web01", [seen]), "EX", "120")
        alert = HealthEvent(type="service_down", node="web01", service="web")
        assert (await with_sighting(planner, alert)).sighting == seen
        await asked.read(block_ms=1)
        await asked.trim(groups=("planner",), prefix=Request.stream)
    finally:
        for part in (consumer, dead, bus, asked, planner):
            await part.close()
    assert _unexpected(acl_redis) == []


async def test_a_planner_may_say_what_its_models_did(acl_redis: AclRedis) -> None:
    bus = Bus.connect(acl_redis.url("planner"), "planner")
    attempt = ModelAttempt(
        ts=rfc3339(datetime.now(UTC)),
        event_id="web01/1-0",
        model="m",
        provider="llamacpp",
        position=1,
        outcome="ok",
        latency_ms=1,
    )
    try:
        assert await bus.publish(attempt)
        await bus.refuse(b"x", source="mesh:ev:web01", reason="poison", actor="planner", entry_id="1-0")
        event = HealthEvent(type="oom", node="pi4")
        assert await bus.adopt(event, "0" * 64)
    finally:
        await bus.close()
    assert _unexpected(acl_redis) == []


def _unexpected(acl_redis: AclRedis) -> list[str]:
    """All that Redis refused; the client's greeting of its own version may be, and says nothing."""
    return [line for line in acl_redis.denied() if "client|setinfo" not in line]
