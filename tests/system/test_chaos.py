"""The seeded short chaos runs as tests; `make chaos` is the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).with_name("chaos.py")


def chaos(*arguments: str) -> str:
    """What it printed. Fails unless every promise was kept."""
    run = subprocess.run([sys.executable, str(CHAOS), *arguments], capture_output=True, text=True, timeout=320)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "kept every promise" in run.stdout
    return run.stdout


@pytest.mark.slow
@pytest.mark.timeout(330)
def test_no_fault_is_lost_and_nothing_runs_twice_under_random_kills() -> None:
    chaos(*["--events", "3000", "--seed", "20261121", "--feeding", "75", "--seconds", "270"])


@pytest.mark.slow
@pytest.mark.timeout(330)
def test_nor_when_each_death_of_redis_costs_it_its_last_second() -> None:
    said = chaos(*["--events", "600", "--seed", "7", "--feeding", "25", "--seconds", "270", "--lose-tail", "1"])
    lost = next(line.split()[-1] for line in said.splitlines() if "bytes lost by redis" in line)
    assert int(lost) > 10_000
