"""Each shipped remedy on a real fault: found, proposed with numbers, approved by `mv`, run over ssh, proven by numbers.

One node with systemd for all of them, one planner and one executor as they are; no model, so the rules choose.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from parts.disk_faults import DISK_FAULTS
from parts.dockerd import OwnEngine
from parts.engine import DockerFailed
from parts.fault import Fault, Script, full_disk
from parts.host_faults import HOST_FAULTS, MISSING_MOUNT
from parts.nodes import SystemdNode
from parts.planning import NOTHING_MORE, mend, outcome_of, planner_and_executor, preview_of, proposed, second_pass
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
docker run --name chatty shop /bin/sh -c 'PATH=/usr/bin; yes "$(printf %0300d 0)" | head -c 60000000' > out
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
        mended=lambda run: not run("docker logs chatty"),
        touches="empties the log of the container that logs most on docker02; frees up to ",
        told="/",
        state="docker logs chatty | wc -c; docker ps -aq",
        unsure=("Empty it",),
        host="docker02",
    ),
    MISSING_MOUNT,
)


TOLD = ("type", "service", "severity", "payload")  # of an event, what its agent says anew
# What is about a whole host runs one after the other on it: by another name it need not wait.
NAMES_OF_THE_NODE = ("web01", "web02", "web03", "web04", "web05")


class SmallEngine(OwnEngine):
    """An engine whose images, containers and logs lie on a disk of their own, which is small."""

    def start(self) -> None:
        data = self.folder / "data"
        data.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=260m", "small", str(data)], check=True)
        super().start()


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
    actions = Path(mesh["RUNTIME_PATH"]) / "actions"
    ids: dict[str, str] = {}
    try:
        for fault in FAULTS:
            hosts[fault.host](fault.make)
        # Whoever comes before the pool takes the slow road: that is not what is asked here.
        log = actions.parent.parent / "log"
        await wait_for(lambda: b"ansible_pool.ready" in log.read_bytes(), 60, "the executor's Ansible")
        # Two on one engine's disk: the second trouble is what the first remedy leaves. And two of one remedy.
        for faults in (FAULTS[:-2], FAULTS[-2:]):
            for number, fault in enumerate(faults):
                event = await asyncio.to_thread(fault.event, hosts[fault.host])
                tell(redis_server, fault, number, event)
            wanted = {fault.remedy for fault in faults}
            await wait_for(partial(are_proposed, actions, wanted), 120, "a proposal for each")
            approved = proposed(actions)
            ids |= {remedy: proposal["id"] for remedy, (_, proposal) in approved.items()}
            assert set(approved) == wanted
            for fault in faults:
                _, proposal = approved[fault.remedy]
                assert (proposal["action"], proposal["model"]["provider"]) == (fault.remedy, "floor")
                assert not fault.mended(hosts[fault.host]), "nothing runs before a person said yes"
                shown = mend(mesh, "show", proposal["id"])
                assert fault.touches in shown, shown
                state = hosts[fault.host](fault.state)
                tells_what_it_would_change(mesh, fault, proposal["id"])
                assert not fault.mended(hosts[fault.host]), "a preview changes nothing"
                assert hosts[fault.host](fault.state) == state
            assert " ago by " in mend(mesh, "show", proposal["id"]), "the card has it afterwards"
            # What has a probe first: its run waits for that probe, and not for what the others have to show.
            in_turn = sorted(enumerate(faults), key=lambda one: not one[1].probe)
            for _, fault in in_turn:
                file, _ = approved[fault.remedy]
                file.rename(actions / "approved" / file.name)
            for number, fault in in_turn:
                if fault.probe:
                    await wait_for(partial(fault.mended, hosts[fault.host]), 120, f"{fault.remedy} to help")
                    tell(redis_server, fault, number, {"type": "service_recovered", "service": fault.probe})
                outcome = await outcome_of(actions, approved[fault.remedy][1]["id"])
                assert (outcome["result"], outcome["verdict"]) == ("done", "proven"), outcome["reason"]
                assert fault.mended(hosts[fault.host]), outcome
                change = outcome["reason"].partition(";")[0]
                assert change.startswith(fault.told), outcome["reason"]
                assert " -> " in change, outcome["reason"]
                assert second_pass(outcome) == NOTHING_MORE
            await a_second_run_changes_nothing(mesh, hosts, redis_server, faults, approved)
        assert {fault.remedy for fault in FAULTS if fault.back} == {name for name in ids if action_type(name).undone_by}
        for fault in FAULTS:
            if fault.back:
                await taken_back(mesh, fault, fault.back, ids[fault.remedy], hosts[fault.host])
    finally:
        for fault in FAULTS:
            with suppress(DockerFailed):  # of what was never broken
                hosts[fault.host](fault.undo)


def tells_what_it_would_change(mesh: dict[str, str], fault: Fault, action_id: str) -> None:
    """A person asks before he decides."""
    asked = mend(mesh, "preview", action_id)
    assert "NOT ON THE CARD" not in asked, asked
    said = preview_of(Path(mesh["RUNTIME_PATH"]) / "actions", action_id)
    assert said["sees"], said
    told = {
        effect: tuple(task["name"] for task in said["tasks"] if task["effect"] == effect)
        for effect in ("changes", "unknown", "failed")
    }
    assert told == {"changes": fault.changes, "unknown": fault.unsure, "failed": ()}, said


async def a_second_run_changes_nothing(
    mesh: dict[str, str],
    hosts: dict[str, Script],
    server: RedisServer,
    faults: Sequence[Fault],
    ran: dict[str, tuple[Path, dict[str, Any]]],
) -> None:
    """The same trouble told once more gives the same bytes, and a yes to them: the look sees that it is over, so
    nothing runs, and what each is about stays as it is. That holds for what restarts something, too."""
    actions = Path(mesh["RUNTIME_PATH"]) / "actions"
    for number, fault in enumerate(faults, 100):
        tell(server, fault, number, {key: ran[fault.remedy][1]["event"][key] for key in TOLD})
    await wait_for(partial(are_proposed, actions, {fault.remedy for fault in faults}), 120, "the same once more")
    again = proposed(actions)
    states = {fault.remedy: hosts[fault.host](fault.state) for fault in faults}
    for fault in faults:
        file, proposal = again[fault.remedy]
        assert proposal["remedy_sha256"] == ran[fault.remedy][1]["remedy_sha256"]
        file.rename(actions / "approved" / file.name)
    for fault in faults:
        outcome = await outcome_of(actions, again[fault.remedy][1]["id"])
        assert (outcome["result"], outcome["verdict"], outcome["stages"]) == ("withdrawn", "not_run", []), outcome
        assert hosts[fault.host](fault.state) == states[fault.remedy], fault.remedy


def tell(server: RedisServer, fault: Fault, number: int, event: dict[str, Any]) -> None:
    """As the node agent of that host."""
    told = json.dumps({"node": fault.host, "incident": f"{fault.host}/{number}", **event})
    with redis.Redis.from_url(server.url) as client:
        client.xadd(f"mesh:ev:{fault.host}", {"p": told}, id=f"{int(time.time() * 1000) + number}-0")


async def taken_back(mesh: dict[str, str], fault: Fault, words: tuple[str, str], action_id: str, run: Script) -> None:
    """A person asks for it, sees what that would run, and says yes to it: all is as it was before the remedy ran."""
    actions = Path(mesh["RUNTIME_PATH"]) / "actions"
    assert f"to take it back: mend undo {action_id[-12:]}" in mend(mesh, "show", action_id)
    mend(mesh, "undo", action_id)
    file, proposal = proposed(actions)[f"undo_{fault.remedy}"]
    shown = mend(mesh, "show", proposal["id"])
    assert f"takes back on {fault.host} what {action_id} did" in shown, shown
    assert words[0] in shown, shown
    assert fault.mended(run), "nothing runs before a person said yes"
    file.rename(actions / "approved" / file.name)
    outcome = await outcome_of(actions, proposal["id"])
    assert (outcome["result"], outcome["verdict"]) == ("done", "proven"), outcome["reason"]
    assert outcome["reason"].startswith(words[1]), outcome["reason"]
    assert not fault.mended(run)


def are_proposed(actions: Path, types: set[str]) -> bool:
    return len(proposed(actions)) >= len(types)
