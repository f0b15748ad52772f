"""What an investigation found, in sentences that name the fact: "the journal holds 3.9 GiB [journal.bytes]". Pure.

For people, cards and models; who shows them makes them harmless. A fact of another shape than expected says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mesh_core.incidents.investigation import investigated
from mesh_core.models.events import HealthEvent
from mesh_core.models.sizes import size_in_words

MOST_NAMES = 5
FULL_PERCENT = 90


@dataclass(frozen=True)
class Finding:
    """`fact` is `<room>.<name>`. `names`: it names folders, programs or containers, as somebody else called them."""

    fact: str
    text: str
    names: bool = False

    @property
    def room(self) -> str:
        return self.fact.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.text} [{self.fact}]"


def findings_in(event: HealthEvent) -> tuple[Finding, ...]:
    """What there is to say, most telling room first."""
    rooms = investigated(event)
    return tuple(
        Finding(f"{room}.{fact}", text, names)
        for room, say in _ROOMS.items()
        if room in rooms
        for fact, text, names in say(rooms[room])
    )


_Facts = Mapping[str, Any]
_Said = Iterator[tuple[str, str, bool]]


def _disk(facts: _Facts) -> _Said:
    mount = facts.get("mount")
    used, size, free = (_number(facts.get(key)) for key in ("used_percent", "size_bytes", "free_bytes"))
    if isinstance(mount, str) and used is not None:
        room = f", {size_in_words(free)} of {size_in_words(size)} free" if size and free is not None else ""
        yield "used_percent", f"{mount} is {used} % full{room}", False
    inodes = _number(facts.get("inodes_used_percent"))
    if inodes is not None and inodes >= FULL_PERCENT:
        yield "inodes_used_percent", f"{inodes} % of its inodes are used", False
    if biggest := _named(facts.get("biggest"), "path"):
        seen = "" if facts.get("complete") is True else "; there was no time to look everywhere"
        yield "biggest", f"most of it lies in {biggest}{seen}", True
    if held := _named(facts.get("deleted_open"), "program"):
        yield "deleted_open", f"files that are deleted and still open: {held}", True


def _journal(facts: _Facts) -> _Said:
    if size := _number(facts.get("bytes")):
        yield "bytes", f"the journal holds {size_in_words(size)}", False


def _packages(facts: _Facts) -> _Said:
    if size := _number(facts.get("cache_bytes")):
        yield "cache_bytes", f"the cache of the package manager holds {size_in_words(size)}", False


def _docker(facts: _Facts) -> _Said:
    if size := _number(facts.get("build_cache_bytes")):
        yield "build_cache_bytes", f"the engine's build cache holds {size_in_words(size)}", False
    if size := _number(facts.get("dangling_bytes")):
        yield "dangling_bytes", f"images that nothing uses hold {size_in_words(size)}", False
    if logs := _named(facts.get("logs"), "container"):
        yield "logs", f"the largest logs of containers: {logs}", True
    if ended := _number(facts.get("exited_containers")):
        yield "exited_containers", f"{ended} container{'s' if ended != 1 else ''} ended and are still there", False


_ROOMS: Mapping[str, Callable[[_Facts], _Said]] = {
    "disk": _disk,
    "journal": _journal,
    "packages": _packages,
    "docker": _docker,
}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _named(rows: object, name: str, size: str = "bytes") -> str:
    """`/srv/a 4.0 GiB, /srv/b 12 MiB` of a list of such rows."""
    told = [
        f"{row[name]} {size_in_words(row[size])}"
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and isinstance(row.get(name), str) and _number(row.get(size))
    ]
    return ", ".join(told[:MOST_NAMES])
