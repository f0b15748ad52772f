"""Each shipped remedy on a real fault: found, proposed with numbers, approved by `mv`, run over ssh, proven by numbers.

One node with systemd for all of them, one planner and one executor as they are; no model, so the rules choose.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from parts.disk_faults import DISK_FAULTS
from parts.dockerd import OwnEngine
from parts.engine import DockerFailed
from parts.fault import Fault, Script, full_disk
from parts.host_faults import HOST_FAULTS, MISSING_MOUNT
from parts.nodes import SystemdNode
from parts.planning import (
    NOTHING_MORE,
    mend,
    outcome_of,
    planner_and_executor,
    preview_of,
    proposed,
    second_pass,
    tell,
    waiting,
)
from parts.web_faults import ENDED, LOADED_AGAIN, NEARLY_OVER, NEVER_LOADED, RENEWED_AND_NOT_LOADED, SERVED

from mesh_core.actions.register import action_type
from mesh_core.testing import RedisServer, wait_for
from node_agent.checks.check_result import Condition
from node_agent.containers.engine import Engine as AgentsEngine
from node_agent.investigation import docker
from node_agent.investigation.question import Question
from node_agent.probes.tcp import TcpOptions, TcpProbe


def of_the_engine(run: Script) -> dict[str, Any]:
    """What the node agent finds, by its own look."""
    mount = run("echo $DATA").strip()
    question = Question("disk_space_low", {"mount": mount}, time.monotonic() + 10)
    return {"docker": docker.look(question, AgentsEngine(run("echo $DOCKER_HOST").strip()))}


def failed_unit(run: Script) -> dict[str, Any]:
    found = {"unit": {"enabled": run("systemctl is-enabled tired").strip() == "enabled"}}
    payload = {"runtime": "systemd", "unit": "tired.service", "active_state": "failed", "investigation": found}
    return {"type": "unit_failed", "service": "tired.service", "severity": "error", "payload": payload}


def near_its_end(name: str, port: int, **found: object) -> Callable[[Script], dict[str, Any]]:
    """An event about a certificate, by the agent's own probe."""

    def event(run: Script) -> dict[str, Any]:
        about = {"host": run("hostname -I").split()[0], "port": port, "tls": True, "verify_tls": False}
        _, seen = asyncio.run(TcpProbe(TcpOptions(name="shop", **about)).check(None))
        assert seen.condition is Condition.UNHEALTHY
        at = {"unit": f"front-{name}.service", "can_reload": True, "host": name, "address": "127.0.0.1", "port": port}
        payload = {**seen.facts, "investigation": {"certificate": {**at, **found}}}
        return {"type": seen.type, "severity": seen.severity.value, "payload": payload}

    return event


def shown_until(run: Script, name: str, port: int) -> float:
    said = run(f"openssl s_client -connect 127.0.0.1:{port} -servername {name} < /dev/null 2> /dev/null || true")
    return ssl.cert_time_to_seconds(said.partition("NotAfter: ")[2].partition("\n")[0]) - time.time()


def never_loaded(run: Script) -> dict[str, Any]:
    file = "/etc/nginx/conf.d/wiki.conf"
    loaded = run("systemctl show --timestamp=unix --property=StateChangeTimestamp --value nginx").strip().lstrip("@")
    behind = int(run(f"stat --format=%Y {file}")) - int(loaded)
    found = {"config": {"program": "nginx", "file": file, "behind_seconds": behind}}
    payload = {"runtime": "systemd", "active_state": "active", "error": "it answered 404", "investigation": found}
    return {"type": "http_probe_failed", "service": "nginx.service", "severity": "error", "payload": payload}


# It fails five times, which is when systemd gives up; what it lacked is there then.
TIRED = """
printf '%s\\n' '[Service]' Restart=always RestartSec=50ms \\
  'ExecStart=/bin/sh -c "test -e /run/rested && exec sleep 600"' \\
  '[Install]' WantedBy=multi-user.target > /etc/systemd/system/tired.service
systemctl daemon-reload; systemctl enable --quiet tired; systemctl start tired
until systemctl is-failed --quiet tired; do sleep 0.1; done
touch /run/rested
"""
# Two images of 70 MB, of which the first has lost its name; a container whose log has 70 MB.
FULL_ENGINE = """
libraries=$(ldd /bin/sh /usr/bin/yes | grep -o '/[^ ]*so[^ ]*' | sort -u)
mkdir root; cp --parents -L /bin/sh /usr/bin/yes /usr/bin/head $libraries root
for n in 1 2; do head -c 70000000 /dev/urandom > root/junk; tar -C root -c . | docker import - shop >&2; done
docker run -d --name chatty shop /bin/sh -c 'PATH=/usr/bin; yes "$(printf %08000d 0)" | head -c 72000000'
docker wait chatty
"""
FAULTS = (
    *DISK_FAULTS,
    *HOST_FAULTS,
    Fault(
        "certificate_renew",
        make=NEARLY_OVER,
        event=near_its_end("shop.example", 8443, manager="certbot", lineage="shop.example"),
        mended=lambda run: shown_until(run, "shop.example", 8443) > 80 * 86400,
        touches="it is good for 4 days more; certbot renews shop.example if it finds it due, then front-shop.example.s",
        told="the certificate of shop.example is good for 4 days -> 89 days",
        state=f"set -- shop.example; {SERVED}",
        changes=("Load it",),
        unsure=("Let certbot renew it",),
        undo=f"set -- shop.example; {ENDED}",
    ),
    Fault(
        "certificate_reload",
        make=RENEWED_AND_NOT_LOADED,
        event=near_its_end("wiki.example", 8444, newer_on_disk=True),
        mended=lambda run: shown_until(run, "wiki.example", 8444) > 80 * 86400,
        touches="lets the server load the certificate that was renewed on web02; what is shown is good for 4 days more",
        told="the certificate of wiki.example is good for 4 days -> 89 days",
        state=f"set -- wiki.example; {SERVED}",
        changes=("Load it",),
        undo=f"set -- wiki.example; {ENDED}",
        host="web02",
    ),
    Fault(
        "config_reload",
        make=NEVER_LOADED,
        event=never_loaded,
        mended=lambda run: bool(run("ss -Hltn 'sport = 8445'")),
        touches="/etc/nginx/conf.d/wiki.conf was changed ",
        told="nginx.service is ",
        state="systemctl show --property=StateChangeTimestamp nginx; pgrep --parent $(cat /run/nginx.pid)",
        changes=("Load it",),
        probe="nginx.service",
        undo=LOADED_AGAIN,
    ),
    Fault(
        "unit_start",
        make=TIRED,
        event=failed_unit,
        mended=lambda run: run("systemctl is-active tired || true").strip() == "active",
        touches="starts the unit on web01; starts tired.service",
        told="tired.service runs: no -> yes",
        state="systemctl show --property=InvocationID --property=NRestarts tired",
        changes=("Start it",),
        unsure=("Forgive earlier failures",),
        back=("tired.service runs: no", "tired.service runs: yes -> no; "),
        undo="systemctl disable --quiet --now tired; rm /etc/systemd/system/tired.service; systemctl daemon-reload",
    ),
    Fault(
        "docker_reclaim_space",
        make=FULL_ENGINE,
        event=full_disk("$DATA", of_the_engine, limit=75),
        mended=lambda run: not run("docker images -q -f dangling=true") and bool(run("docker images -q shop")),
        touches="deletes images without a name and the build cache on docker01; frees up to 6",
        told="/",
        state="docker images -aq",
        unsure=("Delete them",),
        host="docker01",
    ),
    Fault(
        "container_log_empty",
        make="true",
        event=full_disk("$DATA", of_the_engine, limit=45),
        mended=lambda run: not run("docker logs chatty | head -c 1"),
        touches="empties the log of the container that logs most on docker02; frees up to ",
        told="/",
        state="stat -c %s $(docker inspect -f '{{.LogPath}}' chatty); docker ps -aq",
        unsure=("Empty it",),
        host="docker02",
    ),
    MISSING_MOUNT,
)


TOLD = ("type", "service", "severity", "payload")  # of an event, what its agent says anew
# What is about a whole host runs one after the other on it: by another name it need not wait.
NAMES_OF_THE_NODE = ("web01", "web02", "web03", "web04", "web05")
# Two on one engine's disk: the second trouble is what the first remedy leaves.
ON_ONE_DISK = tuple(fault for fault in FAULTS if fault.host.startswith("docker"))
ALONE = tuple(fault for fault in FAULTS if fault not in ON_ONE_DISK)


class SmallEngine(OwnEngine):
    """An engine whose images, containers and logs lie on a disk of their own, which is small."""

    def _keep_data(self) -> None:
        data = self.folder / "data"
        data.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=260m", "small", str(data)], check=True)


@pytest.fixture
def hosts(systemd_node: SystemdNode, tmp_path: Path) -> Iterator[dict[str, Script]]:
    """Each host's shell."""
    own = SmallEngine()
    own.start()
    environment = {**os.environ, "DOCKER_HOST": own.host, "DATA": str(own.folder / "data")}

    def here(script: str) -> str:
        command = ["sh", "-euc", script]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def there(script: str) -> str:
        return systemd_node.engine.exec(systemd_node.name, "sh", "-euc", script)

    yield {**dict.fromkeys(NAMES_OF_THE_NODE, there), "docker01": here, "docker02": here}  # two machines, many names
    here("docker ps -aq | xargs -r docker rm -f")
    own.stop()


@pytest.fixture
def mesh(
    tmp_path: Path, systemd_node: SystemdNode, hosts: dict[str, Script], redis_server: RedisServer
) -> Iterator[dict[str, str]]:
    """Planner and executor as they are, and an inventory with all hosts. Gives the environment for `mend`."""
    engine = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    node = dict(systemd_node.inventory_vars)
    inventory = {**dict.fromkeys(NAMES_OF_THE_NODE, node), "docker01": engine, "docker02": engine}
    docker_host = hosts["docker01"]("echo $DOCKER_HOST").strip()
    with planner_and_executor(
        tmp_path, redis_server.url, hosts=inventory, policy="{}", LLM_CHAIN="", DOCKER_HOST=docker_host
    ) as environment:
        yield environment


async def test_each_remedy_mends_its_fault_and_says_by_how_much(
    mesh: dict[str, str], hosts: dict[str, Script], redis_server: RedisServer
) -> None:
    """Side by side, as far as one is not what the other leaves: each waits for its own host and its own proof."""
    folder = Path(mesh["RUNTIME_PATH"])
    stage = Stage(mesh, folder / "actions", hosts, redis_server.url)
    try:
        await asyncio.gather(*(stage.on(fault, fault.make) for fault in FAULTS))
        # Whoever comes before the pool takes the slow road: that is not what is asked here.
        log = folder.parent / "log"
        await wait_for(lambda: b"ansible_pool.ready" in log.read_bytes(), 60, "the executor's Ansible")
        async with asyncio.TaskGroup() as group:
            for faults in (*((fault,) for fault in ALONE), ON_ONE_DISK):
                group.create_task(one_after_the_other(stage, faults))
        assert not waiting(stage.actions), "for each trouble one proposal, and no other"
        remedies = {fault.remedy for fault in FAULTS}
        assert {fault.remedy for fault in FAULTS if fault.back} == {
            name for name in remedies if action_type(name).undone_by
        }
    finally:
        for fault in FAULTS:
            with suppress(DockerFailed):  # of what was never broken
                hosts[fault.host](fault.undo)


@dataclass(frozen=True)
class Stage:
    """Where it is played: the environment for `mend`, what is proposed, the hosts' shells, the hosts' streams."""

    mesh: dict[str, str]
    actions: Path
    hosts: dict[str, Script]
    redis_url: str
    # A preview has two minutes; what is asked of all hosts at once takes longer on a busy machine.
    previewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def on(self, fault: Fault, script: str) -> str:
        return await asyncio.to_thread(self.hosts[fault.host], script)

    async def is_mended(self, fault: Fault) -> bool:
        return await asyncio.to_thread(fault.mended, self.hosts[fault.host])

    def is_being_proven(self, action_id: str) -> bool:
        """It has run, and its executor looks whether that helped; asked of the folder, which costs no login."""
        return any(self.actions.glob(f"*/{action_id}/logs/04_verify.log"))

    async def mend(self, *words: str) -> str:
        return await asyncio.to_thread(mend, self.mesh, *words)

    async def proposal(self, fault: Fault, event: dict[str, Any], incident: str) -> tuple[Path, dict[str, Any]]:
        """What is proposed for it, once its agent told of it."""
        told = {"node": fault.host, "incident": f"{fault.host}/{fault.remedy}/{incident}", **event}
        tell(self.redis_url, told)
        found: list[tuple[Path, dict[str, Any]]] = []

        def is_there() -> bool:
            found.extend(one for one in waiting(self.actions, fault.host) if is_about(one[1], told))
            return bool(found)

        await wait_for(is_there, 120, f"a proposal for {fault.remedy} on {fault.host}")
        return found[0]


async def one_after_the_other(stage: Stage, faults: Sequence[Fault]) -> None:
    for fault in faults:
        proposal = await mended_by_its_remedy(stage, fault)
        await a_second_run_changes_nothing(stage, fault, proposal)
        if fault.back:
            await taken_back(stage, fault, fault.back, proposal["id"])


async def mended_by_its_remedy(stage: Stage, fault: Fault) -> dict[str, Any]:
    """Its proposal, which was approved and has run."""
    event = await asyncio.to_thread(fault.event, stage.hosts[fault.host])
    file, proposal = await stage.proposal(fault, event, "1")
    found = (proposal["type"], proposal["action"], proposal["model"]["provider"])
    assert found == (fault.remedy, fault.remedy, "floor")
    assert not await stage.is_mended(fault), "nothing runs before a person said yes"
    state = await stage.on(fault, fault.state)
    await tells_what_it_would_change(stage, fault, proposal["id"])
    assert not await stage.is_mended(fault), "a preview changes nothing"
    assert await stage.on(fault, fault.state) == state
    shown = await stage.mend("show", proposal["id"])
    assert fault.touches in shown, shown
    assert " ago by " in shown, "the card has what was asked"
    file.rename(stage.actions / "approved" / file.name)
    if fault.probe:
        await wait_for(partial(stage.is_being_proven, proposal["id"]), 120, f"{fault.remedy} to have run")
        over = {key: proposal["event"][key] for key in ("node", "service", "incident")}
        tell(stage.redis_url, {**over, "type": "service_recovered"})
    outcome = await outcome_of(stage.actions, proposal["id"])
    assert (outcome["result"], outcome["verdict"]) == ("done", "proven"), outcome["reason"]
    assert await stage.is_mended(fault), outcome
    change = outcome["reason"].partition(";")[0]
    assert change.startswith(fault.told), outcome["reason"]
    assert " -> " in change, outcome["reason"]
    assert second_pass(outcome) == NOTHING_MORE
    return proposal


async def tells_what_it_would_change(stage: Stage, fault: Fault, action_id: str) -> None:
    """A person asks before he decides."""
    async with stage.previewing:
        asked = await stage.mend("preview", action_id)
    assert "NOT ON THE CARD" not in asked, asked
    said = preview_of(stage.actions, action_id)
    assert said["sees"], said
    told = {
        effect: tuple(task["name"] for task in said["tasks"] if task["effect"] == effect)
        for effect in ("changes", "unknown", "failed")
    }
    assert told == {"changes": fault.changes, "unknown": fault.unsure, "failed": ()}, said


async def a_second_run_changes_nothing(stage: Stage, fault: Fault, ran: dict[str, Any]) -> None:
    """The same trouble told once more gives the same bytes, and a yes to them: the look sees that it is over, so
    nothing runs, and what each is about stays as it is. That holds for what restarts something, too."""
    file, proposal = await stage.proposal(fault, {key: ran["event"][key] for key in TOLD}, "2")
    assert proposal["remedy_sha256"] == ran["remedy_sha256"]
    state = await stage.on(fault, fault.state)
    file.rename(stage.actions / "approved" / file.name)
    outcome = await outcome_of(stage.actions, proposal["id"])
    assert (outcome["result"], outcome["verdict"], outcome["stages"]) == ("withdrawn", "not_run", []), outcome
    assert await stage.on(fault, fault.state) == state


async def taken_back(stage: Stage, fault: Fault, words: tuple[str, str], action_id: str) -> None:
    """A person asks for it, sees what that would run, and says yes to it: all is as it was before the remedy ran."""
    assert f"to take it back: mend undo {action_id[-12:]}" in await stage.mend("show", action_id)
    await stage.mend("undo", action_id)
    file, proposal = proposed(stage.actions)[f"undo_{fault.remedy}"]
    shown = await stage.mend("show", proposal["id"])
    assert f"takes back on {fault.host} what {action_id} did" in shown, shown
    assert words[0] in shown, shown
    assert await stage.is_mended(fault), "nothing runs before a person said yes"
    file.rename(stage.actions / "approved" / file.name)
    outcome = await outcome_of(stage.actions, proposal["id"])
    assert (outcome["result"], outcome["verdict"]) == ("done", "proven"), outcome["reason"]
    assert outcome["reason"].startswith(words[1]), outcome["reason"]
    assert not await stage.is_mended(fault)


def is_about(proposal: dict[str, Any], told: dict[str, Any]) -> bool:
    return all(proposal["event"].get(key) == told.get(key) for key in ("type", "service", "incident"))
