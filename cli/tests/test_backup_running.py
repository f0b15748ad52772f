"""A backup of a mesh in full work, put back on the other kind of server: every event is decided once, none is lost."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
from mend_rig import Mend
from parts.archive import read_archive

from mend.backup.snapshot import snapshot_actions
from mesh_core.approvals.proposal_files import name_of
from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import Folder, proposal_id
from mesh_core.testing import AllFolders, RedisServer, redis_binary, wait_for

ENOUGH = 10  # proposals, before the backup begins


def start(module: str, runtime: Path, url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", module],
        env={
            **os.environ,
            "REDIS_URL": url,
            "RUNTIME_PATH": str(runtime),
            "NODE_NAME": "pi4",
            "LLM_CHAIN": "floor",
            "OBSERVER_LISTEN": "off",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def end(*services: subprocess.Popen[bytes]) -> None:
    for service in services:
        service.terminate()
    for service in services:
        service.wait(300)


def planned(runtime: Path, server: RedisServer, until: Callable[[], bool]) -> None:
    """A planner lives until then."""
    planner = start("planner_agent", runtime, server.url)
    try:
        asyncio.run(wait_for(until, 60, "the planner's work"))
    finally:
        end(planner)


def proposals(runtime: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for folder in Folder:
        for path in AllFolders(runtime).folder(folder).iterdir():
            if (name := name_of(path.name)) is not None:
                found[name.id] += 1
    return found


def behind(client: redis.Redis, group: str) -> int:
    """How many entries this group has not dealt with: all of them, where its service has not begun to read."""
    left = 0
    for key in client.scan_iter(match="mesh:ev:_*"):
        found = {each["name"].decode(): each for each in client.xinfo_groups(key)}.get(group)
        # Not by its lag, which a server does not always know.
        unread = client.xrange(key, f"({found['last-delivered-id'].decode()}" if found else "-")
        left += len(unread) + (int(found["pending"]) if found else 0)
    return left


@pytest.mark.skipif(redis_binary("debian") is None, reason="needs redis-server (apt-get install redis-server)")
async def test_a_backup_in_the_middle_of_work_goes_on_where_it_was(
    mend_online: Mend, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    mend, target = mend_online, elsewhere / "mesh.tar.gz"
    services = [start(module, mend.runtime, redis_server.url) for module in ("planner_agent", "observer")]
    bus = Bus.connect(redis_server.url, "test")
    ids: list[str] = []
    enough = asyncio.Event()
    try:
        await wait_for(lambda: (mend.runtime / "state" / "planner-agent.heartbeat").exists(), 20, "the planner lives")

        async def trouble() -> None:
            """Without an end, until the backup is made."""
            for number in count():
                if enough.is_set():
                    return
                event = HealthEvent(type="container_died", node="pi4", service=f"s{number}", payload={"exit_code": 1})
                entered = await bus.enter(event, Trust.FOREIGN)
                assert entered is not None
                ids.append(proposal_id(entered.id or "", "pi4", f"s{number}"))
                await asyncio.sleep(0.04)

        flow = asyncio.create_task(trouble())
        await wait_for(lambda: sum(proposals(mend.runtime).values()) > ENOUGH, 30, "work")
        done = await asyncio.to_thread(mend.real, "backup", "--to", str(target), "--json")
        assert done.returncode == 0, done.stderr
        before = len(ids)
        await wait_for(lambda: len(ids) > before, 30, "trouble that the backup cannot know")
        enough.set()
        await flow
    finally:
        await bus.close()
        end(*services)
    manifest = json.loads(done.stdout)
    assert manifest["redis"]["entries"] > 0

    other = RedisServer(elsewhere / "redis", kind="debian").start()
    new = elsewhere / "new"
    try:
        put = await asyncio.to_thread(mend.real, "restore", str(target), RUNTIME_PATH=str(new), REDIS_URL=other.url)
        assert put.returncode == 0, put.stderr
        held = sum(proposals(new).values())
        assert ENOUGH < held < len(ids)  # it really was in the middle
        services = [start(module, new, other.url) for module in ("planner_agent", "observer")]
        with redis.Redis(port=other.port) as client:
            entered = client.xlen("mesh:ev:_foreign")
            for group in ("planner", "observer"):
                await wait_for(lambda: behind(client, group) == 0, 60, f"the {group} is done with what the backup knew")  # noqa: B023
    finally:
        end(*services)
        other.kill()
    made = proposals(new)
    assert {action_id for action_id, times in made.items() if times > 1} == set()
    # Each event that had entered; and maybe what came in and was filed between the reading of Redis and of the folders.
    assert set(ids[:entered]) <= set(made) <= set(ids)
    assert len(read_archive(new / "events")) >= entered


def test_what_was_filed_while_redis_was_being_read_is_not_proposed_a_second_time(
    mend_online: Mend,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Redis of one moment, folders of a later one: the event is still to be decided, and its proposal is there."""
    elsewhere = tmp_path_factory.mktemp("b")
    mend, new = mend_online, elsewhere / "new"
    with redis.Redis(port=redis_server.port) as client:
        client.xgroup_create("mesh:ev:_foreign", "planner", "0", mkstream=True)
    assert mend("inject", "container_died", "--node", "pi4", "--service", "web").exit_code == 0

    def then(runtime: Path, skip: Any) -> Any:
        planned(runtime, redis_server, lambda: sum(proposals(runtime).values()) == 1)
        return snapshot_actions(runtime, skip)

    monkeypatch.setattr("mend.commands.backup.snapshot_actions", then)
    done = mend("backup", "--to", str(elsewhere / "mesh.tar.gz"))
    assert done.exit_code == 0, done.stderr
    with redis.Redis(port=redis_server.port) as client:
        client.flushall()
        put = mend("restore", str(elsewhere / "mesh.tar.gz"), RUNTIME_PATH=str(new))
        assert put.exit_code == 0, put.stderr
        assert (behind(client, "planner"), sum(proposals(new).values())) == (1, 1)
        planned(new, redis_server, lambda: behind(client, "planner") == 0)
    assert list(proposals(new).values()) == [1]
