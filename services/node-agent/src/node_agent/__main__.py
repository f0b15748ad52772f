"""Start the node agent: the only room here that reads the environment. `python -m node_agent`."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import sys
import time
from pathlib import Path

import mesh_core.runtime.without_rich  # noqa: F401

# isort: split

import structlog

from mesh_core.models.events import HealthEvent
from mesh_core.runtime.addresses import address_for
from mesh_core.runtime.health import Probes, Ready, writable
from mesh_core.runtime.health_http import ProbesServer
from mesh_core.runtime.log import setup
from mesh_core.runtime.metrics import INCIDENTS_OPEN, SPOOL_BYTES, SPOOL_EVENTS
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import serve
from mesh_core.runtime.settings import settings_or_exit
from mesh_core.security.private_folder import write_privately
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.schema import schema_or_exit
from node_agent.agent import Agent, recall
from node_agent.edges import Edges, FlapRule
from node_agent.outfit import probes_for
from node_agent.redis_line import RedisLine
from node_agent.sender import Sender
from node_agent.settings import NodeAgentSettings
from node_agent.spool import Spool
from node_agent.watchlist import BadWatchlist, read_watchlist

NAME = "node-agent"
PROBES_PORT = 8689
FIRST_LOOK_BACK_SECONDS = 600.0  # what died before that was not our time


def main() -> None:
    settings = settings_or_exit(NodeAgentSettings, NAME)
    setup(NAME, level=settings.log_level)
    write_privately(settings.runtime_path)
    schema_or_exit(settings.runtime_path, NAME)
    log = structlog.get_logger()
    try:
        watchlist = read_watchlist(settings.runtime_path / "config" / "node.yml")
    except BadWatchlist as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        raise SystemExit(2) from None

    node = settings.node_name
    folder = settings.runtime_path / "spool" / node
    take(folder)
    memory = folder / "open.json"
    flap = watchlist.flapping
    edges = Edges(node, FlapRule(flap.opens, flap.window_seconds, flap.quiet_seconds))
    seen = recall(memory, edges)
    since = seen if seen is not None else time.time() - FIRST_LOOK_BACK_SECONDS

    def clock_ms() -> int:
        return time.time_ns() // 1_000_000

    async def watch(stop: asyncio.Event) -> None:
        agent.probes.extend(probes_for(watchlist, settings.docker_host, since, edges))
        log.info("node_agent.watching", node=node, probes=[probe.name for probe in agent.probes])
        gc.collect()
        gc.freeze()
        with contextlib.suppress(AttributeError):  # musl has none
            ctypes.CDLL(None).malloc_trim(0)  # what imports and compiling needed once: up to 3 MiB
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.announce(stop))
            group.create_task(agent.watch(stop))

    spool = Spool(folder, node)
    line = RedisLine(settings.redis_url, f"{NAME}-{node}")
    pulse = Pulse()
    sender = Sender(node, spool, line, clock_ms, pulse.watch("sending events"))

    def send(event: HealthEvent) -> None:
        spool.accept(event, clock_ms())
        sender.wake()

    agent = Agent(node, edges, send, memory, clock_ms=clock_ms, caught_up=lambda: len(spool) == 0, pulse=pulse)

    async def redis_answers() -> Ready:
        if sender.down_since is None and not line.cut_off:
            return Ready(True)
        return Ready(False, f"Redis does not answer; {len(spool)} events wait on disk")

    async def figures() -> None:
        INCIDENTS_OPEN.set(len(edges.still_open()))
        SPOOL_EVENTS.set(len(spool))
        SPOOL_BYTES.set(spool.waiting_bytes)

    probes = Probes(
        NAME,
        settings.runtime_path,
        checks={"redis": redis_answers, "folders": writable(lambda: (folder, settings.runtime_path / "state"))},
        figures=(figures,),
    )
    watched = ProbesServer(address_for(settings.metrics_listen, PROBES_PORT), probes)
    serve(NAME, settings.runtime_path, {"watch": watch, "send": sender.run, "probes": watched.run}, pulse=pulse)


def take(folder: Path) -> None:
    """The lock of this node's spool until we end, or a sentence and exit status 1: a stream has one writer."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mine = FileLock(folder / "lock", mode=0o644).take()
    except OSError as error:
        print(f"{NAME}: {folder} cannot be used: {error.strerror}; set RUNTIME_PATH", file=sys.stderr)
        raise SystemExit(1) from None
    if not mine:
        print(f"{NAME}: another node agent uses {folder}; stop it, or give this one its own NODE_NAME", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
