"""How `mend up` hears that a program ended, and that it should stop, without asking twice a second."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mend.local.end_watch import EndWatch
from mend.local.stopper import Stopper
from mend.local.supervisord import Job, NoAnswer, Supervisord
from mesh_core.testing import until

LONG = 60.0


@pytest.fixture
def watch() -> Iterator[EndWatch]:
    made = EndWatch()
    yield made
    made.close()


def test_a_process_of_somebody_else_that_ends_is_told_at_once_and_once(watch: EndWatch) -> None:
    # Its parent is a shell: what is watched need not be our child.
    shell = subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
    assert shell.stdout is not None
    pid = int(shell.stdout.readline())
    assert watch.follow([pid])
    assert not watch.wait(0)
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    assert watch.wait(LONG)
    assert time.monotonic() - began < LONG / 2
    assert not watch.wait(0)
    shell.wait()
    assert not watch.follow([pid])  # gone: whoever asks has to look
    shell.stdout.close()


def test_what_is_not_followed_any_more_is_not_told(watch: EndWatch) -> None:
    one, two = (subprocess.Popen(["sleep", "600"]) for _ in range(2))
    assert watch.follow([one.pid, two.pid])
    assert watch.follow([two.pid])
    one.kill()
    one.wait()
    assert not watch.wait(0.05)
    two.kill()
    assert watch.wait(LONG)
    two.wait()


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP"])
def test_a_signal_ends_the_wait(watch: EndWatch, name: str) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        stopper = Stopper()
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -{name} {os.getpid()}; sleep 0.1; kill {os.getpid()}"])
        began = time.monotonic()
        assert not watch.wait(LONG, stopper.woken)
        assert stopper.asked
        assert time.monotonic() - began < LONG / 2
        killer.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_while_everything_runs_supervisord_is_not_asked(tmp_path: Path) -> None:
    """What `mend up` costs at rest: supervisord answered two calls a second, which took both of them 0.3 s a minute."""
    from mend.local.plan import Plan, Program
    from mend.local.running import Mesh

    program = Program("one", ("sleep", "600"), "redis")
    plan = Plan(tmp_path, "pi4", (program,), dict(os.environ), "redis://127.0.0.1:1/0", None, None, None)
    told: list[str] = []
    mesh = Mesh(plan, lambda name, what, style: told.append(f"{name}: {what}"))
    mesh._supervisord = CountedSupervisord(tmp_path, tmp_path / "supervisord.log")
    try:
        mesh._supervisord.start([Job("one", program.command, tmp_path / "one.log")], os.environ)
        until(lambda: mesh._supervisord.states()["one"].state == "RUNNING", LONG, "it runs")
        mesh.look()
        before = mesh._supervisord.asked
        for _ in range(50):
            mesh.look()
        assert mesh._supervisord.asked == before
        psutil.Process(mesh._supervisord.states()["one"].pid).kill()

        def started_again() -> bool:
            mesh.look()
            return any("was started again" in line for line in told)

        until(started_again, LONG, "a word about its new start")
    finally:
        mesh._supervisord.end()


def test_a_supervisord_at_rest_waits_and_hears_of_a_death_and_of_its_own_end_all_the_same(tmp_path: Path) -> None:
    supervisord = Supervisord(tmp_path, tmp_path / "supervisord.log")
    try:
        supervisord.start([Job("one", ("sleep", "600"), tmp_path / "one.log")], os.environ)
        until(lambda: supervisord.states()["one"].state == "RUNNING", LONG, "it runs")
        (pid,) = supervisord.pids
        program = supervisord.states()["one"].pid

        def rests() -> bool:
            before = psutil.Process(pid).num_ctx_switches().voluntary
            time.sleep(3)  # the one of the wheel looked around three times
            return psutil.Process(pid).num_ctx_switches().voluntary == before

        until(rests, LONG, "a supervisord that waits")
        os.kill(program, signal.SIGKILL)
        until(lambda: supervisord.states()["one"].pid not in (0, program), LONG, "its new start")
    finally:
        supervisord.end()
    assert not psutil.pid_exists(pid)


def test_a_supervisord_that_somebody_else_ends_gives_no_answer_and_is_waited_for(tmp_path: Path) -> None:
    """As systemd ends a unit: it asks each process of it, supervisord as well as mend."""
    supervisord = Supervisord(tmp_path, tmp_path / "supervisord.log")
    listens, ended = tmp_path / "listens", tmp_path / "ended"
    try:
        code = f"trap 'sleep 3; touch {ended}; exit 0' TERM; touch {listens}; while :; do sleep 0.2; done"
        supervisord.start([Job("one", ("sh", "-c", code), tmp_path / "one.log")], os.environ)
        until(listens.exists, LONG, "it runs, and knows what to do at its end")
        (pid,) = supervisord.pids
        os.kill(pid, signal.SIGTERM)

        def gives_no_answer() -> bool:
            try:
                supervisord.stop_jobs(["one"], 0.0)
            except NoAnswer:
                return True
            return False

        until(gives_no_answer, LONG, "a supervisord that ends")
    finally:
        supervisord.end(LONG)
    assert ended.exists()
    assert not psutil.pid_exists(pid)


class CountedSupervisord(Supervisord):
    asked = 0

    def _call(self, method: str, *arguments: object) -> object:
        self.asked += 1
        return super()._call(method, *arguments)
