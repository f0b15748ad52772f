"""The parts of one node's agent: each is made when another one asks for it. Starts none, and reads no environment."""

from __future__ import annotations

import asyncio
import gc
import time
from functools import cached_property
from pathlib import Path

import structlog

from mesh_core.models.events import HealthEvent
from mesh_core.runtime.addresses import address_for
from mesh_core.runtime.health import Probes, Ready, writable
from mesh_core.runtime.health_http import ProbesServer
from mesh_core.runtime.metrics import INCIDENTS_OPEN, SPOOL_BYTES, SPOOL_EVENTS
from mesh_core.runtime.process_memory import give_back
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import Part
from mesh_core.runtime.services import NODE_AGENT, SERVICES
from node_agent.agent import Agent
from node_agent.containers.image_history import ImageHistory
from node_agent.delivery.redis_client import RedisClient
from node_agent.delivery.sender import EventSender
from node_agent.delivery.spool import Spool
from node_agent.former_name import FormerName, former_name
from node_agent.incidents.incident_store import IncidentStore
from node_agent.incidents.incident_tracker import IncidentTracker
from node_agent.investigation.gathering import EvidenceGatherer
from node_agent.investigation.investigator import Investigator
from node_agent.investigation.table import rooms
from node_agent.probe_config import ProbeConfig
from node_agent.probe_factory import create_probes
from node_agent.settings import NodeAgentSettings
from node_agent.sightings import Sightings
from node_agent.work.watch import WorkWatch

LOOK_BACK_SECONDS = 600.0  # what died before that was not our time

log = structlog.get_logger()


class NodeAgentWiring:
    """`parts` run side by side until all end. `spool_folder` is locked by us: a stream has one writer."""

    def __init__(self, settings: NodeAgentSettings, config: ProbeConfig, spool_folder: Path):
        self._settings = settings
        self._config = config
        self._folder = spool_folder
        self._node = settings.node_name
        self._tracker = IncidentTracker(self._node, config.flapping)
        self._store = IncidentStore(spool_folder / "open.json")
        saved_at = self._store.load(self._tracker)
        self._since = saved_at if saved_at is not None else time.time() - LOOK_BACK_SECONDS
        self._images = ImageHistory()
        self._redis = self._client(self._node)
        self.pulse = Pulse()

    @cached_property
    def parts(self) -> dict[str, Part]:
        return {"watch": self._watch, "send": self._sender.run, "probes": self._probes.run, **self._renaming()}

    async def _watch(self, stop: asyncio.Event) -> None:
        settings, agent = self._settings, self._agent
        agent.probes.extend(
            create_probes(
                self._config, settings.docker_host, self._since, self._tracker, self._store.memory, self._images
            )
        )
        log.info("node_agent.watching", node=self._node, probes=[probe.name for probe in agent.probes])
        gc.collect()
        gc.freeze()
        give_back()  # what imports and compiling needed once: up to 3 MiB
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.announce(stop))
            group.create_task(agent.watch(stop))

    def _renaming(self) -> dict[str, Part]:
        """What a node leaves behind that was called otherwise until now; nothing where it was not."""
        former = former_name(self._settings.runtime_path / "state" / f"{NODE_AGENT}.name", self._node)
        if not former:
            return {}
        left = self._folder.parent / former
        return {"former name": FormerName(former, self._node, left, self._client(former), _clock_ms).run}

    @cached_property
    def _agent(self) -> Agent:
        docker_host = self._settings.docker_host
        return Agent(
            self._tracker,
            self._send,
            self._store,
            evidence=EvidenceGatherer(
                investigate=Investigator(self._config.investigation, rooms(docker_host, self._images)).look,
                at_work=WorkWatch(self._config.at_work, docker_host).look,
            ),
            clock_ms=_clock_ms,
            caught_up=lambda: len(self._spool) == 0,
            pulse=self.pulse,
            sightings=self._sightings,
        )

    def _send(self, event: HealthEvent) -> None:
        self._spool.accept(event, _clock_ms())
        self._sender.wake()

    @cached_property
    def _spool(self) -> Spool:
        return Spool(self._folder, self._node)

    @cached_property
    def _sender(self) -> EventSender:
        turned = self.pulse.watch("sending events")
        return EventSender(self._node, self._spool, self._redis, _clock_ms, turned, self._sightings.note)

    @cached_property
    def _sightings(self) -> Sightings:
        return Sightings(self._node, time.time, lambda: self._sender.renew_note())

    @cached_property
    def _probes(self) -> ProbesServer:
        """Whether it lives and works, for who asks over HTTP; not the probes that look at the host."""
        runtime = self._settings.runtime_path
        probes = Probes(
            NODE_AGENT,
            runtime,
            checks={"redis": self._redis_answers, "folders": writable(lambda: (self._folder, runtime / "state"))},
            figures=(self._figures,),
        )
        return ProbesServer(address_for(self._settings.metrics_listen, SERVICES[NODE_AGENT].port), probes)

    async def _redis_answers(self) -> Ready:
        if self._sender.down_since is None:
            return Ready(True)
        return Ready(False, f"Redis does not answer; {len(self._spool)} events wait on disk")

    async def _figures(self) -> None:
        INCIDENTS_OPEN.set(len(self._tracker.still_open()))
        SPOOL_EVENTS.set(len(self._spool))
        SPOOL_BYTES.set(self._spool.waiting_bytes)

    def _client(self, node: str) -> RedisClient:
        return RedisClient(self._settings.redis_url, f"{NODE_AGENT}-{node}")


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000
