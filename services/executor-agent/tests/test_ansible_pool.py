"""The Ansible pool: serves, isolates, dies with its parent, comes back, and never runs anything twice."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from parts.nodes import SshNode
from parts.playing import LOCAL, Prepare

from executor_agent.ansible_pool import client
from executor_agent.ansible_pool.client import TOKEN
from executor_agent.ansible_pool.environment import ALLOWED, run_environment
from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.ansible import StageLimits
from executor_agent.runner.stages import APPLY, SYNTAX
from mesh_core.models.outcomes import Stage
from mesh_core.testing import until, wait_for, within

SHOW = """
- hosts: box
  gather_facts: false
  tasks:
    - ansible.builtin.command: {argv: [sh, -c, "env; echo pid $$; cat /proc/self/status"]}
      register: seen
"""
SLEEP = """
- hosts: box
  gather_facts: false
  tasks:
    - ansible.builtin.shell: "echo started > MARK.new; mv MARK.new MARK; sleep 600; echo late >> MARK"
"""


def processes_with(text: str) -> list[int]:
    """Live processes whose command line or environment has `text` in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            state = (entry / "stat").read_text().rpartition(") ")[2][0]
            said = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if state != "Z" and text.encode() in said:
            found.append(int(entry.name))
    return found


def test_a_run_gets_an_allow_list_and_never_a_key(tmp_path: Path) -> None:
    shell = {"ANTHROPIC_API_KEY": "sk-1", "ANSIBLE_CALLBACKS_ENABLED": "", "ANSIBLE_CONFIG": "/evil", "HOME": "/h"}
    environment = run_environment({**shell, "PYTHONPATH": "/evil", "LD_PRELOAD": "/evil.so", "PATH": "/bin"}, tmp_path)
    assert "sk-1" not in str(environment)
    assert "evil" not in str(environment)
    assert "ANSIBLE_CALLBACKS_ENABLED" not in environment  # empty, it ends every run: "plugin name is required"
    assert environment["HOME"] == "/h"
    assert environment["PATH"].split(":")[0] == str(Path(sys.prefix, "bin"))
    ours = {name for name in environment if not name.startswith("ANSIBLE_")} - {"PATH", "LANG", "LC_ALL"}
    assert ours <= ALLOWED


@pytest.fixture(scope="module", params=[True, False], ids=["namespaces", "keeper"])
def either(request: pytest.FixtureRequest) -> Iterator[AnsiblePool]:
    """A pool of each kind, for all tests: one that was killed comes back."""
    pool = AnsiblePool.start({**os.environ, "SECRET_KEY": "sk-secret"}, namespaces=request.param)
    assert pool.wait_ready(60)
    yield pool
    pool.stop()


def test_the_child_sees_no_secret_knows_its_action_and_its_log_has_no_warning_about_its_wall(
    either: AnsiblePool, prepare: Prepare
) -> None:
    run = prepare(either, text=SHOW)
    seen: list[str] = []
    stage = run.play(APPLY, lambda task, result: seen.append(str(result.get("stdout"))))
    assert stage.ok, stage
    (text,) = seen
    assert "sk-secret" not in text
    assert f"MEND_RUN={run.proposal.id}" in text
    assert run.log("02_apply").lstrip().startswith("PLAY [")


def test_cancel_ends_the_whole_tree_at_once(either: AnsiblePool, prepare: Prepare, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    run = prepare(either, text=SLEEP.replace("MARK", str(mark)))
    result: list[Stage] = []
    thread = threading.Thread(target=lambda: result.append(run.play(APPLY)))
    thread.start()
    until(mark.exists, 60, "the task has started")
    with within(20, "the end of a run that is cancelled"):
        run.cancel.set()
        thread.join(300)
    (stage,) = result
    assert not stage.ok
    assert stage.detail == "cancelled"
    assert processes_with(str(mark)) == []
    assert mark.read_text() == "started\n"


def test_a_run_that_takes_too_long_is_ended_and_says_so(pool: AnsiblePool, prepare: Prepare, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    run = prepare(pool, text=SLEEP.replace("MARK", str(mark)))
    run.limits = StageLimits(stage_seconds=1)
    stage = run.play(APPLY)
    assert not stage.ok
    assert "not finished after 1 s" in stage.detail
    assert processes_with(str(mark)) == []


async def test_after_kill_9_of_the_warm_process_nothing_survives_and_it_comes_back(
    either: AnsiblePool,
    prepare: Prepare,
    tmp_path: Path,
) -> None:
    mark = tmp_path / "mark"
    run = prepare(either, text=SLEEP.replace("MARK", str(mark)))
    result: list[Stage] = []
    thread = threading.Thread(target=lambda: result.append(run.play(APPLY)))
    thread.start()
    await wait_for(mark.exists, 20, "the task has started")
    first = either.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with within(20, "the word that the warm process is gone"):
        await wait_for(lambda: not processes_with(str(mark)), 10, "no survivor of the run")
        thread.join(300)
    (stage,) = result
    assert not stage.ok  # and it did not start again on the slow road
    assert mark.read_text() == "started\n"
    await wait_for(lambda: either.pid not in (None, first), 10, "a new server")
    assert either.wait_ready(60)
    assert prepare(either, text=SHOW).play(APPLY).ok


EXECUTOR = """
import os, sys
from pathlib import Path
from executor_agent.ansible_pool.environment import run_environment
from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.ansible import StageContext, run_stage, write_project
from executor_agent.runner.stages import APPLY
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.policy.inventory import Inventory
{pool}
folder = Path({folder!r}); text = Path({text!r}).read_text()
write_project(folder, PlaybookSet(text, text, text), Inventory.parse({inventory!r}))
run_stage(APPLY, StageContext(pool, "plan-box-web-0123456789ab", "box", folder), print)
"""


WARM = "pool = AnsiblePool.start(os.environ, namespaces={}); assert pool.wait_ready(60)"
ITS_POOL = {
    "namespaces": WARM.format(True),
    "keeper": WARM.format(False),
    "plain": (
        "home = Path(os.environ['TMPDIR'], 'home'); home.mkdir(); "
        "pool = AnsiblePool(home, run_environment(os.environ, home), namespaces=True)  # nobody starts it"
    ),
}


@pytest.mark.parametrize("kind", ITS_POOL)
async def test_after_kill_9_of_the_executor_nothing_survives(tmp_path: Path, kind: str) -> None:
    mark, text, folder = tmp_path / "mark", tmp_path / "text.yml", tmp_path / "run"
    folder.mkdir()
    text.write_text(SLEEP.replace("MARK", str(mark)))
    program = EXECUTOR.format(pool=ITS_POOL[kind], folder=str(folder), text=str(text), inventory=LOCAL)
    executor = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        await wait_for(mark.exists, 30, "the task has started")
        assert processes_with(str(mark))
    finally:
        executor.kill()
        executor.wait()
    await wait_for(lambda: not processes_with(str(mark)), 10, "no survivor of a kill -9")
    await wait_for(lambda: not list(tmp_path.glob("mend-*")), 10, "no folder of the server left")
    assert mark.read_text() == "started\n"


def test_a_run_waits_for_a_warm_process_that_is_starting(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_a_slow_road(pool: AnsiblePool) -> tuple[str, ...]:
        return (sys.executable, "-I", "-S", client.__file__, str(pool.home / "s"), "/nowhere/ansible-playbook")

    monkeypatch.setattr(AnsiblePool, "command", property(without_a_slow_road))
    pool = AnsiblePool.start(os.environ)
    try:
        assert prepare(pool, text=SHOW).play(SYNTAX).ok
    finally:
        pool.stop()


@pytest.fixture
def starting(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnsiblePool]:
    """A pool whose server does what is asked for, and is never ready."""
    (tmp_path / "server.py").write_text(f"import sys, time; {request.param}")
    supervisor = "executor_agent.ansible_pool.supervisor"
    monkeypatch.setattr(f"{supervisor}._HERE", tmp_path)
    monkeypatch.setattr(f"{supervisor}.BACKOFF_SECONDS", (600,))
    pool = AnsiblePool.start(os.environ)
    yield pool
    pool.stop()


HANGS, DIES = "sys.stdin.read()", "time.sleep(0.3)"


@pytest.mark.parametrize(("starting", "patience"), [(HANGS, 0.3), (DIES, 600)], indirect=["starting"])
def test_no_run_waits_for_one_that_is_not_ready_soon(
    starting: AnsiblePool, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executor_agent.ansible_pool.supervisor.START_SECONDS", patience)
    with within(60, "the end of the wait"):
        starting.wait_while_starting(threading.Event())


@pytest.mark.parametrize("starting", [HANGS], indirect=True)
def test_a_run_that_waits_for_one_can_be_cancelled(starting: AnsiblePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("executor_agent.ansible_pool.supervisor.START_SECONDS", 600)
    cancel = threading.Event()
    waits = threading.Thread(target=starting.wait_while_starting, args=(cancel,))
    waits.start()
    assert waits.is_alive()
    cancel.set()
    waits.join(60)
    assert not waits.is_alive()


def test_a_run_that_wants_other_settings_takes_the_slow_road(pool: AnsiblePool, prepare: Prepare) -> None:
    run = prepare(pool, text=SHOW)
    other = {**pool.environment, "ANSIBLE_FORKS": "3"}
    stranger = AnsiblePool(pool.home, other, namespaces=True)
    begun = time.monotonic()
    run.pool = stranger
    assert run.play(SYNTAX).ok
    slow = time.monotonic() - begun

    def warm() -> float:
        begun = time.monotonic()
        assert prepare(pool, text=SHOW).play(SYNTAX).ok
        return time.monotonic() - begun

    # Imports cost half a second, a fork a few milliseconds; on a busy machine one of them may wait for its turn.
    assert any(warm() < slow for _ in range(5))


@pytest.mark.parametrize("elsewhere", [False, True])
def test_without_a_warm_process_a_run_takes_the_slow_road(
    prepare: Prepare, ssh_node: SshNode, *, elsewhere: bool
) -> None:
    box = dict(ssh_node.inventory_vars) if elsewhere else {"ansible_connection": "local"}
    with tempfile.TemporaryDirectory(prefix="mend-") as named:  # as short as in the product: ssh's socket lies in it
        home = Path(named)
        nobody = AnsiblePool(home, run_environment(os.environ, home), namespaces=True)
        run = prepare(nobody, text=SHOW, inventory=json.dumps({"all": {"hosts": {"box": box}}}).encode())
        stage = run.play(APPLY)
    assert stage.ok, (stage, run.log("02_apply"))


def test_runs_at_the_same_time_do_not_meet(pool: AnsiblePool, prepare: Prepare) -> None:
    runs = [prepare(pool, text=SHOW.replace("echo pid", f"echo number-{n}; echo pid")) for n in range(3)]
    seen: dict[int, str] = {}

    def one(number: int) -> None:
        runs[number].play(APPLY, lambda task, result: seen.__setitem__(number, str(result.get("stdout"))))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for number in range(3):
        assert f"number-{number}\n" in seen[number]


def test_the_socket_is_in_a_folder_that_nobody_else_can_enter(pool: AnsiblePool) -> None:
    assert pool.home.stat().st_mode & 0o777 == 0o700


def test_a_run_cannot_ask_the_warm_process_for_another_run(pool: AnsiblePool) -> None:
    known = {name: value for name, value in pool.environment.items() if name != TOKEN}
    for environment in (known, {**known, TOKEN: "guessed"}):
        words = ["1", "--version", "/", *(f"{name}={value}" for name, value in environment.items())]
        body = "\0".join(words).encode()
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            line.connect(str(pool.home / "s"))
            socket.send_fds(line, [len(body).to_bytes(4, "big")], [0, 1, 2])
            line.sendall(body)
            assert line.recv(2) == b""


def test_what_a_killed_executor_left_is_removed_and_of_a_stopped_pool_only_what_is_not_its_own_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    dead, alive = tmp_path / f"mend-warm-{ended.pid}-abc", tmp_path / f"mend-warm-{os.getpid()}-abc"
    for folder in (dead, alive):
        (folder / "home").mkdir(parents=True)
    pool = AnsiblePool.start(os.environ)
    assert not dead.exists()
    assert pool.wait_ready(60)
    pid = pool.pid
    pool.stop()
    assert not pool.home.exists()
    assert not Path(f"/proc/{pid}").exists()
    assert alive.is_dir()
