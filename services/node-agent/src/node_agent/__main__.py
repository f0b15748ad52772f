"""Start the node agent: the only room here that reads the environment. `python -m node_agent`."""

from __future__ import annotations

from mesh_core.runtime.log import setup

import asyncio
import gc
import sys
import time
from pathlib import Path

import structlog

from mesh_core.models.events import HealthEvent
from mesh_core.runtime.addresses import address_for
from mesh_core.runtime.health import Probes, Ready, writable
from mesh_core.runtime.health_http import ProbesServer
from mesh_core.runtime.metrics import INCIDENTS_OPEN, SPOOL_BYTES, SPOOL_EVENTS
from mesh_core.runtime.process_memory import few_arenas, give_back
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import Part, serve
from mesh_core.runtime.services import NODE_AGENT, SERVICES
from mesh_core.runtime.settings import settings_or_exit
from mesh_core.runtime.settings_file import service_environment
from mesh_core.security.private_folder import write_privately
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.schema import schema_or_exit
from node_agent.agent import Agent
from node_agent.containers.image_history import ImageHistory
from node_agent.delivery.redis_client import RedisClient
from node_agent.delivery.sender import EventSender
from node_agent.delivery.spool import Spool
from node_agent.former_name import FormerName, former_name
from node_agent.incidents.incident_store import IncidentStore
from node_agent.incidents.incident_tracker import IncidentTracker
from node_agent.investigation.investigator import Investigator
from node_agent.investigation.table import rooms
from node_agent.probe_config import ProbeConfigError, read_probe_config
from node_agent.probe_factory import create_probes
from node_agent.settings import NodeAgentSettings
from node_agent.sightings import Sightings
from node_agent.work.watch import WorkWatch

LOOK_BACK_SECONDS = 600.0  # what died before that was not our time


def main() -> None:
    settings = settings_or_exit(NodeAgentSettings, NODE_AGENT, service_environment(NODE_AGENT))
    setup(NODE_AGENT, level=settings.log_level)
    write_privately(settings.runtime_path)
    schema_or_exit(settings.runtime_path, NODE_AGENT)
    few_arenas()  # before the first thread: a look at the host is one
    log = structlog.get_logger()
    try:
        config = read_probe_config(settings.runtime_path / "config" / "node.yml")
    except ProbeConfigError as error:
        print(f"{NODE_AGENT}: {error}", file=sys.stderr)
        raise SystemExit(2) from None

    node = settings.node_name
    folder = settings.runtime_path / "spool" / node
    lock_spool(folder)
    tracker = IncidentTracker(node, config.flapping)
    store = IncidentStore(folder / "open.json")
    images = ImageHistory()
    saved_at = store.load(tracker)
    since = saved_at if saved_at is not None else time.time() - LOOK_BACK_SECONDS

    def clock_ms() -> int:
        return time.time_ns() // 1_000_000

    async def watch(stop: asyncio.Event) -> None:
        agent.probes.extend(create_probes(config, settings.docker_host, since, tracker, store.memory, images))
        log.info("node_agent.watching", node=node, probes=[probe.name for probe in agent.probes])
        gc.collect()
        gc.freeze()
        give_back()  # what imports and compiling needed once: up to 3 MiB
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.announce(stop))
            group.create_task(agent.watch(stop))

    spool = Spool(folder, node)
    redis = RedisClient(settings.redis_url, f"{NODE_AGENT}-{node}")
    pulse = Pulse()
    sightings = Sightings(node, time.time, lambda: sender.renew_note())
    sender = EventSender(node, spool, redis, clock_ms, pulse.watch("sending events"), sightings.note)

    def send(event: HealthEvent) -> None:
        spool.accept(event, clock_ms())
        sender.wake()

    agent = Agent(
        node,
        tracker,
        send,
        store,
        investigate=Investigator(config.investigation, rooms(settings.docker_host, images)).look,
        at_work=WorkWatch(config.at_work, settings.docker_host).look,
        clock_ms=clock_ms,
        caught_up=lambda: len(spool) == 0,
        pulse=pulse,
        sightings=sightings,
    )

    async def redis_answers() -> Ready:
        if sender.down_since is None and not redis.closed_by_server:
            return Ready(True)
        return Ready(False, f"Redis does not answer; {len(spool)} events wait on disk")

    async def figures() -> None:
        INCIDENTS_OPEN.set(len(tracker.still_open()))
        SPOOL_EVENTS.set(len(spool))
        SPOOL_BYTES.set(spool.waiting_bytes)

    probes = Probes(
        NODE_AGENT,
        settings.runtime_path,
        checks={"redis": redis_answers, "folders": writable(lambda: (folder, settings.runtime_path / "state"))},
        figures=(figures,),
    )
    watched = ProbesServer(address_for(settings.metrics_listen, SERVICES[NODE_AGENT].port), probes)
    parts: dict[str, Part] = {"watch": watch, "send": sender.run, "probes": watched.run}
    if former := former_name(settings.runtime_path / "state" / f"{NODE_AGENT}.name", node):
        client = RedisClient(settings.redis_url, f"{NODE_AGENT}-{former}")
        parts["former name"] = FormerName(former, node, folder.parent / former, client, clock_ms).run
    serve(NODE_AGENT, settings.runtime_path, parts, pulse=pulse)


def lock_spool(folder: Path) -> None:
    """The lock of this node's spool until we end, or a sentence and exit status 1: a stream has one writer."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        locked = FileLock(folder / "lock", mode=0o644).take()
    except OSError as error:
        print(f"{NODE_AGENT}: {folder} cannot be used: {error.strerror}; set RUNTIME_PATH", file=sys.stderr)
        raise SystemExit(1) from None
    if not locked:
        print(
            f"{NODE_AGENT}: another node agent uses {folder}; stop it, or give this one its own NODE_NAME",
            file=sys.stderr,
        )
        raise SystemExit(1)


if __name__ == "__main__":
    main()
