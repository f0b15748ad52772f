"""`mend drill` as a real process with a keyboard that the test holds."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil


@asynccontextmanager
async def drilling(folder: Path, *words: str, **environ: str) -> AsyncIterator[subprocess.Popen[str]]:
    """`mend drill` in a session of its own, with its throwaway folder under `folder` and a keyboard that we hold."""
    environ = {"LLM_CHAIN": "floor", "TMPDIR": str(folder), "RUNTIME_PATH": str(folder / "unused"), **environ}
    with (folder / "out.txt").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "mend", "drill", *words],
            env={**os.environ, "NODE_NAME": "drillnode", **environ},
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield process
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        if process.poll() is None:
            process.kill()
        process.communicate()
        gone, _ = await asyncio.to_thread(psutil.wait_procs, family, 300)
        assert len(gone) == len(family)


def output(folder: Path) -> str:
    return (folder / "out.txt").read_text()


async def finished(process: subprocess.Popen[str], seconds: float = 300) -> int:
    return await asyncio.to_thread(process.wait, seconds)
