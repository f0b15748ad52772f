"""A container that became unhealthy: did its image change, which one did it run while healthy, and may it go back?"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from node_agent.containers.container_identity import identity_for
from node_agent.containers.engine import Engine
from node_agent.containers.image_history import ImageHistory, image_id
from node_agent.investigation.question import MOST_ROWS, Question, shown

DATA_FORMAT = "mendmesh.data-format"  # its owner's own word
_VERSION = "org.opencontainers.image.version"
_MAJOR = re.compile(r"v?(\d+)(?:[.\-_].*)?")


def look(question: Question, engine: Engine, history: ImageHistory) -> dict[str, Any]:
    """Nothing where it runs the image that it was healthy with, or where none is remembered."""
    return question.answered(_asked(question, engine, history))


async def _asked(question: Question, engine: Engine, history: ImageHistory) -> dict[str, Any]:
    detail = await _container(engine, _called(question))
    config = detail.get("Config") or {}
    key = identity_for([str(detail.get("Name", ""))], config.get("Labels") or {}).key
    current, name = image_id(detail.get("Image")), str(config.get("Image") or "")
    before = history.before(key, current)
    if before is None:
        return {}
    runs = history.now(key, current)
    old, new = await engine.image(before.image), await engine.image(current)
    attached = written_to(detail)
    facts: dict[str, Any] = {
        "name": shown(name),
        "current": shown(current),
        "current_healthy_seconds": round(runs.well_seconds) if runs else 0,
        "changed_seconds_ago": max(0, round(time.time() - runs.since)) if runs else 0,
        "previous": shown(before.image),
        **({"previous_name": shown(before.name)} if before.name else {}),
        "previous_healthy_seconds": round(before.well_seconds),
        "previous_there": old is not None,
    }
    if attached:
        facts["volumes"] = [shown(place) for place in attached[:MOST_ROWS]]
    if old is not None and new is not None:
        versions = (versions_of(old, before.name), versions_of(new, name))
        facts["data_format_changed"] = data_format_changed(*versions, attached=bool(attached))
    return facts


def written_to(detail: Mapping[str, Any]) -> list[str]:
    """Where it keeps what it writes: the places of its volumes and folders of the host, in the container."""
    mounts = [one for one in detail.get("Mounts") or [] if one.get("Type") in ("volume", "bind") and one.get("RW")]
    return sorted(str(one.get("Destination")) for one in mounts)


def versions_of(image: Mapping[str, Any], name: str) -> dict[str, str]:
    """What an image says of the form of its data, by kind: its owner's label as it is, versions by their first number.

    A version is the standard label's, a variable `..._MAJOR`, as images of data stores have one, or the tag's.
    """
    config = image.get("Config") or {}
    labels = config.get("Labels") or {}
    found = {DATA_FORMAT: str(labels[DATA_FORMAT])} if labels.get(DATA_FORMAT) else {}
    said = {
        _VERSION: str(labels.get(_VERSION) or ""),
        "tag": name.partition("@")[0].rpartition("/")[2].partition(":")[2],
    }
    for line in config.get("Env") or []:
        variable, _, value = str(line).partition("=")
        if variable.endswith("_MAJOR"):
            said[variable] = value
    for kind, text in said.items():
        if number := _MAJOR.fullmatch(text):
            found[kind] = number[1]
    return found


def data_format_changed(old: Mapping[str, str], new: Mapping[str, str], *, attached: bool) -> bool:
    """Would the old image find data that it may not understand? The owner's label counts whatever is attached: the data
    may lie in another container."""
    if old.get(DATA_FORMAT) != new.get(DATA_FORMAT):
        return True
    return attached and any(old[kind] != new[kind] for kind in old.keys() & new.keys())


def _called(question: Question) -> str:
    return str(question.facts.get("container") or question.service)


async def _container(engine: Engine, name: str) -> dict[str, Any]:
    """By its own name; else the first of the service that is called so. Empty for none."""
    if found := await engine.container(name):
        return found
    for row in await engine.containers():
        if identity_for(row.get("Names") or [], row.get("Labels") or {}).service == name:
            return await engine.container(str(row.get("Id"))) or {}
    return {}
