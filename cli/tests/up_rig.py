"""`mend up` as a real process over one runtime folder, and how to see that all of it is gone. Not a test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from mend_rig import Mend

from mesh_core.testing import wait_for


class Up:
    """One `mend up`; its output goes to a file, as it would to a pipe."""

    def __init__(self, mend: Mend, output: Path):
        self.mend = mend
        self.output = output
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self, **environ: str) -> None:
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mend", "up"],
                env={**os.environ, **self.mend.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.mend.runtime,
            )

    async def start(self, **environ: str) -> float:
        """Seconds until it says what to do next."""
        begun = time.monotonic()
        self.launch(**environ)
        await wait_for(lambda: self.ended or "Ctrl-C stops everything" in self.said, 60, "the mesh to be up")
        assert not self.ended, self.said
        return time.monotonic() - begun

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def family(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def of(self, name: str) -> psutil.Process | None:
        """The process of that service; None between its end and its next start."""
        module = name.replace("-", "_")
        return next((p for p in self.family() if words_of(p)[-2:] == ["-m", module]), None)

    def kill(self, name: str) -> psutil.Process:
        """As a crash does; what it was."""
        process = self.of(name)
        assert process is not None, f"{name} does not run"
        process.kill()
        return process

    async def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, 300)


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; none of one that ended just now (an agent's look at its host is over in milliseconds)."""
    with contextlib.suppress(psutil.NoSuchProcess):  # a zombie's is that, too
        return process.cmdline()
    return []


def told_to(process: psutil.Process) -> str:
    """All that it was told as it started, its environment and its command line; likewise."""
    with contextlib.suppress(psutil.Error, OSError):
        return Path(f"/proc/{process.pid}/environ").read_text(errors="replace") + "\0".join(process.cmdline())
    return ""


async def gone(processes: list[psutil.Process], seconds: float = 30) -> None:
    def lives(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends while we ask
            return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
        return False

    await wait_for(lambda: not any(map(lives, processes)), seconds, f"every process of ours to end, of {processes}")
