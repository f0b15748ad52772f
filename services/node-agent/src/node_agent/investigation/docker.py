"""What the engine keeps on the disk that fills up: unused images, build cache, ended containers, logs.

Asked in a loop of its own, in the thread of the look: an engine that counts for long holds up nobody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from node_agent.containers.engine import Engine
from node_agent.investigation.disk import lies_on_it
from node_agent.investigation.folder_sizes import bytes_in
from node_agent.investigation.question import MOST_ROWS, Question, shown

DATA_ROOT = "/var/lib/docker"
LEAST_LOG = 1024 * 1024  # nobody makes room with less


def look(question: Question, engine: Engine) -> dict[str, Any]:
    """ConnectionError where no engine answers, or in time."""
    if engine.address.unix and not Path(engine.address.unix).is_socket():
        return {}  # a host without one
    return question.answered(_asked(question, engine))


def space_in(told: dict[str, Any]) -> dict[str, int]:
    """Out of the engine's own count: what images without a name and what is built for nobody would give back. Pure."""
    dangling = sum(_own_bytes(image) for image in told.get("Images") or [] if _is_dangling(image))
    cached = [entry for entry in told.get("BuildCache") or [] if not entry.get("InUse")]
    return {
        "dangling_bytes": dangling,
        "build_cache_bytes": sum(int(entry.get("Size") or 0) for entry in cached if not entry.get("Shared")),
    }


async def _asked(question: Question, engine: Engine) -> dict[str, Any]:
    root = await engine.data_root() or DATA_ROOT
    # In a container its own root lies where the engine keeps all of them.
    if not (lies_on_it(root, question) if question.host_files else question.facts["mount"] == "/"):
        return {}
    facts = {**space_in(await engine.space()), "mount": question.facts["mount"]}
    containers = await engine.containers()
    facts["exited_containers"] = sum(row.get("State") == "exited" for row in containers)
    logs = _logs(question, root, containers) if question.host_files else []
    return {**facts, "logs": logs} if logs else facts


def _is_dangling(image: dict[str, Any]) -> bool:
    names = [name for name in image.get("RepoTags") or [] if name != "<none>:<none>"]
    return not names and not image.get("Containers")


def _own_bytes(image: dict[str, Any]) -> int:
    """What it shares with others stays when it goes."""
    return max(0, int(image.get("Size") or 0) - max(0, int(image.get("SharedSize") or 0)))


def _logs(question: Question, root: str, containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The largest, rotated pieces included; empty where this user may not look."""
    rows: list[dict[str, Any]] = []
    for container in containers:
        names = [str(name).lstrip("/") for name in container.get("Names") or []]
        size = bytes_in(f"{root}/containers/{container.get('Id')}", question)
        if names and size is not None and size >= LEAST_LOG:
            rows.append({"container": shown(names[0]), "bytes": size})
    return sorted(rows, key=lambda row: -row["bytes"])[:MOST_ROWS]
