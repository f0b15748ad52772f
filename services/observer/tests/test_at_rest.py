"""While nothing happens the observer waits: what woke it is counted, and by what it asked of Redis."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from mesh_core.messaging.bus import Bus
from mesh_core.testing import AllFolders, RedisServer, free_port, wait_for

SECONDS = 10
SWITCHES = 25  # a second, of all threads; 61 when its loops polled, 8 to 14 now
COMMANDS = 6  # a second; 8 then, 3 now


def switches(pid: int) -> int:
    """How often any of its threads gave the processor up by itself: each wait that ended is one."""
    found = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        words = dict(line.split(":", 1) for line in status.read_text().splitlines())
        found += int(words["voluntary_ctxt_switches"])
    return found


async def commands(bus: Bus) -> int:
    return int((await bus.redis.info("stats"))["total_commands_processed"])


async def test_at_rest_it_is_woken_seldom_and_asks_little(redis_server: RedisServer, tmp_path: Path) -> None:
    AllFolders(tmp_path).prepare()
    bus, port = Bus.connect(redis_server.url, "test"), free_port()
    environment = {
        **os.environ,
        "REDIS_URL": redis_server.url,
        "RUNTIME_PATH": str(tmp_path),
        "NODE_NAME": "here",
        "OBSERVER_LISTEN": f"127.0.0.1:{port}",
    }
    with (tmp_path / "observer.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "observer"], env=environment, stderr=log, stdout=log)
    try:
        await wait_for(lambda: b"index.complete" in (tmp_path / "observer.log").read_bytes(), 90, "it is at work")
        await asyncio.sleep(3)  # the first looks of all parts are over
        before, asked = switches(process.pid), await commands(bus)
        await asyncio.sleep(SECONDS)  # nothing happens: that is what is measured
        after, asked_after = switches(process.pid), await commands(bus)
        assert (after - before) / SECONDS < SWITCHES
        assert (asked_after - asked) / SECONDS < COMMANDS
    finally:
        process.terminate()
        process.wait(60)
        await bus.close()
