"""The partition as a test of `make soak`: two minutes, or twenty seconds with MEND_SOAK_TIMES=1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from parts.require import missing, require

PARTITION = Path(__file__).with_name("partition.py")
SECONDS = 20.0 if os.environ.get("MEND_SOAK_TIMES") == "1" else 120.0


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 150)
def test_a_node_that_was_cut_off_tells_everything_once_and_in_order_and_nothing_else_suffers() -> None:
    require("ip", "apt-get install iproute2")
    require("redis-server", "apt-get install redis-server")
    if os.geteuid() != 0:
        missing("root (for network namespaces)", "run the tests as root")
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    if probe.returncode:
        missing("the right to make network namespaces", "run the tests where root has CAP_SYS_ADMIN")
    run = subprocess.run(
        [sys.executable, str(PARTITION), "--seconds", f"{SECONDS:g}"],
        capture_output=True,
        text=True,
        timeout=SECONDS + 140,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-8000:]
    assert "events once and in order" in run.stdout
