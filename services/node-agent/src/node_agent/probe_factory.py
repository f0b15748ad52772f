"""The probes that this node carries: its configuration against what the host has. Looks once, at the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from node_agent.containers.image_history import ImageHistory
from node_agent.incidents.incident_tracker import IncidentTracker
from node_agent.probe_base.probe import Probe, ProbeContext
from node_agent.probe_config import ProbeConfig


def create_probes(
    config: ProbeConfig,
    docker_host: str,
    since: float,
    tracker: IncidentTracker,
    memory: Callable[[str], Mapping[str, Any]],
    images: ImageHistory,
) -> list[Probe]:
    """The probes to run; one line in the log for each thing that this host does not have."""
    probes: list[Probe] = []
    context = ProbeContext(docker_host, since, tracker.known_keys, probes, memory, images)
    for options in config.probes:
        if (probe := options.create(context)) is not None:
            probes.append(probe)
    return probes
