"""Which probes this node carries: its watchlist against what the host has. Looks once, at the start."""

from __future__ import annotations

from pathlib import Path

import structlog

from node_agent.edges import Edges
from node_agent.engine import Engine
from node_agent.findings import Probe, Rule
from node_agent.probes import docker
from node_agent.watchlist import Watchlist

log = structlog.get_logger()


def rule_for(key: str) -> Rule:
    """The rule of a remembered thing; the first look at it brings its own."""
    return docker.RULE if key.startswith("docker:") else Rule()


async def probes_for(watchlist: Watchlist, docker_host: str, since: float, edges: Edges) -> list[Probe]:
    """The probes to run, one line each in the log for what the host does not have."""
    probes: list[Probe] = []
    if watchlist.docker.enabled:
        probes += await _docker(watchlist, docker_host, since, edges)
    return probes


async def _docker(watchlist: Watchlist, host: str, since: float, edges: Edges) -> list[Probe]:
    engine = Engine(host)
    part = watchlist.docker
    if engine.address.unix:
        if not Path(engine.address.unix).is_socket() and not part.expect:
            log.info("outfit.no_docker", looked_at=host)
            return []
    watch = docker.DockerWatch(
        ignore=part.ignore,
        expect=tuple(part.expect),
        loop_deaths=part.loop_deaths,
        loop_window_seconds=part.loop_window_seconds,
        stable_seconds=part.stable_seconds,
    )
    open_keys = frozenset(f.key for f in edges.known("docker:"))
    return [docker.DockerProbe(engine, watch, since=since, open_keys=open_keys, every_seconds=part.resync_seconds)]
