"""The one table of rooms of facts, in the order in which they are looked at: what may take long comes last."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mesh_core.models.events import Runtime
from node_agent.containers.engine import Engine
from node_agent.containers.image_history import ImageHistory
from node_agent.investigation import (
    certificate,
    changed,
    config,
    dependents,
    disk,
    docker,
    hung,
    image,
    journal,
    logs,
    memory,
    mount,
    network,
    packages,
    temporary,
    unit,
)
from node_agent.investigation.question import Question, Room


def rooms(docker_host: str, images: ImageHistory) -> Sequence[Room]:
    """Two of one name add to the same facts. `images`: what is remembered of containers' images."""
    engine = Engine(docker_host)
    return (
        Room("disk", disk.is_of_a_disk, disk.usage),
        Room("journal", disk.is_of_host_files, journal.look),
        Room("packages", disk.is_of_host_files, packages.look),
        Room("logs", logs.fits, logs.look),
        Room("tmp", disk.is_of_host_files, temporary.look),
        Room("unit", unit.fits, unit.look),
        Room("mount", mount.fits, mount.look),
        Room("config", config.fits, config.look),
        Room("certificate", certificate.fits, certificate.look),
        Room("memory", memory.fits, partial(memory.look, engine=engine)),
        Room("hung", hung.fits, hung.look),
        Room("image", _is_of_a_container, partial(image.look, engine=engine, history=images)),
        Room("dependents", _is_of_a_container, partial(dependents.look, engine=engine)),
        Room("changed", lambda question: True, partial(changed.look, engine=engine)),
        Room("network", network.fits, network.look),
        Room("docker", disk.is_of_a_disk, partial(docker.look, engine=engine)),
        Room("disk", disk.is_of_host_files, disk.contents),
    )


def _is_of_a_container(question: Question) -> bool:
    return question.facts.get("runtime") == Runtime.DOCKER.value and bool(question.service)
