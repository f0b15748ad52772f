"""Which probes this node carries: its watchlist against what the host has. Looks once, at the start."""

from __future__ import annotations

from pathlib import Path

import structlog

from node_agent.edges import Edges
from node_agent.engine import Engine
from node_agent.findings import About, Probe
from node_agent.limits import Limits
from node_agent.probes.disk import DiskProbe
from node_agent.probes.docker import DockerProbe, DockerWatch
from node_agent.probes.load import LoadProbe
from node_agent.probes.memory import MemoryProbe
from node_agent.probes.temperature import TemperatureProbe, sensors
from node_agent.watchlist import Backing, DiskPart, LoadPart, MemoryPart, TemperaturePart, Watchlist

log = structlog.get_logger()


def probes_for(watchlist: Watchlist, docker_host: str, since: float, edges: Edges) -> list[Probe]:
    """The probes to run; one line in the log for each thing that this host does not have."""
    probes: list[Probe] = []
    if watchlist.docker.enabled:
        probes.append(_docker(watchlist, docker_host, since, edges))
    if watchlist.disk.enabled:
        part = watchlist.disk
        probes.append(DiskProbe(_limits(part), part.ignore, part.every_seconds))
    if watchlist.memory.enabled:
        probes.append(MemoryProbe(_limits(watchlist.memory), watchlist.memory.every_seconds))
    if watchlist.load.enabled:
        probes.append(LoadProbe(_limits(watchlist.load), watchlist.load.every_seconds))
    if watchlist.temperature.enabled:
        if sensors(Path("/sys")):
            probes.append(TemperatureProbe(_limits(watchlist.temperature), watchlist.temperature.every_seconds))
        else:
            log.info("outfit.no_temperature_sensors")
    _add_by_demand(probes, watchlist, edges)
    return probes


def _docker(watchlist: Watchlist, host: str, since: float, edges: Edges) -> Probe:
    """Also where no engine answers now: it may start after us. Nothing but its silence is looked at then."""
    engine = Engine(host)
    if engine.address.unix and not Path(engine.address.unix).is_socket():
        log.info("outfit.no_docker_yet", looked_at=host)
    part = watchlist.docker
    watch = DockerWatch(
        ignore=part.ignore,
        expect=tuple(part.expect),
        loop_deaths=part.loop_deaths,
        loop_window_seconds=part.loop_window_seconds,
        stable_seconds=part.stable_seconds,
    )
    return DockerProbe(
        engine, watch, since=since, open_keys=_open_keys(edges, "docker:"), every_seconds=part.resync_seconds
    )


def _add_by_demand(probes: list[Probe], watchlist: Watchlist, edges: Edges) -> None:
    # Imported only where needed: subprocess, XML and expat are 4 MiB that a plain Docker node does not need.
    if watchlist.systemd.enabled:
        if Path("/run/systemd/system").is_dir():  # as sd_booted(3) finds out
            from node_agent.probes.systemd import SystemdProbe

            part = watchlist.systemd
            probes.append(
                SystemdProbe(
                    ignore=part.ignore,
                    every_seconds=part.every_seconds,
                    loop_restarts=part.loop_restarts,
                    stable_seconds=part.stable_seconds,
                    remembered=lambda: _open_keys(edges, "systemd:"),
                )
            )
        else:
            log.info("outfit.no_systemd")
    if watchlist.supervisor is not None:
        from node_agent.probes.supervisor import SupervisorProbe

        server = watchlist.supervisor
        probes.append(
            SupervisorProbe(
                server.address,
                user=server.user,
                password=server.password,
                ignore=server.ignore,
                every_seconds=server.every_seconds,
                loop_restarts=server.loop_restarts,
                stable_seconds=server.stable_seconds,
            )
        )
    if watchlist.http:
        from node_agent.probes.http import HttpProbe

        for http in watchlist.http:
            probes.append(
                HttpProbe(
                    http.name,
                    http.url,
                    every_seconds=http.every_seconds,
                    timeout_seconds=http.timeout_seconds,
                    looks=http.looks,
                    expect_status=http.expect_status,
                    expect_text=http.expect_text,
                    verify_tls=http.verify_tls,
                    service=http.backed_by.name if http.backed_by else None,
                    runtime=http.backed_by.runtime.value if http.backed_by else None,
                    about=_about(probes, http.backed_by),
                )
            )
    if watchlist.tcp:
        from node_agent.probes.tcp import TcpProbe

        for tcp in watchlist.tcp:
            probes.append(
                TcpProbe(
                    tcp.name,
                    tcp.host,
                    tcp.port,
                    every_seconds=tcp.every_seconds,
                    timeout_seconds=tcp.timeout_seconds,
                    looks=tcp.looks,
                    service=tcp.backed_by.name if tcp.backed_by else None,
                    runtime=tcp.backed_by.runtime.value if tcp.backed_by else None,
                    about=_about(probes, tcp.backed_by),
                )
            )


def _about(probes: list[Probe], backing: Backing | None) -> About | None:
    """What the probe of that runtime can tell, where this node carries one."""
    if backing is None:
        return None
    probe = next((p for p in probes if p.name == backing.runtime.value), None)
    return getattr(probe, "about", None)


def _limits(part: DiskPart | MemoryPart | LoadPart | TemperaturePart) -> Limits:
    return Limits(high=part.high, low=part.low, critical=part.critical)


def _open_keys(edges: Edges, prefix: str) -> frozenset[str]:
    return frozenset(finding.key for finding in edges.known(prefix))
