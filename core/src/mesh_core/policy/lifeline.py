"""What a thing is, whatever it is called: the names by which its image, unit, program and compose service are known.

Out of an event, or out of what a look at the host saw. Pure; which names are protected says the policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mesh_core.models.events import HealthEvent
from mesh_core.models.owner_labels import engine_attributes
from mesh_core.policy.names.hosts import host_in, port_in

MAX_TEXT = 512  # of one value; no name is longer
_SUFFIXES = (".service", ".socket", ".container", ".timer", ".path", ".target", ".scope")
_SERVICE_LABEL, _PROJECT_LABEL = "com.docker.compose.service", "com.docker.compose.project"
_NAME_KEYS = ("container", "container_name", "unit", "unit_or_container", "name")
_PROGRAM_KEYS = ("program", "process", "command", "exec_start", "exe", "comm")
_NAMES_KEYS = ("containers", "in_its_network")  # lists: what else would be restarted
_IMAGE_KEYS = ("image", "Image")
_LABEL_KEYS = ("labels", "Labels")
_EXEC_PATH = re.compile(r"path=(\S+)")  # of `systemctl show`'s ExecStart: { path=/usr/bin/x ; argv[]=... }

# (what it is, as it was said; the name that is held against the never list)
Named = tuple[str, str]


class NeededAddress(NamedTuple):
    """Where one of them answers: `host` in lower case, as it was asked for on the host `asked_on`."""

    host: str
    port: int
    asked_on: str


@dataclass(frozen=True)
class Lifeline:
    """Where the mesh's own Redis and its models answer, as services' settings say."""

    addresses: frozenset[NeededAddress] = frozenset()

    @classmethod
    def at(cls, urls: Iterable[str], node: str) -> Lifeline:
        """Out of URLs; what is none, or a socket in the file system, says nothing."""
        found = filter(None, map(_address_in, urls))
        return cls(frozenset(NeededAddress(host, port, node.lower()) for host, port in found))

    def __or__(self, other: Lifeline) -> Lifeline:
        return Lifeline(self.addresses | other.addresses)

    def is_name(self, name: str) -> bool:
        """Is it how one of them is called where they are asked for: a container's or compose service's name?"""
        return any(name == address.host for address in self.addresses if not _is_address(address.host))

    def is_at(self, port: int, *hosts: str) -> bool:
        """Does one of them answer on this port of a host that has these names and addresses?"""
        return any(port == address.port and _is_on(address, hosts) for address in self.addresses)

    def on_host(self, *hosts: str) -> str:
        """Which of them is on the host that has these names and addresses, as `host:port`; '' for none."""
        found = (f"{one.host}:{one.port}" for one in sorted(self.addresses) if _is_on(one, hosts))
        return next(found, "")


def _is_on(address: NeededAddress, hosts: Iterable[str]) -> bool:
    known = {host.lower() for host in hosts}
    here = address.asked_on in known or not known.isdisjoint(_HERE)
    return address.host in known or (address.host in _HERE and here)


_HERE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal", "host-gateway"})  # noqa: S104


def _address_in(url: str) -> tuple[str, int] | None:
    host, port = host_in(url).lower() if "://" in url else "", port_in(url)
    return (host, port) if host and port else None


def _is_address(host: str) -> bool:
    return host in _HERE or ":" in host or host.replace(".", "").isdecimal()


def ports_in(part: Mapping[str, Any]) -> list[int]:
    """The ports of its host on which it answers, where an event or a look says so (`ports`, `port`)."""
    said = part.get("ports")
    each = [*(said if isinstance(said, list) else ()), part.get("port")]
    return [port for port in each if isinstance(port, int) and not isinstance(port, bool)]


def names_in_event(event: HealthEvent) -> Iterator[Named]:
    """The service's own name first. A field of an unexpected form says nothing."""
    yield from _of_name("service", event.service)
    for part in _parts_of(event):
        yield from names_in_part(part)
    for key in _NAMES_KEYS:
        said = event.payload.get(key)
        for name in said if isinstance(said, list) else ():
            yield from _of_name("container", name)


def projects_in_event(event: HealthEvent) -> Iterator[Named]:
    """The compose project that it belongs to."""
    for part in _parts_of(event):
        yield from projects_in_part(part)


def names_in_look(facts: Mapping[str, Any]) -> Iterator[Named]:
    """Of what was seen on the host (`TargetState.facts`): a container's image and name, a unit's name and program."""
    for one in containers_in(facts):
        yield from names_in_part(one)
    yield from _of_name("unit", facts.get("unit"))
    for path in _EXEC_PATH.findall(str(facts.get("exec_start") or "")[:MAX_TEXT]):
        yield from _of_name("program", path.rpartition("/")[2])


def containers_in(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those that a look saw, each with its facts."""
    containers = facts.get("containers")
    return [one for one in containers if isinstance(one, dict)] if isinstance(containers, list) else []


def image_name(image: str) -> str:
    """`registry.example:5000/team/redis:7@sha256:...` -> `redis`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def short_name(name: str) -> str:
    """Without what systemd puts behind it, in lower case."""
    text = name[:MAX_TEXT].strip().lower()
    for suffix in _SUFFIXES:
        text = text.removesuffix(suffix)
    return text


def _parts_of(event: HealthEvent) -> Iterator[Mapping[str, Any]]:
    """The payload, and what an engine's own event holds of the container."""
    yield from filter(None, (event.payload, engine_attributes(event.payload)))


def names_in_part(part: Mapping[str, Any]) -> Iterator[Named]:
    """Of one thing, by the fields in which an event or a look tells of it."""
    for key in _NAME_KEYS:
        yield from _of_name(key.replace("_", " "), part.get(key))
    for key in _PROGRAM_KEYS:
        yield from _of_program(key, part.get(key))
    for key in _IMAGE_KEYS:
        value = part.get(key)
        if isinstance(value, str) and value:
            yield f"image {value[:MAX_TEXT]}", image_name(value[:MAX_TEXT]).lower()
    compose = part.get("compose")
    for labels in (part, *(part.get(key) for key in _LABEL_KEYS)):
        if isinstance(labels, dict):
            yield from _of_name("compose service", labels.get(_SERVICE_LABEL))
    yield from _of_name("compose service", compose.get("service") if isinstance(compose, dict) else None)


def projects_in_part(part: Mapping[str, Any]) -> Iterator[Named]:
    """The compose project of that thing."""
    for labels in (part, *(part.get(key) for key in _LABEL_KEYS)):
        if isinstance(labels, dict):
            yield from _of_name("compose project", labels.get(_PROJECT_LABEL))
    compose = part.get("compose")
    if isinstance(compose, dict):
        yield from _of_name("compose project", compose.get("project"))


def _of_program(kind: str, value: object) -> Iterator[Named]:
    """`/usr/sbin/sshd -D` is sshd, and so is `net:sshd`, one of a supervisor's group."""
    if isinstance(value, str) and (words := value[:MAX_TEXT].split()):
        yield f"{kind} {value[:MAX_TEXT]}", short_name(value)
        yield f"{kind} {value[:MAX_TEXT]}", short_name(words[0].rpartition("/")[2].rpartition(":")[2])


def _of_name(kind: str, value: object) -> Iterable[Named]:
    if not isinstance(value, str) or not value:
        return ()
    name = short_name(value.removeprefix("/"))
    return ((f"{kind} {value[:MAX_TEXT]}", name),)
