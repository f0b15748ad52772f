"""The one table of probes: each section of `config/node.yml`, and the options in a probe's file that read it."""

from __future__ import annotations

from collections.abc import Mapping

from node_agent.probe import ProbeOptions
from node_agent.probes import disk, docker, http, load, memory, supervisor, systemd, tcp, temperature

PROBES: Mapping[str, type[ProbeOptions]] = {
    "docker": docker.DockerOptions,
    "systemd": systemd.SystemdOptions,
    "supervisor": supervisor.SupervisorOptions,
    "disk": disk.DiskOptions,
    "memory": memory.MemoryOptions,
    "load": load.LoadOptions,
    "temperature": temperature.TemperatureOptions,
    "http": http.HttpOptions,
    "tcp": tcp.TcpOptions,
}
