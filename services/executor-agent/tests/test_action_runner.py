"""The real runner and the scripted one keep the same promises; the process starts where nobody else can approve."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from executor_rig import ExecutorHarness, ScriptedRunner, proposal_for, write_inventory
from parts.forked import run_forked

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.action_runner import ActionRunner
from executor_agent.runner.interface import Runner
from executor_agent.runner.original_probe import OriginalProbe
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Folder, ModelRef, Proposal
from mesh_core.testing import RedisServer, free_port, wait_for, within

# Minutes that no other process of this machine sleeps.
LONG = f"61.{os.getpid()}"
SLOW = (
    "- hosts: here\n  gather_facts: false\n  tasks:\n"
    f"    - ansible.builtin.command: {{argv: [sleep, '{LONG}']}}\n      changed_when: false\n"
)
QUICK = SLOW.replace(f"'{LONG}'", "'0'")


def playbook(text: str) -> Proposal:
    import hashlib

    digest = hashlib.sha256(text.encode()).hexdigest()
    return proposal_for(
        1,
        type="playbook",
        action="playbook",
        risk_level="high",
        playbook={"name": "p", "sha256": digest, "text": text},
    )


@pytest.fixture(params=["scripted", "ansible"])
def runner(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[bool], Runner]:
    """Each of the two, as one that takes long or not."""

    def make(slow: bool) -> Runner:
        if request.param == "scripted":
            return ScriptedRunner(tmp_path / "runs", seconds=60 if slow else 0)
        return ActionRunner(request.getfixturevalue("pool"), write_inventory(tmp_path, "here"))

    return make


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


async def test_a_run_ends_with_a_result_and_its_lines_were_heard(
    runner: Callable[[bool], Runner], run_dir: Path
) -> None:
    lines: list[tuple[str, str]] = []
    result = await runner(False).run(playbook(QUICK), run_dir, lambda *line: lines.append(line), asyncio.Event())
    assert (result.result, result.verdict) == ("done", "proven")
    assert result.stages
    assert lines
    assert all(isinstance(stage, str) and isinstance(line, str) for stage, line in lines)


async def test_a_run_that_is_told_to_stop_ends_soon_as_interrupted(
    runner: Callable[[bool], Runner], run_dir: Path
) -> None:
    cancel = asyncio.Event()
    task = asyncio.create_task(runner(True).run(playbook(SLOW), run_dir, lambda *_: None, cancel))
    await asyncio.sleep(1.5)
    assert not task.done()
    cancel.set()
    async with asyncio.timeout(60):
        result = await task
    assert result.result == "interrupted"
    assert LONG not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


async def test_a_look_where_there_is_nothing_to_look_at_is_no_healthy_one(
    runner: Callable[[bool], Runner], run_dir: Path
) -> None:
    look = await runner(False).look(playbook(QUICK), run_dir)
    assert isinstance(look, TargetState)
    assert look.health is not TargetStatus.HEALTHY


async def test_a_look_at_a_host_without_an_inventory_is_unknown(
    pool: AnsiblePool, run_dir: Path, tmp_path: Path
) -> None:
    runner = ActionRunner(pool, tmp_path / "none.yml")
    look = await runner.look(proposal_for(1), run_dir)
    assert look.health is TargetStatus.UNKNOWN
    result = await runner.run(proposal_for(1), run_dir, lambda *_: None, asyncio.Event())
    assert (result.result, result.verdict) == ("failed", "not_run")
    assert "none.yml" in result.reason


async def test_a_playbook_that_fails_its_syntax_check_changes_nothing_and_says_so(
    pool: AnsiblePool, run_dir: Path, tmp_path: Path
) -> None:
    runner = ActionRunner(pool, write_inventory(tmp_path, "here"))
    broken = "- hosts: here\n  tasks:\n    - no_such_module_at_all: {}\n"
    result = await runner.run(playbook(broken), run_dir, lambda *_: None, asyncio.Event())
    assert (result.result, result.verdict) == ("failed", "not_run")
    assert "nothing was changed" in result.reason


async def test_a_notification_without_targets_is_acknowledged_and_names_the_variable(
    pool: AnsiblePool, run_dir: Path, tmp_path: Path
) -> None:
    runner = ActionRunner(pool, tmp_path / "none.yml")
    notify = proposal_for(1, type="notify", action="notify")
    assert (await runner.look(notify, run_dir)).health is TargetStatus.UNKNOWN
    result = await runner.run(notify, run_dir, lambda *_: None, asyncio.Event())
    assert (result.result, result.verdict) == ("done", "acknowledged")
    assert "NOTIFY_URLS is not set" in result.reason
    assert (run_dir / "logs" / "02_apply.log").read_text().strip() == result.reason


async def test_a_notification_that_no_target_took_has_failed(pool: AnsiblePool, run_dir: Path, tmp_path: Path) -> None:
    runner = ActionRunner(pool, tmp_path / "none.yml", notify_urls=(f"json://127.0.0.1:{free_port()}/",))
    notify = proposal_for(1, type="notify", action="notify")
    result = await runner.run(notify, run_dir, lambda *_: None, asyncio.Event())
    await runner.teller.close()
    assert (result.result, result.verdict) == ("failed", "not_helped")


async def test_a_notification_reaches_its_target(pool: AnsiblePool, run_dir: Path, tmp_path: Path) -> None:
    heard: list[bytes] = []
    server = await asyncio.start_server(lambda r, w: _answer(r, w, heard), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        runner = ActionRunner(pool, tmp_path / "none.yml", notify_urls=(f"json://127.0.0.1:{port}/",))
        model = ModelRef(name="tiny", provider="llamacpp", position=1, latency_ms=1)
        notify = proposal_for(1, type="notify", action="notify", model=model, reason="it went away by itself")
        result = await runner.run(notify, run_dir, lambda *_: None, asyncio.Event())
        await runner.teller.close()
    assert result.result == "done", result.reason
    assert result.verdict == "inconclusive"
    assert b"container_died on here/web" in heard[0]
    assert b'model tiny says: \\"it went away by itself\\"' in heard[0]


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: list[bytes]) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length"))
    heard.append(await reader.readexactly(size))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


# ---- the probe that saw the trouble ------------------------------------------------------------------------------


@pytest.fixture
async def bus(redis_server: RedisServer) -> AsyncIterator[Bus]:
    bus = Bus.connect(redis_server.url, "test")
    yield bus
    await bus.close()


def probed(**changes: Any) -> Proposal:
    told: dict[str, Any] = {
        "id": "here/1-0",
        "type": "http_probe_failed",
        "node": "here",
        "service": "web",
        "incident": "here/web/1",
    }
    return proposal_for(1, event=HealthEvent.model_validate({**told, **changes}))


async def test_the_probe_of_the_node_agent_is_the_judge_of_its_own_trouble(bus: Bus) -> None:
    ask = await OriginalProbe(bus).listen(probed())
    assert ask is not None
    assert await ask(0) is None
    await bus.append(
        "here", "2-0", b'{"type":"http_probe_failed","node":"here","service":"web","incident":"here/web/1"}'
    )
    assert await ask(0) is False
    await bus.append("here", "3-0", b'{"type":"service_recovered","node":"here","service":"db","incident":"here/db/1"}')
    assert await ask(0) is False
    await bus.append(
        "here", "4-0", b'{"type":"service_recovered","node":"here","service":"web","incident":"here/web/1"}'
    )
    assert await ask(5) is True


@pytest.mark.parametrize("changes", [{"type": "container_died"}, {"incident": None}, {"id": "here/1-3"}])
async def test_nobody_is_asked_where_no_probe_would_answer(bus: Bus, changes: dict[str, Any]) -> None:
    assert await OriginalProbe(bus).listen(probed(**changes)) is None


async def test_of_a_host_that_was_restarted_its_agent_is_asked_whatever_it_had_seen(bus: Bus) -> None:
    told = probed(type="load_high").model_copy(update={"type": "node_reboot"})
    assert await OriginalProbe(bus).listen(told) is not None


async def test_without_redis_the_probe_says_nothing(bus: Bus, redis_server: RedisServer) -> None:
    redis_server.stop()
    ask = await OriginalProbe(bus).listen(probed())
    assert ask is not None
    assert await ask(0) is None


# ---- the real process ----------------------------------------------------------------------------------------------


async def test_sigterm_ends_a_long_playbook_cleanly(harness: ExecutorHarness) -> None:
    environment = {"PATH": os.environ["PATH"], "RUNTIME_PATH": str(harness.runtime), "REDIS_URL": harness.redis_url}
    widened = "requests: {modules: {ansible.builtin.command: [argv]}}\n"
    (harness.runtime / "config" / "policy.yml").write_text(widened)
    process = subprocess.Popen(
        [sys.executable, "-m", "executor_agent"], env={**environment, "EXECUTOR_STOP_SECONDS": "1"}
    )
    try:
        name = harness.approve(playbook(SLOW))
        log = harness.folder(Folder.RUNNING) / name.id / "logs" / "02_apply.log"
        await wait_for(lambda: log.exists() and "TASK" in log.read_text(), 30, "the playbook is at work")
        with within(45, "its end, long before the playbook's"):
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 300) == 0
    finally:
        process.kill()
        process.wait()
    outcome = harness.outcome(Folder.INTERRUPTED, name.id)
    assert outcome.verdict == "inconclusive"
    assert LONG not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert (await harness.moves())[-1] == (name.id, "running", "interrupted")


def start(runtime: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "RUNTIME_PATH": str(runtime), **settings}
    return run_forked("executor_agent", environ=environment)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("EXECUTOR_PARALLEL", "0"), ("EXECUTOR_RUN_SECONDS", "soon"), ("PLANNER_UID", "-1"), ("REDIS_URL", "http://x")],
)
def test_a_bad_setting_stops_it_at_the_start_by_name(tmp_path: Path, variable: str, value: str) -> None:
    done = start(tmp_path, **{variable: value})
    assert done.returncode == 2
    assert variable in done.stderr


def test_it_does_not_start_where_anybody_could_approve(tmp_path: Path) -> None:
    (tmp_path / "actions" / "approved").mkdir(parents=True)
    (tmp_path / "actions" / "approved").chmod(0o777)
    done = start(tmp_path)
    assert done.returncode == 2
    assert "chmod o-w" in done.stderr
    assert done.stderr.count("\n") == 1


def test_it_does_not_start_where_the_planner_could_approve(tmp_path: Path) -> None:
    done = start(tmp_path, PLANNER_UID=str(os.getuid()))
    assert done.returncode == 2
    assert "PLANNER_UID" in done.stderr or "planner" in done.stderr
