"""What mends containers, each on a real fault: seen by a node agent, proposed, approved by `mv`, run, proven.

One engine, one agent, one planner and one executor for all of them; no model, so the rules choose.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from parts.container_faults import CONTAINER_FAULTS, FREE, HOG, NODE, PREFIX, ContainerFault, Home, Project
from parts.engine import Engine
from parts.planning import NOTHING_MORE, mend, outcome_of, planner_and_executor, preview_of, second_pass, tell, waiting

from mesh_core.models.events import HealthEvent
from mesh_core.testing import RedisServer, wait_for
from node_agent.agent import Agent
from node_agent.containers.engine import Engine as AgentsEngine
from node_agent.containers.image_history import GOOD_SECONDS, ImageHistory
from node_agent.incidents.incident_store import IncidentStore
from node_agent.incidents.incident_tracker import IncidentTracker
from node_agent.investigation.gathering import EvidenceGatherer
from node_agent.investigation.investigator import Investigator
from node_agent.investigation.options import InvestigationOptions
from node_agent.investigation.table import rooms
from node_agent.probes.docker import DockerOptions, DockerProbe

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
    names = {fault.service.partition(".")[0] for fault in CONTAINER_FAULTS if fault.service}
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
    one = Agent(
        IncidentTracker(NODE), send, IncidentStore(folder / "open.json"), evidence=EvidenceGatherer(investigate=look)
    )
    one.probes.append(watch.probe)
    stop = asyncio.Event()
    task = asyncio.create_task(one.watch(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


async def test_each_remedy_mends_its_fault_and_a_second_run_changes_nothing(
    home: Home, mesh: dict[str, str], redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine a look at the host takes longer than an event of a homelab may wait.
    monkeypatch.setattr("node_agent.investigation.gathering.EVIDENCE_SECONDS", 60.0)
    monkeypatch.setattr("node_agent.investigation.investigator.BUDGET_SECONDS", 600.0)
    actions = Path(mesh["RUNTIME_PATH"]) / "actions"
    watch = Watch(home)
    await asyncio.gather(*(asyncio.to_thread(fault.begin, home) for fault in CONTAINER_FAULTS))
    await wait_for(lambda: are_well(home), 60, "all is well at first")
    await watch.an_hour_ago()
    await wait_for(lambda: b"ansible_pool.ready" in (tmp_path / "log").read_bytes(), 60, "the executor's Ansible")
    async with agent(watch, home, tmp_path, redis_server.url):
        await asyncio.gather(*(falls_ill(fault, home, redis_server.url) for fault in CONTAINER_FAULTS))
        wanted = {fault.name for fault in CONTAINER_FAULTS}
        await wait_for(lambda: proposals_of(actions).keys() == wanted, 60, "a proposal for each")
        approved = proposals_of(actions)
        made = home.made()
        await asyncio.gather(
            *(
                tells_what_it_would_change(mesh, home, fault, approved[fault.name][1]["id"])
                for fault in CONTAINER_FAULTS
            )
        )
        assert home.made() == made
        for fault in CONTAINER_FAULTS:
            file, _ = approved[fault.name]
            file.rename(actions / "approved" / file.name)
        for fault in CONTAINER_FAULTS:
            outcome = await outcome_of(actions, approved[fault.name][1]["id"])
            assert (outcome["result"], outcome["verdict"]) == ("done", "proven"), outcome["reason"]
            assert fault.mended(home), outcome
            change = outcome["reason"].partition(";")[0]
            assert change.startswith(fault.told), outcome["reason"]
            assert " -> " in change, outcome["reason"]
            assert second_pass(outcome) == NOTHING_MORE
    # The same trouble told once more: it is seen to be over, and nothing runs.
    for fault in CONTAINER_FAULTS:
        told = {key: value for key, value in approved[fault.name][1]["event"].items() if key != "id"}
        tell(redis_server.url, {**told, "incident": f"{fault.name.replace(' ', '/')}-again"})
    await wait_for(lambda: proposals_of(actions).keys() == wanted, 60, "proposals of the same")
    again, made = proposals_of(actions), home.made()
    for file, _ in again.values():
        file.rename(actions / "approved" / file.name)
    for _, proposal in again.values():
        outcome = await outcome_of(actions, proposal["id"])
        assert (outcome["result"], outcome["verdict"], outcome["stages"]) == ("withdrawn", "not_run", []), outcome
    assert home.made() == made


async def falls_ill(fault: ContainerFault, home: Home, redis_url: str) -> None:
    await asyncio.to_thread(fault.make, home)
    if fault.event:
        tell(redis_url, await asyncio.to_thread(fault.event, home))


async def tells_what_it_would_change(mesh: dict[str, str], home: Home, fault: ContainerFault, action_id: str) -> None:
    """A person asks before he decides."""
    assert not fault.mended(home), "nothing runs before a person said yes"
    shown = await asyncio.to_thread(mend, mesh, "show", action_id)
    assert fault.touches in shown, shown
    asked = await asyncio.to_thread(mend, mesh, "preview", action_id)
    assert "NOT ON THE CARD" not in asked, asked
    said = preview_of(Path(mesh["RUNTIME_PATH"]) / "actions", action_id)
    assert said["sees"], said
    assert tasks_of(said, "changes") == fault.changes, said
    assert tasks_of(said, "unknown", "failed") == fault.unsure, said
    assert not fault.mended(home), "a preview changes nothing"


def tasks_of(preview: dict[str, Any], *effects: str) -> tuple[str, ...]:
    return tuple(task["name"] for task in preview["tasks"] if task["effect"] in effects)


def are_well(home: Home) -> bool:
    rows = home.engine.docker("ps", "--filter", f"name={PREFIX}", "--format", "{{.Status}}").splitlines()
    return bool(rows) and not any("health: starting" in row or "unhealthy" in row for row in rows)


def proposals_of(actions: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Of each fault, by its name: (file, proposal)."""
    files = waiting(actions)
    return {fault.name: one for fault in CONTAINER_FAULTS for one in files if fault.is_about(one[1])}
