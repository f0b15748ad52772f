"""A daemon of the tests' own: started with its output in a file, waited for, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mesh_core.testing import Patience

UP_WITHIN_SECONDS = 60.0
DOWN_WITHIN_SECONDS = 30.0


def start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for pytest, which then ends it in order
        )


def is_up(daemon: subprocess.Popen[bytes], answers: Callable[[], bool]) -> bool:
    """Waits for it. False where it has ended, or does not answer within UP_WITHIN_SECONDS."""
    patience = Patience(UP_WITHIN_SECONDS)
    while not answers():
        if daemon.poll() is not None or patience.over():
            return False
        time.sleep(0.05)
    return True


def end(daemon: subprocess.Popen[bytes]) -> None:
    """Asked first; after DOWN_WITHIN_SECONDS killed, with what it started."""
    daemon.terminate()
    try:
        daemon.wait(DOWN_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()
