"""How soon after `mv pending/X approved/` the action is claimed (approved/X -> running/<id>/claimed.json).

A real executor process with a runner that does nothing; moves one after another, as a person or a script makes them.
In-run baseline: the two renames alone, made by this process on the same disk. Usage: approve_latency.py [--moves 200]
"""

from __future__ import annotations

from mesh_core.runtime.log import setup

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from executor_agent.lifecycle import ExecutorLifecycle
from executor_agent.loop.execution import ExecutorLimits
from mesh_core.approvals.proposal_files import ActionName
from mesh_core.models.proposals import Folder
from mesh_core.runtime.service import serve
from mesh_core.storage.files import rename_exclusive
from mesh_core.testing import AllFolders, RedisServer

sys.path[:0] = [str(Path(__file__).parents[1] / "services" / "executor-agent" / "tests")]

from executor_rig import ScriptedRunner, file_pending, proposal_for, write_inventory  # noqa: E402

GOAL_MS = 10.0
WAIT_SECONDS = 10.0


def child(runtime: Path, redis_url: str) -> None:
    setup("executor-agent", level="error")
    lifecycle = ExecutorLifecycle(runtime, ScriptedRunner(runtime / "runs"), redis_url, ExecutorLimits(), node="bench")
    serve("executor-agent", runtime, {"execute": lifecycle.run})


def until_there(path: Path, begun: float) -> float:
    """Milliseconds from `begun` until `path` exists."""
    while not os.path.lexists(path):
        if time.perf_counter() - begun > WAIT_SECONDS:
            raise SystemExit(f"not claimed within {WAIT_SECONDS:g} s: {path}")
        time.sleep(0.0002)
    return (time.perf_counter() - begun) * 1000


def measure(actions: AllFolders, moves: int) -> list[float]:
    found = []
    for number in range(moves):
        name = file_pending(actions, proposal_for(number, service=f"web-{number}"))
        claimed = actions.folder(Folder.RUNNING) / name.id / "claimed.json"
        finished = actions.folder(Folder.DONE) / name.id
        begun = time.perf_counter()
        (actions.folder(Folder.PENDING) / name.file).rename(actions.folder(Folder.APPROVED) / name.file)
        while not os.path.lexists(claimed) and not finished.exists():
            time.sleep(0.0002)
            if time.perf_counter() - begun > WAIT_SECONDS:
                raise SystemExit(f"not claimed within {WAIT_SECONDS:g} s: {claimed}")
        found.append((time.perf_counter() - begun) * 1000)
        until_there(finished, begun)
    return found


def renames(folder: Path, moves: int) -> list[float]:
    """A move and an exclusive, fsynced claim, without anybody in between."""
    for name in ("pending", "approved", "running"):
        (folder / name).mkdir(parents=True)
    found = []
    for number in range(moves):
        name = ActionName(f"plan-x-y-{number:012x}", "0" * 16).file
        (folder / "pending" / name).write_bytes(b"{}")
        begun = time.perf_counter()
        (folder / "pending" / name).rename(folder / "approved" / name)
        rename_exclusive(folder / "approved" / name, folder / "running" / name)
        found.append((time.perf_counter() - begun) * 1000)
    return found


def line(what: str, found: list[float]) -> str:
    cuts = statistics.quantiles(found, n=20)
    return f"{what:38} {statistics.median(found):8.2f} {cuts[18]:8.2f} {max(found):8.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.moves < 2:
        parser.error("--moves: at least 2, for a p95")
    if given.child:
        child(Path(given.child[0]), given.child[1])
        return
    with tempfile.TemporaryDirectory() as folder:
        runtime = Path(folder) / "var"
        actions = AllFolders(runtime)
        actions.prepare()
        write_inventory(runtime, "here")
        server = RedisServer(Path(folder) / "redis").start()
        process = subprocess.Popen([sys.executable, __file__, "--child", str(runtime), server.url])
        try:
            until_there(runtime / "state" / "executor" / "locks", time.perf_counter())
            asyncio.run(asyncio.sleep(0.5))
            found = measure(actions, given.moves)
            alone = renames(Path(folder) / "renames", given.moves)
        finally:
            process.terminate()
            process.wait(30)
            server.stop()
    print(f"{'approve -> claimed, ms (' + str(given.moves) + ' moves)':38} {'p50':>8} {'p95':>8} {'max':>8}")
    print(line("mv -> running/<id>/claimed.json", found))
    print(line("the two renames and fsyncs alone", alone))
    middle = statistics.median(found)
    print(f"goal: p50 <= {GOAL_MS:g} ms: {'met' if middle <= GOAL_MS else 'missed'} ({middle:.2f} ms)")


if __name__ == "__main__":
    main()
