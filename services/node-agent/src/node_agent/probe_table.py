"""The one table of probes: each section of `config/node.yml`, and the options in a probe's file that read it."""

from __future__ import annotations

from collections.abc import Mapping

from node_agent.probe_base.probe import ProbeOptions
from node_agent.probes import clock, disk, docker, http, load, memory, mounts, supervisor, systemd, tcp, temperature

PROBES: Mapping[str, type[ProbeOptions]] = {
    "docker": docker.DockerOptions,
    "systemd": systemd.SystemdOptions,
    "supervisor": supervisor.SupervisorOptions,
    "disk": disk.DiskOptions,
    "mounts": mounts.MountsOptions,
    "memory": memory.MemoryOptions,
    "load": load.LoadOptions,
    "temperature": temperature.TemperatureOptions,
    "clock": clock.ClockOptions,
    "http": http.HttpOptions,
    "tcp": tcp.TcpOptions,
}
