"""Is one container another one, deployed anew under another name (two colours, a version, a date, a random tail)? Pure.

Names alone say too little: two workers of one image may be called alike. So both have to be alike in all that the
engine knows of them, the newer one has to come when the older one goes, and it must be the only one. In doubt they are
two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from node_agent.containers.container_check import unix_time
from node_agent.containers.container_identity import published_ports

AFTER_SECONDS = 300.0  # the newer one may come that long after the older one went
BEFORE_SECONDS = 600.0  # or may have been warming up that long
APART_SECONDS = 15.0  # what is made at the same moment is started together, not one in place of the other
OWN_SECONDS = 120.0  # who was there under this very name a moment ago was made anew itself
ASKED_TO_END = (0, 130, 137, 143)  # exit codes of what was asked to end, or ended by itself in peace
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
_COUNTED = re.compile(r"\d{1,3}")  # web-1 and web-2 are replicas; a date, a build, `v2` are not


@dataclass(frozen=True, slots=True)
class Deployment:
    """What tells a container's service apart from others. `likeness` of two is compared, times are unix seconds."""

    name: str
    likeness: frozenset[tuple[str, str]]
    labels: tuple[tuple[str, str], ...]
    ports: frozenset[int]
    created: float
    runs: bool


@dataclass(frozen=True, slots=True)
class End:
    """When a container went, and whether it was asked to or ended in peace (False: it crashed)."""

    at: float
    in_peace: bool


def deployment_of(form: Mapping[str, Any]) -> Deployment:
    """Out of the engine's long form of a container, or its short form; two are compared in the same form only."""
    config, host = form.get("Config") or {}, form.get("HostConfig") or {}
    name = next((n for n in form.get("Names") or () if n.count("/") <= 1), None) or str(form.get("Name") or "")
    image = config.get("Image") or form.get("Image") or ""
    command = form.get("Command") or " ".join([str(form.get("Path") or ""), *map(str, form.get("Args") or ())])
    networks = (form.get("NetworkSettings") or {}).get("Networks") or {}
    like = {("image", _repository(str(image))), ("command", str(command))}
    like |= {("network", str(one)) for one in (host.get("NetworkMode"), *networks) if one}
    like |= {("mount", f"{_source(mount)}:{mount.get('Destination')}") for mount in form.get("Mounts") or ()}
    like |= {("variable", _without_versions(str(one))) for one in config.get("Env") or ()}
    state = form.get("State")
    return Deployment(
        name=name.removeprefix("/"),
        likeness=frozenset(like),
        labels=tuple(sorted((form.get("Labels") or config.get("Labels") or {}).items())),
        ports=frozenset(published_ports(dict(form))),
        created=unix_time(form.get("Created")),
        runs=(state.get("Status") if isinstance(state, Mapping) else state) == "running",
    )


def heir_of(old: Deployment, end: End, others: Iterable[Deployment], gone: Mapping[str, float]) -> str:
    """The name of the one that took its place; '' if none did, or more than one may have.

    `gone`: when a container of that name was last taken away.
    """
    heirs = [one.name for one in others if one.runs and _succeeds(one, old, end, gone)]
    return heirs[0] if len(heirs) == 1 else ""


def one_family(one: str, other: str) -> bool:
    """Do the names differ in one part only, and not as replicas are counted?"""
    return _differ(one, other) is not None


def _succeeds(new: Deployment, old: Deployment, end: End, gone: Mapping[str, float]) -> bool:
    parts = _differ(old.name, new.name)
    if parts is None or new.likeness != old.likeness or _named(new, parts[1]) != _named(old, parts[0]):
        return False
    if new.created - old.created < APART_SECONDS or new.created - gone.get(new.name, 0.0) < OWN_SECONDS:
        return False
    if new.created >= end.at:  # it takes over the place, and what it answered on
        return new.created - end.at <= AFTER_SECONDS and new.ports == old.ports
    return end.at - new.created <= BEFORE_SECONDS and end.in_peace


def _differ(one: str, other: str) -> tuple[str, str] | None:
    mine, its = _parts(one), _parts(other)
    if one == other or len(mine) != len(its) or len(mine) < 2:
        return None
    apart = [(a, b) for a, b in zip(mine, its, strict=True) if a != b]
    if len(apart) != 1 or all(_COUNTED.fullmatch(part) for part in apart[0]):
        return None
    return apart[0]


def _parts(name: str) -> list[str]:
    """With what stands between them; a long random tail is one part, and so is a version with dots."""
    tail = _UUID.search(name)
    body = name[: tail.start()] if tail else name
    parts = re.split(r"([-_])", body) if re.search(r"[-_]", body) else re.split(r"(\.)", body)
    return [part for part in (*parts, tail[0] if tail else "") if part]


def _named(one: Deployment, part: str) -> set[tuple[str, str]]:
    """Its labels: their names without the part that differs, their values without versions."""
    return {(name.replace(part, "*"), _without_versions(value)) for name, value in one.labels}


def _without_versions(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{7,64}\b|\d+", "#", text)


def _source(mount: Mapping[str, Any]) -> str:
    """Of a volume its name; one that nobody named is as good as none."""
    name = str(mount.get("Name") or mount.get("Source"))
    return "" if re.fullmatch(r"[0-9a-f]{64}", name) else name


def _repository(image: str) -> str:
    body, _, tag = image.partition("@")[0].rpartition(":")
    return body if body and "/" not in tag else image.partition("@")[0]
