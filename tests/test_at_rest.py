"""What the services cost while nothing happens: what wakes them is counted, what they ask of Redis."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mesh_core.messaging.bus import Bus
from mesh_core.testing import AllFolders, RedisServer, free_port, wait_for

SECONDS = 10
WINDOWS = 5  # one has to be quiet: in the first ones the parts still take their first looks
# Module -> the word of its log after which it is at work, and how often it may be woken a second, all threads together.
# A busy machine wakes nobody more often; each bound is twice what was counted, or more.
WAKINGS = {
    "observer": ("index.complete", 6.0),
    "planner_agent": ("planner.ready", 3.0),
    "executor_agent": ("ansible_pool.ready", 4.0),
    "node_agent": ("sender.delivered", 4.0),
}
COMMANDS = (
    6.5  # a second, of all four: 2.2 on the average, 5 where all that comes every half minute falls into the window
)


def wakings(pid: int) -> int:
    """How often any of its threads gave the processor up by itself: each wait that ended is one."""
    found = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ends while we look
            words = dict(line.split(":", 1) for line in status.read_text().splitlines())
            found += int(words["voluntary_ctxt_switches"])
    return found


async def commands(bus: Bus) -> int:
    return int((await bus.redis.info("stats"))["total_commands_processed"])


@contextmanager
def running(module: str, environment: dict[str, str], log: Path) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", module], env=environment, stderr=output, stdout=output)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(300)


async def test_at_rest_they_are_woken_seldom_and_ask_little(redis_server: RedisServer, tmp_path: Path) -> None:
    AllFolders(tmp_path).prepare()
    bus = Bus.connect(redis_server.url, "test")
    environment = {
        **os.environ,
        "REDIS_URL": redis_server.url,
        "RUNTIME_PATH": str(tmp_path),
        "NODE_NAME": "here",
        "OBSERVER_LISTEN": f"127.0.0.1:{free_port()}",
        "METRICS_LISTEN": "off",
        "LLM_CHAIN": "floor",
        "DOCKER_HOST": f"unix://{tmp_path}/none.sock",
    }
    logs = {module: tmp_path / f"{module}.log" for module in WAKINGS}
    with ExitStack() as stack:
        pids = {module: stack.enter_context(running(module, environment, logs[module])) for module in WAKINGS}
        for module, (word, _) in WAKINGS.items():
            await wait_for(lambda m=module, w=word: w.encode() in logs[m].read_bytes(), 90, f"{module} is at work")  # type: ignore[misc]
        bounds = {module: most for module, (_, most) in WAKINGS.items()} | {"commands": COMMANDS}
        for _ in range(WINDOWS):
            before, asked = {module: wakings(pid) for module, pid in pids.items()}, await commands(bus)
            await asyncio.sleep(SECONDS)  # nothing happens: that is what is measured
            rates = {module: (wakings(pid) - before[module]) / SECONDS for module, pid in pids.items()}
            rates["commands"] = (await commands(bus) - asked) / SECONDS
            too_many = {name: rate for name, rate in rates.items() if rate > bounds[name]}
            if not too_many:
                break
    await bus.close()
    assert too_many == {}, rates
