"""The engine, what can fail on it, and the nodes to be reached by ssh: each real part proves itself.

The other parts are in test_parts.py, beside which these run. Tests no product code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from parts.docker import SickFactory
from parts.engine import DockerFailed, Engine
from parts.nodes import SshNode, SystemdNode

from mesh_core.testing import wait_for


@pytest.mark.docker
async def test_a_container_falls_sick_and_a_restart_heals_it(engine: Engine, sick_container: SickFactory) -> None:
    began = time.time()
    web = sick_container()
    await wait_for(lambda: web.health() == "healthy", 15, "a healthy container")
    web.make_sick()
    await wait_for(lambda: web.health() == "unhealthy", 15, "an unhealthy container")
    async with httpx.AsyncClient(timeout=60) as client:
        assert (await client.get(web.url)).status_code == 500
    assert "worker pool is stuck" in engine.logs(web.name)
    engine.docker("restart", web.name)
    await wait_for(lambda: web.health() == "healthy", 15, "a healthy container after its restart")
    assert len(engine.events(web.name, "restart", since=began)) == 1
    assert [event["Action"] for event in engine.events(web.name, "health_status", since=began)] == [
        "health_status: healthy",
        "health_status: unhealthy",
        "health_status: healthy",
    ]


@pytest.mark.docker
async def test_a_container_can_stay_sick_start_slowly_and_crash(engine: Engine, sick_container: SickFactory) -> None:
    began = time.time()
    slow = sick_container(start_seconds=3, start_period="20s")
    lasting = sick_container(stay_sick=True)
    lasting.make_sick()
    engine.docker("restart", lasting.name)
    await wait_for(lambda: lasting.health() == "unhealthy", 15, "sickness that outlives a restart")
    await wait_for(lambda: slow.health() == "healthy", 20, "a slow start that is healthy in the end")
    told = [event["Action"] for event in engine.events(slow.name, "health_status", since=began)]
    assert told == ["health_status: healthy"]  # nothing while it started, though its first checks failed
    async with httpx.AsyncClient(timeout=60) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"{slow.url}crash")
    await wait_for(lambda: engine.inspect(slow.name)["State"]["Status"] == "exited", 10, "the end after a crash")
    assert engine.inspect(slow.name)["State"]["ExitCode"] == 3


@pytest.mark.docker
def test_what_enters_a_container_sees_what_a_docker_exec_sees_and_the_engine_tells_nothing_of_it(
    engine: Engine, base_image: str
) -> None:
    began = time.time()
    name = engine.run(base_image, "sh", "-c", "while :; do sleep 0.1; done")
    look = ("sh", "-c", "cat; hostname; pwd; umask; id -u; tr '\\0' ' ' </proc/1/cmdline; echo $HOME $PATH")
    try:
        for turn in ("first", "after a restart"):
            assert engine.enter(name, *look, stdin=turn) == engine.exec(name, *look, stdin=turn)
            with pytest.raises(DockerFailed, match="exit 3: why not"):
                engine.enter(name, "sh", "-c", "echo why not >&2; exit 3")
            leaves = "sleep 1000 & echo so; exit 3"
            assert engine.enter(name, "sh", "-c", leaves, check=False) == "so\n"
            engine.docker("restart", "-t", "0", name)
        told = engine.events(name, "exec_create", since=began)
    finally:
        engine.rm(name)
    assert len(told) == (2 if os.geteuid() == 0 else 8)
    with pytest.raises(DockerFailed):
        engine.enter(name, "true")


def test_ansible_reaches_this_machine_over_ssh(ssh_node: SshNode, tmp_path: Path) -> None:
    assert _ansible(ssh_node, tmp_path, "-m", "ansible.builtin.ping")["ping"] == "pong"


@pytest.mark.docker
def test_ansible_restarts_a_failed_unit_on_a_systemd_node(systemd_node: SystemdNode, tmp_path: Path) -> None:
    assert systemd_node.show("web", "ActiveState") == {"ActiveState": "active"}
    systemd_node.fail("web")
    assert systemd_node.show("web", "ActiveState", "Result") == {"ActiveState": "failed", "Result": "signal"}
    arguments = ("-m", "ansible.builtin.systemd_service", "-a", "name=web state=restarted")
    assert _ansible(systemd_node, tmp_path, *arguments)["changed"] is True
    assert systemd_node.show("web", "ActiveState") == {"ActiveState": "active"}
    assert "listening on 8080" in systemd_node.ssh("journalctl", "--no-pager", "-u", "web")


def _ansible(node: SshNode, folder: Path, *arguments: str) -> dict[str, Any]:
    (folder / "inventory.yml").write_text(json.dumps({"all": {"hosts": {"node": dict(node.inventory_vars)}}}))
    (folder / "ansible.cfg").write_text("[defaults]\nlocalhost_warning = False\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "ANSIBLE_LOCAL_TEMP": str(folder / "local")}
    command = [
        str(Path(sys.executable).with_name("ansible")),
        "-i",
        str(folder / "inventory.yml"),
        "-o",
        *arguments,
        "node",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.partition("=> ")[2])
    return answer
