"""From sick to well on a real engine: containers, alone and of a compose project. Each repaired once."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from parts.docker import SickFactory
from parts.engine import LABEL, Engine
from parts.playing import Prepare, a_proposal
from parts.require import missing
from repair_rig import REPAIRED, preview, prove, repair, the_look

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.stages import APPLY
from executor_agent.runner.verify import WatchLimits
from mesh_core.actions.target_state import TargetStatus
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.previews import Effect
from mesh_core.testing import wait_for

WORKER = {"project": "shop", "service": "worker"}


async def test_a_container_that_stays_sick_is_restarted_once_and_not_called_repaired(
    engine: Engine, docker_pool: AnsiblePool, sick_container: SickFactory, prepare: Prepare
) -> None:
    """One that a restart helps: test_process_heals.py."""
    sick = sick_container(stay_sick=True)
    sick.make_sick()
    await wait_for(lambda: sick.health() == "unhealthy", 20, "unhealthy")
    run = prepare(docker_pool, a_proposal(sick.name))
    assert the_look(run).health is TargetStatus.UNHEALTHY
    since = time.time() - 0.5
    said = await preview(run)
    assert said.sentence == "1 of 4 tasks would change something: Restart it"
    assert [(task.things, task.effect) for task in said.tasks][-1] == ((sick.name,), Effect.CHANGES)
    assert (said.surprises, "unhealthy" in said.sees) == ((), True)
    stages = await asyncio.to_thread(repair, run)
    assert [(s.name, s.ok, s.changed) for s in stages] == REPAIRED
    done = await prove(run)
    assert done.verdict is OutcomeVerdict.NOT_HELPED, done
    assert "unhealthy" in done.reason
    assert len(engine.events(sick.name, "restart", since=since)) == 1
    assert len(engine.events(sick.name, "die", since=since)) == 1
    assert {path.name for path in (run.folder / "logs").iterdir()} == {
        "01_syntax.log",
        "02_apply.log",
        "03_check_idempotency.log",
        "04_verify.log",
    }
    assert "PASSWORD" not in "".join(path.read_text() for path in run.folder.rglob("*") if path.is_file())


async def test_the_settle_window_waits_for_a_slow_starter(
    docker_pool: AnsiblePool, sick_container: SickFactory, prepare: Prepare
) -> None:
    slow = sick_container(start_period="20s", start_seconds=8)
    run = prepare(docker_pool, a_proposal(slow.name))
    assert (await asyncio.to_thread(run.play, APPLY)).ok  # no second pass, which may last as long as its start
    done = await prove(run, WatchLimits(every_seconds=1, margin_seconds=1))
    assert done.verdict is OutcomeVerdict.PROVEN, done
    assert any("starting" in line for line in run.lines)


async def test_a_stopped_container_is_started_and_a_drifted_one_is_not_made_anew(
    engine: Engine, base_image: str, docker_pool: AnsiblePool, prepare: Prepare
) -> None:
    options = ["--init", "-e", "DRIFTED=yes", "--memory", "64m", "--restart", "unless-stopped", "-v", "/data"]
    name = engine.run(base_image, "sleep", "600", options=options)
    engine.exec(name, "touch", "/data/precious", "/root/precious")
    engine.docker("stop", "--time", "1", name)
    before = engine.inspect(name)["Id"]
    run = prepare(docker_pool, a_proposal(name))
    assert the_look(run).health is TargetStatus.UNHEALTHY
    assert all(s.ok for s in await asyncio.to_thread(repair, run))
    assert engine.inspect(name)["Id"] == before
    engine.exec(name, "test", "-f", "/data/precious", "-a", "-f", "/root/precious")
    assert (await prove(run)).verdict is OutcomeVerdict.PROVEN


async def test_a_container_that_dies_again_and_again_is_a_crash_loop(
    engine: Engine, base_image: str, docker_pool: AnsiblePool, prepare: Prepare
) -> None:
    name = engine.run(base_image, "sh", "-c", "sleep 0.7; exit 3", options=["--restart", "always"])
    run = prepare(docker_pool, a_proposal(name))
    assert all(s.ok for s in await asyncio.to_thread(repair, run))
    done = await prove(run)
    assert done.verdict is OutcomeVerdict.NOT_HELPED, done


def test_a_missing_container_is_said_plainly_and_nothing_is_made(
    engine: Engine, docker_pool: AnsiblePool, prepare: Prepare
) -> None:
    run = prepare(docker_pool, a_proposal("mm-nobody"))
    seen = the_look(run)
    assert seen.health is TargetStatus.UNHEALTHY
    assert seen.facts["exists"] is False
    stages = repair(run)
    assert not stages[-1].ok
    assert stages[-1].detail == "There is no container named mm-nobody on box: nothing was restarted, nothing was made."
    assert "mm-nobody" not in engine.docker("ps", "-a", "--format", "{{.Names}}")


def of_compose(service: str, *, oneoff: str | None = "False") -> list[str]:
    """Options of a container as compose makes it; podman's compose says nothing of `oneoff`."""
    pairs = {"project": "shop", "service": service, **({"oneoff": oneoff} if oneoff else {})}
    return ["--init", *(word for k, v in pairs.items() for word in ("--label", f"com.docker.compose.{k}={v}"))]


async def test_of_three_replicas_only_the_sick_one_is_restarted(
    engine: Engine, base_image: str, docker_pool: AnsiblePool, prepare: Prepare
) -> None:
    replicas = [engine.run(base_image, "sleep", "600", options=of_compose("api")) for _ in range(3)]
    sick, healthy, stopped = replicas
    engine.docker("stop", "--time", "1", stopped)
    others = {name: engine.started_at(name) for name in (healthy, stopped)}
    payload = {"runtime": "docker", "container": sick, "compose": {"project": "shop", "service": "api"}}
    run = prepare(docker_pool, a_proposal("shop.api", payload=payload))
    since = time.time() - 0.5
    assert all(s.ok for s in await asyncio.to_thread(repair, run))
    assert len(engine.events(sick, "restart", since=since)) == 1
    assert {name: engine.started_at(name) for name in others} == others
    assert engine.inspect(stopped)["State"]["Status"] == "exited"
    done = await prove(run)
    assert (done.verdict, [one["name"] for one in done.after["containers"]]) == (OutcomeVerdict.PROVEN, [sick])
    engine.rm(sick)
    assert the_look(run).facts["exists"] is False
    assert f"no container {sick} of the service api" in run.play(APPLY).detail


async def test_a_compose_service_is_found_by_its_labels_and_its_neighbour_is_left_alone(
    engine: Engine, base_image: str, docker_pool: AnsiblePool, prepare: Prepare
) -> None:
    web = [engine.run(base_image, "sleep", "600", options=of_compose("web")) for _ in range(2)]
    stopped, made_by_run = (
        engine.run(base_image, "sleep", "600", options=of_compose("web", oneoff=word)) for word in (None, "True")
    )
    engine.docker("stop", "--time", "1", stopped)
    neighbour = engine.run(base_image, "sleep", "600", options=of_compose("db"))
    others = {name: engine.started_at(name) for name in (stopped, made_by_run, neighbour)}
    since = time.time() - 0.5
    payload = {"runtime": "docker", "compose": {"project": "shop", "service": "web"}}
    run = prepare(docker_pool, a_proposal("shop.web", payload=payload))
    assert all(s.ok for s in await asyncio.to_thread(repair, run))
    assert [len(engine.events(name, "restart", since=since)) for name in web] == [1, 1]
    assert {name: engine.started_at(name) for name in others} == others
    done = await prove(run)
    assert done.verdict is OutcomeVerdict.PROVEN
    assert len(done.after["containers"]) == 2
    typed = prepare(docker_pool, a_proposal("shop.web", payload={"runtime": "docker"}))  # by who knows no labels
    assert all(s.ok for s in await asyncio.to_thread(repair, typed))
    assert [len(engine.events(name, "restart", since=since)) for name in web] == [2, 2]
    assert {name: engine.started_at(name) for name in others} == others
    engine.rm(*web, stopped)
    assert (the_look(run).facts["exists"], the_look(typed).facts["exists"]) == (False, False)
    assert "no compose service of this name" in typed.play(APPLY).detail
    assert "no container of the service web of the compose project shop" in run.play(APPLY).detail


async def test_of_the_replicas_behind_an_address_all_that_are_up_are_restarted_and_none_that_somebody_stopped(
    engine: Engine, base_image: str, docker_pool: AnsiblePool, prepare: Prepare
) -> None:
    first, second, stopped, unnamed = (
        engine.run(base_image, "sleep", "600", options=of_compose("worker")) for _ in range(4)
    )
    engine.docker("stop", "--time", "1", stopped)
    others = {name: engine.started_at(name) for name in (stopped, unnamed)}
    payload = {"runtime": "docker", "containers": [first, second, stopped], "compose": WORKER}
    run = prepare(docker_pool, a_proposal("shop.worker", payload=payload))
    since = time.time() - 0.5
    assert all(s.ok for s in await asyncio.to_thread(repair, run))
    assert [len(engine.events(name, "restart", since=since)) for name in (first, second)] == [1, 1]
    assert {name: engine.started_at(name) for name in others} == others
    done = await prove(run)
    assert done.verdict is OutcomeVerdict.PROVEN, done
    assert {one["name"] for one in done.after["containers"]} == {first, second}
    engine.rm(first, second, stopped, unnamed)


async def test_what_lives_in_its_network_is_restarted_with_it_and_finds_its_network_again(
    engine: Engine, base_image: str, docker_pool: AnsiblePool, prepare: Prepare
) -> None:
    def living_with(host: str) -> str:
        return engine.run(base_image, "sleep", "600", options=["--init", "--network", f"container:{host}"])

    host, stranger = (engine.run(base_image, "sleep", "600", options=["--init"]) for _ in range(2))
    guest, stopped, untold = living_with(host), living_with(host), living_with(host)
    engine.docker("stop", "--time", "1", stopped)
    others = {name: engine.started_at(name) for name in (stranger, stopped, untold)}
    run = prepare(
        docker_pool, a_proposal(host, payload={"runtime": "docker", "in_its_network": [guest, stopped, stranger]})
    )
    since = time.time() - 0.5
    stages = await asyncio.to_thread(repair, run)
    assert [(s.ok, s.changed) for s in stages] == [(True, 0), (True, 2), (True, 0)], stages
    assert [len(engine.events(name, "restart", since=since)) for name in (host, guest)] == [1, 1]
    assert {name: engine.started_at(name) for name in others} == others
    assert engine.exec(guest, "readlink", "/proc/1/ns/net") == engine.exec(host, "readlink", "/proc/1/ns/net")
    done = await prove(run)
    assert done.verdict is OutcomeVerdict.PROVEN, done
    assert {(one["name"], one["beside"]) for one in done.after["containers"]} == {(host, False), (guest, True)}
    engine.rm(guest, stopped, untold, stranger, host)
    assert the_look(run).facts["exists"] is False


@pytest.mark.parametrize(
    ("options", "labels", "seconds"),
    [
        (["--stop-timeout", "2"], None, 2),  # what the container itself asks for
        (["--stop-timeout", "2"], {"mendmesh.stop-timeout": "3", "autoheal.stop.timeout": "2"}, 3),
        (["--label", "mendmesh.stop-timeout=3"], None, 3),  # an event of a webhook knows no labels
        (["--label", "autoheal.stop.timeout=soon", "--stop-timeout", "9"], {"autoheal.stop.timeout": "2"}, 2),
    ],
    ids=["its own", "of the event", "of the container", "in seconds"],
)
def test_a_container_gets_the_time_to_stop_that_its_owner_asks_for(
    engine: Engine,
    base_image: str,
    docker_pool: AnsiblePool,
    prepare: Prepare,
    options: list[str],
    labels: dict[str, str] | None,
    seconds: int,
) -> None:
    name = engine.run(base_image, "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", options=options)
    payload = {"runtime": "docker"} | ({"labels": labels} if labels else {})
    run = prepare(docker_pool, a_proposal(name, payload=payload))
    since = time.time() - 0.5
    assert all(s.ok for s in repair(run))
    asked, forced = (event["timeNano"] / 1e9 for event in engine.events(name, "kill", since=since)[:2])
    assert seconds - 0.1 <= forced - asked < 9, "not the ten seconds that the module gives by itself"
    engine.rm(name)


@pytest.fixture
def compose(engine: Engine, tmp_path: Path) -> dict[str, str]:
    """An environment in which `docker compose` is the real plugin, speaking to the engine of the tests."""
    config = tmp_path / "docker-config"
    (config / "cli-plugins").mkdir(parents=True)
    plugin = Path(sys.prefix, "bin", "docker-compose")  # from PyPI; where there is none, the machine's own
    if plugin.exists():
        (config / "cli-plugins" / "docker-compose").symlink_to(plugin)
    path = f"{Path(engine.client).parent}:{os.environ['PATH']}"
    environment = {**engine.env, "PATH": path}
    if plugin.exists():
        environment["DOCKER_CONFIG"] = str(config)
    found = subprocess.run([engine.client, "compose", "version"], env=environment, capture_output=True, check=False)
    if found.returncode:
        missing("docker compose", "apt-get install docker-compose-plugin")
    return environment


async def test_a_redeploy_makes_one_service_anew_and_leaves_what_it_depends_on(
    engine: Engine, base_image: str, compose: dict[str, str], prepare: Prepare, tmp_path: Path
) -> None:
    project = f"mm{secrets.token_hex(4)}"
    folder = tmp_path / "shop"
    folder.mkdir()
    service = {"image": base_image, "command": "sleep 600", "init": True, "labels": {LABEL: engine.session}}
    services = {"web": {**service, "depends_on": ["db"]}, "db": service}
    networks = {"default": {"labels": {LABEL: engine.session}}}
    (folder / "compose.yml").write_text(yaml.safe_dump({"services": services, "networks": networks}))

    def run_compose(*words: str) -> None:
        command = [engine.client, "compose", "-p", project, "-f", str(folder / "compose.yml"), *words]
        subprocess.run(command, env=compose, capture_output=True, check=True, timeout=300)

    await asyncio.to_thread(run_compose, "up", "-d")
    pool = AnsiblePool.start(compose)
    try:
        before = {name: engine.inspect(f"{project}-{name}-1")["Id"] for name in services}
        payload = {"runtime": "docker", "compose": {"project": project, "service": "web"}}
        proposal = a_proposal(f"{project}.web", "redeploy", payload)
        ignorant = prepare(pool, proposal)
        assert "add mend_compose_dirs" in (await asyncio.to_thread(repair, ignorant))[-1].detail
        box = {"ansible_connection": "local", "mend_compose_dirs": {project: str(folder)}}
        run = prepare(pool, proposal, inventory=yaml.safe_dump({"all": {"hosts": {"box": box}}}).encode())
        said = await preview(run)
        assert said.sentence.endswith("would change something: Make its containers anew"), said
        assert (said.surprises, f"{project}-web-1" in said.tasks[-1].things) == ((), True), said
        assert not any("-db-" in thing for thing in said.tasks[-1].things), said
        stages = await asyncio.to_thread(repair, run)
        assert [(s.ok, s.changed) for s in stages] == [(True, 0), (True, 1), (True, 0)], stages
        after = {name: engine.inspect(f"{project}-{name}-1")["Id"] for name in services}
        assert after["web"] != before["web"]
        assert after["db"] == before["db"]
        assert (await prove(run)).verdict is OutcomeVerdict.PROVEN
    finally:
        pool.stop()
        await asyncio.to_thread(run_compose, "down", "--timeout", "1")
