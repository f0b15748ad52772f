"""What mends containers, each on a real fault: seen by a node agent, proposed, approved by `mv`, run, proven.

One engine, one agent, one planner and one executor for all of them; no model, so the rules choose.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from parts.engine import LABEL, Engine
from parts.planning import mend, outcome_of, planner_and_executor, waiting

from mesh_core.models.events import HealthEvent
from mesh_core.testing import RedisServer, wait_for
from node_agent.agent import Agent
from node_agent.engine import Engine as AgentsEngine
from node_agent.image_history import GOOD_SECONDS, ImageHistory
from node_agent.incident_store import IncidentStore
from node_agent.incidents import IncidentTracker
from node_agent.investigation import memory
from node_agent.investigation.investigator import Investigator
from node_agent.investigation.options import InvestigationOptions
from node_agent.investigation.question import Question
from node_agent.investigation.table import rooms
from node_agent.probes.docker import DockerOptions, DockerProbe

NODE = "docker01"
PREFIX = f"mm{secrets.token_hex(4)}"
QUICK_CHECK = {"interval": "1s", "retries": 1, "start_period": "5s"}
WELL = "echo $NAME > /data/by; touch /tmp/well; while :; do sleep 0.2; done"


@dataclass(frozen=True)
class Project:
    """A compose project in a folder of its own, on the engine of the tests."""

    name: str
    folder: Path
    engine: Engine
    environment: dict[str, str]

    def declare(self, **services: dict[str, Any]) -> None:
        """Write its file; each service gets what all of them need."""
        common = {"init": True, "stop_grace_period": "1s", "labels": {LABEL: self.engine.session}}
        declared = {
            "services": {name: {**common, **said} for name, said in services.items()},
            "volumes": {"data": {"labels": {LABEL: self.engine.session}}},
            "networks": {"default": {"labels": {LABEL: self.engine.session}}},
        }
        self.folder.mkdir(exist_ok=True)
        (self.folder / "compose.yml").write_text(yaml.safe_dump(declared))

    def up(self) -> None:
        command = [self.engine.client, "compose", "-p", self.name, "-f", str(self.folder / "compose.yml"), "up", "-d"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr

    def container(self, service: str) -> str:
        return f"{self.name}-{service}-1"

    def state(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = self.engine.inspect(self.container(service))["State"]
        return found


@dataclass
class Home:
    """What the faults are made in: the engine, and the past that the agent remembers."""

    engine: Engine
    base: str
    projects: dict[str, Project]
    folder: Path
    notes: dict[str, str] = field(default_factory=dict)

    def image(self, tag: str, command: str, *lines: str) -> str:
        """Made of nothing but words; returns its id."""
        text = "\n".join((f"FROM {self.base}", *lines, f"CMD {json.dumps(['sh', '-c', command])}", ""))
        self.engine.docker("build", "--tag", tag, "-", stdin=text)
        return str(self.engine.inspect(tag)["Id"])


@dataclass(frozen=True)
class Fault:
    """`begin` sets up what is well, `make` breaks it; `mended` is what the test itself sees afterwards. `touches` and
    `told` are words of the card and of the outcome; `event` is what the agent's probe would say, where that looks at
    the whole machine."""

    remedy: str
    service: str
    make: Callable[[Home], None]
    mended: Callable[[Home], bool]
    touches: str
    told: str
    begin: Callable[[Home], None] = lambda home: None
    event: Callable[[Home], dict[str, Any]] | None = None

    @property
    def name(self) -> str:
        return f"{self.remedy} {self.service}".strip()

    def is_about(self, proposal: dict[str, Any]) -> bool:
        return proposal["type"] == self.remedy and str(proposal["service"] or "").endswith(self.service)


def shop_image(home: Home) -> str:
    return f"{home.projects['shop'].name}/shop:latest"


def a_shop_with_its_data(home: Home) -> None:
    shop, tag = home.projects["shop"], shop_image(home)
    home.notes["good"] = home.image(tag, WELL, "ENV NAME=good")
    web = {"image": tag, "restart": "always", "volumes": ["data:/data"]}
    shop.declare(web={**web, "healthcheck": {"test": ["CMD", "test", "-e", "/tmp/well"], **QUICK_CHECK}})
    shop.up()
    home.engine.exec(shop.container("web"), "touch", "/data/precious")


def an_update_that_is_broken(home: Home) -> None:
    home.notes["bad"] = home.image(
        shop_image(home), "echo bad > /data/by; echo cannot begin >&2; exit 3", "ENV NAME=bad"
    )
    home.projects["shop"].up()


def the_shop_is_as_before(home: Home) -> bool:
    name = home.projects["shop"].container("web")
    now = home.engine.inspect(name)
    if now["Image"] != home.notes["good"] or home.engine.health(name) != "healthy":
        return False
    return home.engine.exec(name, "ls", "/data").split() == ["by", "precious"]


def stall_image(home: Home) -> str:
    return f"{home.projects['stall'].name}/stall:latest"


def a_stall(home: Home) -> None:
    home.notes["stall"] = home.image(stall_image(home), "while :; do sleep 0.2; done", "ENV NAME=good")
    home.projects["stall"].declare(web={"image": stall_image(home)})
    home.projects["stall"].up()


def an_update_that_ends_at_once(home: Home) -> None:
    """Nobody starts it again: it is down, not in a loop."""
    home.image(stall_image(home), "echo no such key: listen_adress >&2; exit 78", "ENV NAME=bad")
    home.projects["stall"].up()


def the_stall_is_as_before(home: Home) -> bool:
    now = home.engine.inspect(home.projects["stall"].container("web"))
    return bool(now["Image"] == home.notes["stall"] and now["State"]["Running"])


def a_hub_with_a_check_each(home: Home) -> None:
    checked = {
        "image": home.base,
        "command": ["sh", "-c", "touch /tmp/well; while :; do sleep 0.2; done"],
        "healthcheck": {"test": ["CMD", "test", "-e", "/tmp/well"], **QUICK_CHECK},
    }
    api, page = {**checked, "depends_on": ["db"]}, {**checked, "depends_on": ["api"]}
    home.projects["hub"].declare(db=checked, api=api, page=page, other={**checked, "depends_on": ["db"]})
    home.projects["hub"].up()


def its_store_falls_ill_after_those_that_need_it(home: Home) -> None:
    hub, since = home.projects["hub"], time.monotonic()
    home.notes["other"] = home.engine.started_at(hub.container("other"))
    for service in ("page", "api", "db"):
        home.engine.exec(hub.container(service), "rm", "/tmp/well")
        while home.engine.health(hub.container(service)) != "unhealthy":
            assert time.monotonic() - since < 120
            time.sleep(0.1)


def the_hub_was_restarted_in_order(home: Home) -> bool:
    hub = home.projects["hub"]
    names = [hub.container(service) for service in ("db", "api", "page")]
    began = [home.engine.started_at(name) for name in names]
    well = all(home.engine.health(name) == "healthy" for name in names)
    return well and began == sorted(began) and home.engine.started_at(hub.container("other")) == home.notes["other"]


def an_eater_of_more_than_its_limit(home: Home) -> None:
    program = "my @a; push @a, chr(65 + $$_ % 20) x 1000000 for 1..36; sleep 600"  # $$ is how compose writes $
    limits = {"mem_limit": "32m", "memswap_limit": "32m", "init": False}
    home.projects["den"].declare(eater={"image": home.base, "command": ["perl", "-e", program], **limits})
    home.projects["den"].up()


def the_eater_has_enough(home: Home) -> bool:
    found = home.engine.inspect(home.projects["den"].container("eater"))
    limits = [found["HostConfig"][name] // 1024**2 for name in ("Memory", "MemorySwap")]
    return bool(found["State"]["Running"]) and limits == [48, 48]


HOG = f"{PREFIX}-hog"
# The test's own measure of memory: of a machine on which nothing else runs.
FREE = f"""#!/bin/sh
held=$(CLIENT top {HOG} -o pid,rss,comm | awk '$3 == "{HOG}" {{ held += $2 }} END {{ print held + 0 }}')
echo '              total        used        free      shared  buff/cache   available'
echo "Mem:         200000           0           0           0           0 $((190000 - held))"
"""


def a_hog(home: Home) -> None:
    """It holds much once, and little after a restart."""
    hold = f'my @a; push @a, chr(65 + $_ % 20) x 1000000 for 1..186; $0 = "{HOG}"; print "full\n"; sleep 600'
    script = f"[ -e /full ] && exec sleep 600; touch /full; exec perl -e '$| = 1; {hold}'"
    home.engine.run(home.base, "sh", "-c", script, name=HOG, options=["--init"])
    since = time.monotonic()
    while "full" not in home.engine.logs(HOG):
        assert time.monotonic() - since < 120
        time.sleep(0.1)


def hardly_any_memory(home: Home) -> dict[str, Any]:
    """As the agent of that machine sees it: the real processes of the hog, and nothing else."""
    proc = home.folder / "proc"
    for pid in home.engine.docker("top", HOG, "-o", "pid").split()[1:]:
        (proc / pid).mkdir(parents=True)
        for name in ("comm", "cgroup", "statm", "smaps_rollup"):
            (proc / pid / name).write_bytes(Path("/proc", pid, name).read_bytes())
    (proc / "meminfo").write_text("MemTotal: 200000 kB\nMemAvailable: 8000 kB\nSwapFree: 0 kB\n")
    question = Question("memory_low", {}, time.monotonic() + 60)
    found = memory.look(question, AgentsEngine(home.engine.host), proc)
    payload = {"used_percent": 96.0, "limit_percent": 90, "investigation": {"memory": found}}
    return {"type": "memory_low", "node": NODE, "severity": "error", "payload": payload, "incident": "memory"}


def the_hog_holds_little(home: Home) -> bool:
    return HOG not in home.engine.docker("top", HOG, "-o", "pid,comm")


FAULTS = (
    Fault(
        "rollback_image",
        service="shop.web",
        begin=a_shop_with_its_data,
        make=an_update_that_is_broken,
        mended=the_shop_is_as_before,
        touches="anew from the image that it was healthy with",
        told="image ",
    ),
    Fault(
        "rollback_image",
        service="stall.web",
        begin=a_stall,
        make=an_update_that_ends_at_once,
        mended=the_stall_is_as_before,
        touches="anew from the image that it was healthy with",
        told="image ",
    ),
    Fault(
        "restart_with_dependents",
        service="hub.db",
        begin=a_hub_with_a_check_each,
        make=its_store_falls_ill_after_those_that_need_it,
        mended=the_hub_was_restarted_in_order,
        touches="restarts 3 containers on docker01: ",
        told="0 -> 3 of 3 are healthy",
    ),
    Fault(
        "container_limit_raise",
        service="den.eater",
        make=an_eater_of_more_than_its_limit,
        mended=the_eater_has_enough,
        touches="-eater-1 may take 48 MiB instead of 32 MiB, until it is made anew",
        told=f"{PREFIX}den-eater-1 may take 32 MiB -> 48 MiB, runs: no -> yes",
    ),
    Fault(
        "memory_hog_restart",
        service="",
        make=a_hog,
        event=hardly_any_memory,
        mended=the_hog_holds_little,
        touches=f"restarts what holds most of the memory on docker01; {HOG} ({HOG}) holds 1",
        told="9",
    ),
)
# A person's own policy may prefer what the shipped one only allows.
PREFERS = """
rules:
  - name: unhealthy
    when: {types: [container_unhealthy]}
    allow: [restart_with_dependents, restart, notify]
    prefer: restart_with_dependents
    reason: it runs, but its own health check fails
  - name: out-of-memory
    when: {types: [container_oom]}
    allow: [container_limit_raise, restart, notify]
    prefer: container_limit_raise
    reason: it wanted more memory than its limit
"""


@pytest.fixture
def home(engine: Engine, base_image: str, compose_plugin: Path, tmp_path: Path) -> Iterator[Home]:
    environment = {
        **engine.env,
        "DOCKER_CONFIG": str(compose_plugin),
        "PATH": f"{Path(engine.client).parent}:{os.environ['PATH']}",
    }
    names = {fault.service.partition(".")[0] for fault in FAULTS if fault.service}
    projects = {name: Project(f"{PREFIX}{name}", tmp_path / name, engine, environment) for name in names}
    yield Home(engine, base_image, projects, tmp_path)
    engine.rm(HOG)
    for project in projects.values():
        engine.remove_labelled(f"com.docker.compose.project={project.name}")
    engine.docker("rmi", "--force", *engine.docker("images", "-q", f"{PREFIX}*/*").split(), check=False)


@pytest.fixture
def mesh(home: Home, tmp_path: Path, redis_server: RedisServer) -> Iterator[dict[str, str]]:
    """Planner and executor as they are, and an inventory that knows the projects. Gives the environment for `mend`."""
    folders = {project.name: str(project.folder) for project in home.projects.values()}
    here = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "mend_compose_dirs": folders,
    }
    docker = next(iter(home.projects.values())).environment
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "free").write_text(FREE.replace("CLIENT", home.engine.client))
    (tmp_path / "bin" / "free").chmod(0o755)
    with planner_and_executor(
        tmp_path,
        redis_server.url,
        hosts={NODE: here},
        policy=PREFERS,
        LLM_CHAIN="",
        COOLDOWN_SECONDS="1",
        DOCKER_HOST=home.engine.host,
        DOCKER_CONFIG=docker["DOCKER_CONFIG"],
        PATH=f"{tmp_path / 'bin'}:{docker['PATH']}",
        **({"DOCKER_API_VERSION": docker["DOCKER_API_VERSION"]} if "DOCKER_API_VERSION" in docker else {}),
    ) as environment:
        yield environment


class Watch:
    """A node agent's docker probe that can be told that it is another time."""

    def __init__(self, home: Home):
        self.offset = 0.0
        self.images = ImageHistory()
        self.probe = DockerProbe(
            AgentsEngine(home.engine.host),
            DockerOptions(resync_seconds=1),
            since=time.time() - 5,
            images=self.images,
            clock=lambda: time.time() + self.offset,
        )

    async def an_hour_ago(self) -> None:
        """It saw for an hour how all was well."""
        for seconds in range(int(GOOD_SECONDS) + 60, 0, -200):
            self.offset = -float(seconds)
            await self.probe.check(None)
        self.offset = 0.0


@asynccontextmanager
async def agent(watch: Watch, home: Home, folder: Path, redis_url: str) -> AsyncIterator[None]:
    """A node agent in this process, with its own looks at the host; what it sends goes to its stream."""

    def send(event: HealthEvent) -> None:
        tell(redis_url, json.loads(event.wire()))

    look = Investigator(InvestigationOptions.model_construct(seconds=60), rooms(home.engine.host, watch.images)).look
    one = Agent(NODE, IncidentTracker(NODE), send, IncidentStore(folder / "open.json"), investigate=look)
    one.probes.append(watch.probe)
    stop = asyncio.Event()
    task = asyncio.create_task(one.watch(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


def tell(redis_url: str, event: dict[str, Any]) -> None:
    """Into the stream of the node, as its agent does."""
    with redis.Redis.from_url(redis_url) as client:
        last = client.xrevrange(f"mesh:ev:{NODE}", count=1)
        number = max(int(time.time() * 1000), int(last[0][0].split(b"-")[0]) + 1 if last else 0)
        client.xadd(f"mesh:ev:{NODE}", {"p": json.dumps(event)}, id=f"{number}-0")


async def test_each_remedy_mends_its_fault_and_a_second_run_changes_nothing(
    home: Home, mesh: dict[str, str], redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine a look at the host takes longer than an event of a homelab may wait.
    monkeypatch.setattr("node_agent.agent.EVIDENCE_SECONDS", 60.0)
    monkeypatch.setattr("node_agent.investigation.investigator.BUDGET_SECONDS", 600.0)
    actions = Path(mesh["RUNTIME_PATH"]) / "actions"
    watch = Watch(home)
    for fault in FAULTS:
        await asyncio.to_thread(fault.begin, home)
    await wait_for(lambda: are_well(home), 60, "all is well at first")
    await watch.an_hour_ago()
    await wait_for(lambda: b"ansible_pool.ready" in (tmp_path / "log").read_bytes(), 60, "the executor's Ansible")
    async with agent(watch, home, tmp_path, redis_server.url):
        for fault in FAULTS:
            await asyncio.to_thread(fault.make, home)
            if fault.event:
                tell(redis_server.url, await asyncio.to_thread(fault.event, home))
        wanted = {fault.name for fault in FAULTS}
        await wait_for(lambda: proposals_of(actions).keys() == wanted, 60, "a proposal for each")
        approved = proposals_of(actions)
        for fault in FAULTS:
            file, proposal = approved[fault.name]
            assert not fault.mended(home), "nothing runs before a person said yes"
            shown = await asyncio.to_thread(mend, mesh, "show", proposal["id"])
            assert fault.touches in shown, shown
            file.rename(actions / "approved" / file.name)
        for fault in FAULTS:
            outcome = await outcome_of(actions, approved[fault.name][1]["id"])
            assert (outcome["result"], outcome["verdict"]) == ("done", "proven"), outcome["reason"]
            assert fault.mended(home), outcome
            change = outcome["reason"].partition(";")[0]
            assert change.startswith(fault.told), outcome["reason"]
            assert " -> " in change, outcome["reason"]
    # The same trouble told once more: it is seen to be over, and nothing runs.
    for fault in FAULTS:
        told = {key: value for key, value in approved[fault.name][1]["event"].items() if key != "id"}
        tell(redis_server.url, {**told, "incident": f"{fault.name.replace(' ', '/')}-again"})
    await wait_for(lambda: proposals_of(actions).keys() == wanted, 60, "proposals of the same")
    again = proposals_of(actions)
    for file, _ in again.values():
        file.rename(actions / "approved" / file.name)
    for _, proposal in again.values():
        outcome = await outcome_of(actions, proposal["id"])
        assert (outcome["result"], outcome["verdict"]) == ("withdrawn", "not_run"), outcome


def are_well(home: Home) -> bool:
    rows = home.engine.docker("ps", "--filter", f"name={PREFIX}", "--format", "{{.Status}}").splitlines()
    return bool(rows) and not any("health: starting" in row or "unhealthy" in row for row in rows)


def proposals_of(actions: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Of each fault, by its name: (file, proposal)."""
    files = waiting(actions)
    return {fault.name: one for fault in FAULTS for one in files if fault.is_about(one[1])}
