"""A whole host is restarted: programs hang in its kernel, a person says yes, another process 1 comes up, and its agent
says that the load is gone. A container with systemd stands for the host; for it a reboot is a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from parts.engine import Engine
from parts.hanging import HANGS
from parts.nodes import SystemdNode, systemd_container
from parts.planning import mend, outcome_of, planner_and_executor, preview_of, tell, waiting

from mesh_core.testing import RedisServer, wait_for

HANG = f"for i in 1 2 3 4 5; do setsid python3 -c '{HANGS}' & done"


@pytest.fixture
def node(engine: Engine, tmp_path: Path) -> Iterator[SystemdNode]:
    """Its engine starts it again, as firmware does with a host."""
    with systemd_container(engine, tmp_path, ["--restart", "always"]) as made:
        yield made


@pytest.fixture
def mesh(tmp_path: Path, node: SystemdNode, redis_server: RedisServer) -> Iterator[dict[str, str]]:
    """Both names are those of the one node."""
    address = str(node.engine.inspect(node.name)["NetworkSettings"]["IPAddress"])
    host_key = node.engine.enter(node.name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    with node.known_hosts.open("a") as known:
        known.write(f"{address} {host_key}")
    host = {**node.inventory_vars, "ansible_host": address, "ansible_port": 22}
    hosts = {"far01": host, "far02": host}
    with planner_and_executor(
        tmp_path, redis_server.url, hosts=hosts, policy="{}", LLM_CHAIN="", NODE_NAME="mesh01"
    ) as environment:
        yield environment


async def test_a_host_whose_programs_hang_is_restarted_and_its_agent_says_that_it_is_well(
    mesh: dict[str, str], node: SystemdNode, redis_server: RedisServer
) -> None:
    actions = Path(mesh["RUNTIME_PATH"]) / "actions"
    node.engine.enter(node.name, "sh", "-c", HANG)
    await wait_for(lambda: hanging(node) == 5, 30, "programs that hang")
    first = node.engine.started_at(node.name)
    for place in ("far01", "far02"):
        tell(redis_server.url, said(place, "load_high", severity="error", payload=high_load(hanging(node))))
    await wait_for(lambda: len(waiting(actions)) == 2, 60, "a proposal for each")
    found = {proposal["node"]: (file, proposal) for file, proposal in waiting(actions)}
    assert {one["type"] for _, one in found.values()} == {"node_reboot"}
    file, proposal = found["far01"]
    assert (proposal["action"], proposal["risk_level"]) == ("node_reboot", "high")
    shown = mend(mesh, "show", proposal["id"])
    assert "restarts the whole host on far01; 5 processes hang in its kernel (5 python3)" in shown, shown
    asked = mend(mesh, "preview", proposal["id"])
    assert "NOT ON THE CARD" not in asked, asked
    effects = {task["name"]: task["effect"] for task in preview_of(actions, proposal["id"])["tasks"]}
    assert effects == {
        "Restart the host and wait for it": "changes",
        "Wait until it has started what belongs to a boot": "unknown",
    }
    assert hanging(node) == 5, "nothing is restarted before a person said yes"
    assert node.engine.started_at(node.name) == first

    node.install_unit("executor.service", "[Service]\nExecStart=@/usr/bin/sleep executor_agent 3600\n")
    node.systemctl("start", "executor")
    other, _ = found["far02"]
    other.rename(actions / "approved" / other.name)
    reason = actions / "quarantine" / f"{other.name}.reason.txt"
    await wait_for(reason.is_file, 120, "a refusal")
    log = (Path(mesh["RUNTIME_PATH"]).parent / "log").read_text()
    assert "far02 may not be taken away whole: the mesh itself runs there" in reason.read_text(), log[-4000:]
    await wait_for(lambda: not (actions / "running" / proposal["id"].replace("far01", "far02")).exists(), 30, "its end")
    node.systemctl("stop", "executor")

    file.rename(actions / "approved" / file.name)
    await wait_for(lambda: node.engine.started_at(node.name) != first, 120, "a restart")
    await asyncio.to_thread(node.wait_until_up)
    tell(redis_server.url, said("far01", "service_recovered", payload={}))
    outcome = await outcome_of(actions, proposal["id"])
    assert (outcome["result"], outcome["verdict"]) == ("done", "proven"), outcome["reason"]
    assert outcome["reason"].startswith("5 -> 0 processes hang in its kernel, 0 units failed"), outcome["reason"]
    assert "the probe that saw the trouble is green" in outcome["reason"]
    assert hanging(node) == 0

    # No second time within the hour, whatever is told: people hear of it, and decide.
    second = node.engine.started_at(node.name)
    again = said("far01", "load_high", incident="far01/again", severity="error", payload=high_load(5))
    tell(redis_server.url, again)
    await wait_for(lambda: len(waiting(actions)) == 1, 60, "what is proposed instead")
    ((_, instead),) = waiting(actions)
    assert instead["type"] == "notify"
    assert "node_reboot began 1 times here within the hour, its limit is 1" in instead["reason"]
    assert node.engine.started_at(node.name) == second


def high_load(hung: int) -> dict[str, Any]:
    found = {"processes": hung, "programs": f"{hung} python3", "failed_units": 0, "carries_mesh": False}
    return {"load_per_core": 6.5, "load": [13.0, 13.0, 9.0], "cores": 2, "investigation": {"hung": found}}


def hanging(node: SystemdNode) -> int:
    script = "grep -l '^State:.D' /proc/[0-9]*/status 2>/dev/null || true"
    return len(node.engine.enter(node.name, "sh", "-c", script).split())


def said(node: str, type_: str, **more: Any) -> dict[str, Any]:
    """As the node agent of that host says it."""
    return {"node": node, "type": type_, "incident": f"{node}/load", "severity": "info"} | more
