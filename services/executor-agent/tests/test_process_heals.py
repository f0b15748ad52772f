"""A real container is restarted exactly once, through the real process as it is deployed, on a real engine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from executor_rig import ExecutorHarness, event_id_for, proposal_for
from parts.docker import SickFactory
from parts.engine import Engine

from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Folder
from mesh_core.testing import wait_for


class Service:
    """`python -m executor_agent` as it is deployed."""

    def __init__(self, harness: ExecutorHarness, engine: Engine, **extra: str):
        environment = {
            **engine.env,
            "RUNTIME_PATH": str(harness.runtime),
            "REDIS_URL": harness.redis_url,
            "NODE_NAME": "tester",
            "SECRET_OF_THE_HOUSE": "hunter2-hunter2",
            **extra,
        }
        self.process = subprocess.Popen([sys.executable, "-m", "executor_agent"], env=environment)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(300)


@pytest.fixture
async def service(harness: ExecutorHarness, engine: Engine) -> AsyncIterator[Service]:
    service = Service(harness, engine)
    yield service
    if service.process.poll() is None:
        service.end()


@pytest.mark.docker
async def test_a_sick_container_is_restarted_exactly_once_and_proven_well(
    harness: ExecutorHarness, engine: Engine, sick_container: SickFactory, service: Service
) -> None:
    container = sick_container()
    await wait_for(lambda: container.health() == "healthy", 30, "the container is well")
    container.make_sick()
    await wait_for(lambda: container.health() == "unhealthy", 30, "the container is sick")
    before = container.started_at()
    since = time.time()
    event = HealthEvent(
        id=event_id_for(1),
        type="container_unhealthy",
        node="here",
        service=container.name,
        payload={"runtime": "docker", "health": "unhealthy"},
    )
    name = harness.approve(proposal_for(1, service=container.name, event=event))
    outcome = await harness.ends_in(Folder.DONE, name, 60)
    assert outcome.verdict == "proven"
    assert container.health() == "healthy"
    assert container.started_at() != before
    assert len(engine.events(container.name, "start", since=since)) == 1, "restarted exactly once"
    assert [stage.name for stage in outcome.stages] == ["syntax", "apply", "check_idempotency", "verify"]
    folder = harness.folder(Folder.DONE) / name.id
    logs = sorted(path.name for path in (folder / "logs").iterdir())
    assert logs == ["01_syntax.log", "02_apply.log", "03_check_idempotency.log", "04_verify.log"]
    with zipfile.ZipFile(folder / "bundle.zip") as bundle:
        kept = set(bundle.namelist())
        text = b"".join(bundle.read(entry) for entry in kept)
    assert {"proposal.json", "intent.json", "outcome.json", "logs/02_apply.log", "project/apply.yml"} <= kept
    assert b"hunter2" not in text
    assert not any(b"hunter2" in path.read_bytes() for path in folder.rglob("*") if path.is_file())

    async def told() -> bool:
        return len(await harness.moves()) == 3 and len(await harness.events()) == 2

    await wait_for(told, 10, "it is told")
    assert (await harness.events())[-1]["payload"]["verdict"] == "proven"


@pytest.mark.docker
async def test_a_container_that_is_well_again_is_left_alone(
    harness: ExecutorHarness, sick_container: SickFactory, service: Service
) -> None:
    container = sick_container()
    await wait_for(lambda: container.health() == "healthy", 30, "the container is well")
    before = container.started_at()
    name = harness.approve(proposal_for(1, service=container.name))
    outcome = await harness.ends_in(Folder.WITHDRAWN, name, 30)
    assert "its own health check says that it is healthy" in outcome.reason
    assert container.started_at() == before


@pytest.mark.docker
async def test_a_run_that_kill_9_cuts_short_is_closed_by_looking_and_never_repeated(
    harness: ExecutorHarness, engine: Engine, sick_container: SickFactory, service: Service
) -> None:
    """Killed while Ansible waits for the container to stop; what was left is ended, the target is looked at."""
    container = sick_container()
    await wait_for(lambda: container.health() == "healthy", 30, "the container is well")
    engine.docker("kill", container.name)
    name = harness.approve(proposal_for(1, service=container.name))
    started = harness.folder(Folder.RUNNING) / name.id / "logs" / "02_apply.log"
    await wait_for(started.exists, 30, "Ansible is at work")
    service.process.kill()
    service.process.wait()
    again = Service(harness, engine)
    try:
        outcome = await harness.ends_in(Folder.INTERRUPTED, name, 60)
        assert "the target is" in outcome.reason
        assert outcome.before["words"].startswith(container.name)
        text = (harness.folder(Folder.INTERRUPTED) / name.id / "intent.json").read_text()
        assert json.loads(text)["digest"] == name.digest
        assert name.id not in _environments()
    finally:
        again.end()


def _environments() -> str:
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            found.append(entry.read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(found)
