"""The seeded short chaos run as a test; `make chaos` is the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).with_name("chaos.py")


@pytest.mark.slow
@pytest.mark.timeout(260)
def test_no_fault_is_lost_and_nothing_runs_twice_under_random_kills() -> None:
    run = subprocess.run(
        [sys.executable, str(CHAOS), "--events", "3000", "--seed", "20261121", "--seconds", "170"],
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "kept every promise" in run.stdout
