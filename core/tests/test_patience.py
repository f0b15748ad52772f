"""A bound of a test says something on a quiet machine, and holds on a busy one."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from mesh_core import testing
from mesh_core.testing import Patience, wait_for, within

CORES = len(os.sched_getaffinity(0))


class Machine:
    """Its clock, how many want to run and how many wait for its disk, as a test wants them."""

    def __init__(self, folder: Path):
        self.now = 1000.0
        self.statistics = folder / "stat"
        self.does(running=1)

    def does(self, running: int, blocked: int = 0) -> None:
        self.statistics.write_text(f"cpu  1 2 3\nprocs_running {running}\nprocs_blocked {blocked}\n")

    def seconds_until_over(self, bound: float, asked_every: float) -> float:
        """How long somebody has patience who asks that often."""
        patience, began = Patience(bound), self.now
        while not patience.over():
            self.now += asked_every
        return self.now - began


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setattr(testing, "time", SimpleNamespace(monotonic=lambda: machine.now))  # not that of the loop
    monkeypatch.setattr(testing, "STATISTICS", machine.statistics)
    monkeypatch.setattr(testing, "CPU_LIMITS", ())
    return machine


@pytest.mark.parametrize(
    ("running", "blocked", "times"),
    [(1, 0, 1), (CORES, 0, 1), (4 * CORES, 0, 4), (CORES, 2, 3), (4 * CORES, 1, 5)],
    ids=["quiet", "a core for each", "four for each core", "two wait for the disk", "both"],
)
def test_a_bound_is_as_much_longer_as_more_want_the_machine(
    machine: Machine, running: int, blocked: int, times: int
) -> None:
    machine.does(running, blocked)
    assert machine.seconds_until_over(10, asked_every=0.125) == pytest.approx(10 * times, abs=0.2)


@pytest.mark.parametrize(
    ("said", "share"),
    [
        (["50000 100000\n"], 0.5),
        (["max 100000\n"], CORES),
        (["25000\n", "100000\n"], 0.25),
        (["-1\n", "100000\n"], CORES),
        ([f"{CORES + 1}00000 100000\n"], CORES),
        ([], CORES),
    ],
)
def test_a_container_that_may_take_a_part_of_a_core_is_a_busy_machine(
    machine: Machine, said: list[str], share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = tuple(tmp_path / str(number) for number in range(3))
    for path, words in zip(limits, said, strict=False):
        path.write_text(words)
    monkeypatch.setattr(testing, "CPU_LIMITS", limits)
    machine.does(running=2 * CORES)
    assert machine.seconds_until_over(10, asked_every=0.125) == pytest.approx(20 * CORES / share, abs=0.2)


def test_what_the_machine_stood_still_for_is_not_waited_for_only_once(machine: Machine) -> None:
    assert machine.seconds_until_over(10, asked_every=30) == 10 * 30


def test_a_machine_that_does_not_say_what_it_does_is_taken_for_a_quiet_one(machine: Machine) -> None:
    machine.statistics.unlink()
    assert machine.seconds_until_over(10, asked_every=0.125) == 10


async def test_what_does_not_come_is_said_with_how_long_it_was_waited_for(machine: Machine) -> None:
    def never() -> bool:
        machine.now += 1
        return False

    with pytest.raises(AssertionError, match=r"after 2 s \(by the clock 2 s\) still waiting for: a miracle"):
        await wait_for(never, 2, "a miracle")


def test_a_block_that_takes_longer_than_it_may_is_told_at_its_end(machine: Machine) -> None:
    with within(5, "a blink"):
        machine.now += 1
    with pytest.raises(AssertionError, match=r"it took 0.5 s \(by the clock 1 s\): a nap"), within(0.5, "a nap"):
        machine.now += 1
