"""The one table of rooms of facts, in the order in which they are looked at: what may take long comes last."""

from __future__ import annotations

from collections.abc import Mapping

from node_agent.investigation import changed, disk, docker, journal, memory, network, packages, unit
from node_agent.investigation.question import Room


def rooms(docker_host: str) -> Mapping[str, Room]:
    return {
        "journal": Room(journal.fits, journal.look),
        "packages": Room(journal.fits, packages.look),
        "unit": Room(unit.fits, unit.look),
        "memory": memory.room(docker_host),
        "changed": changed.room(docker_host),
        "network": Room(network.fits, network.look),
        "docker": docker.room(docker_host),
        "disk": Room(disk.is_of_a_disk, disk.look),
    }
