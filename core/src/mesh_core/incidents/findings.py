"""What an investigation found, in sentences that name the fact: "the journal holds 3.9 GiB [journal.bytes]". Pure.

For people, cards and models; who shows them makes them harmless. A fact of another shape than expected says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mesh_core.incidents.changes import DAY_SECONDS, changed_rows
from mesh_core.incidents.investigation import investigated
from mesh_core.models.durations import span_in_words
from mesh_core.models.events import HealthEvent
from mesh_core.models.sizes import size_in_words
from mesh_core.models.whole_numbers import amount_in

MOST_NAMES = 5
FULL_PERCENT = 90


@dataclass(frozen=True)
class CitedFinding:
    """`fact` is `<room>.<name>`. `names`: it names folders, programs or containers, as somebody else called them.
    `size`: the bytes that it speaks of, where something takes them."""

    fact: str
    text: str
    names: bool = False
    size: int = 0

    @property
    def room(self) -> str:
        return self.fact.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.text} [{self.fact}]"


def findings_in(event: HealthEvent) -> tuple[CitedFinding, ...]:
    """What there is to say, most telling room first."""
    rooms = investigated(event)
    return tuple(
        replace(finding, fact=f"{room}.{finding.fact}")
        for room, say in _ROOMS.items()
        if room in rooms
        for finding in say(rooms[room])
    )


def in_short(event: HealthEvent, most: int) -> tuple[CitedFinding, ...]:
    """The most telling ones that are numbers alone: how it stands, and then what takes most."""
    plain = [finding for finding in findings_in(event) if not finding.names]
    return tuple(sorted(plain, key=lambda finding: (finding.size > 0, -finding.size))[:most])


_Facts = Mapping[str, Any]
_Said = Iterator[CitedFinding]


def _disk(facts: _Facts) -> _Said:
    mount = facts.get("mount")
    used, size, free = (amount_in(facts.get(key)) for key in ("used_percent", "size_bytes", "free_bytes"))
    if isinstance(mount, str) and used is not None:
        room = f", {size_in_words(free)} of {size_in_words(size)} free" if size and free is not None else ""
        yield CitedFinding("used_percent", f"{mount} is {used} % full{room}")
    inodes = amount_in(facts.get("inodes_used_percent"))
    if inodes is not None and inodes >= FULL_PERCENT:
        yield CitedFinding("inodes_used_percent", f"{inodes} % of its inodes are used")
    if biggest := _named(facts.get("biggest"), "path"):
        seen = "" if facts.get("complete") is True else "; there was no time to look everywhere"
        yield CitedFinding("biggest", f"most of it lies in {biggest}{seen}", names=True)
    if held := _named(facts.get("deleted_open"), "program"):
        yield CitedFinding("deleted_open", f"files that are deleted and still open: {held}", names=True)


def _journal(facts: _Facts) -> _Said:
    if size := amount_in(facts.get("bytes")):
        yield CitedFinding("bytes", f"the journal holds {size_in_words(size)}", size=size)


def _packages(facts: _Facts) -> _Said:
    if size := amount_in(facts.get("cache_bytes")):
        yield CitedFinding("cache_bytes", f"the cache of the package manager holds {size_in_words(size)}", size=size)


def _tmp(facts: _Facts) -> _Said:
    if size := amount_in(facts.get("old_bytes")):
        yield CitedFinding("old_bytes", f"old temporary files hold {size_in_words(size)}", size=size)


def _docker(facts: _Facts) -> _Said:
    if size := amount_in(facts.get("build_cache_bytes")):
        yield CitedFinding("build_cache_bytes", f"the engine's build cache holds {size_in_words(size)}", size=size)
    if size := amount_in(facts.get("dangling_bytes")):
        yield CitedFinding("dangling_bytes", f"images that nothing uses hold {size_in_words(size)}", size=size)
    if logs := _named(facts.get("logs"), "container"):
        yield CitedFinding("logs", f"the largest logs of containers: {logs}", names=True)
    if ended := amount_in(facts.get("exited_containers")):
        yield CitedFinding(
            "exited_containers", f"{ended} container{'s' if ended != 1 else ''} ended and are still there"
        )


def _memory(facts: _Facts) -> _Said:
    if (left := amount_in(facts.get("available_bytes"))) is not None:
        swap = amount_in(facts.get("swap_free_bytes"))
        more = f", {size_in_words(swap)} of swap are free" if swap else ""
        yield CitedFinding("available_bytes", f"{size_in_words(left)} of memory are available{more}")
    if limit := amount_in(facts.get("limit_bytes")):
        yield CitedFinding("limit_bytes", f"the container may take {size_in_words(limit)}")
    if top := _named(facts.get("top"), "program", "pss_bytes", within="unit_or_container"):
        yield CitedFinding("top", f"most memory is taken by {top}", names=True)


def _unit(facts: _Facts) -> _Said:
    if facts.get("enabled") is False:
        yield CitedFinding("enabled", "the unit is not enabled: it does not start with the host")
    failed = facts.get("failed_requirements")
    if names := [name for name in (failed if isinstance(failed, list) else []) if isinstance(name, str)]:
        yield CitedFinding(
            "failed_requirements", f"what it requires has failed: {', '.join(names[:MOST_NAMES])}", names=True
        )
    changed = amount_in(facts.get("changed_seconds_ago"))
    if changed is not None and changed <= DAY_SECONDS:
        yield CitedFinding("changed_seconds_ago", f"its unit file was changed {_before(changed)}")


def _hung(facts: _Facts) -> _Said:
    if many := amount_in(facts.get("processes")):
        yield CitedFinding("processes", f"{many} processes hang in the kernel, and no signal ends them")
        if isinstance(programs := facts.get("programs"), str):
            yield CitedFinding("programs", f"what hangs there: {programs}", names=True)


def _mount(facts: _Facts) -> _Said:
    point = facts.get("point")
    if isinstance(point, str):
        if facts.get("is_mounted") is False:
            yield CitedFinding("is_mounted", f"{point} is not mounted")
        elif facts.get("stale") is True:
            yield CitedFinding("stale", f"{point} is mounted and does not answer")
    if isinstance(there := facts.get("source_there"), bool):
        yield CitedFinding("source_there", f"what it is mounted from is {'' if there else 'not '}there")
    if isinstance(point, str) and "declared_in" not in facts:
        yield CitedFinding("declared_in", "neither fstab nor a unit says how it is mounted")
    users = facts.get("open_by")
    told = [
        f"{row['program']} ({count} file{'s' if count != 1 else ''})"
        for row in (users if isinstance(users, list) else [])
        if isinstance(row, dict) and isinstance(row.get("program"), str) and (count := amount_in(row.get("files")))
    ]
    if told:
        yield CitedFinding("open_by", f"files are open there: {', '.join(told[:MOST_NAMES])}", names=True)


def _network(facts: _Facts) -> _Said:
    if facts.get("name_resolves") is False:
        yield CitedFinding("name_resolves", "its name leads to no address")
    if isinstance(cache := facts.get("name_cache"), str):
        yield CitedFinding("name_cache", f"{cache} remembers names on this host", names=True)
    if facts.get("port_open") is False:
        yield CitedFinding("port_open", "its port takes no connection")
    days = facts.get("certificate_days_left")
    if isinstance(days, int) and not isinstance(days, bool) and days < _FEW_DAYS:
        left = f"is good for {days} more day{'s' if days != 1 else ''}" if days >= 0 else "has run out"
        yield CitedFinding("certificate_days_left", f"its certificate {left}")


def _certificate(facts: _Facts) -> _Said:
    names = [name for name in facts.get("names") or [] if isinstance(name, str)]
    if (left := amount_in(facts.get("left_seconds"))) is not None:
        whose = f" of {', '.join(names[:MOST_NAMES])}" if names else ""
        said = f"is good for {span_in_words(left)} more" if left else "has run out"
        yield CitedFinding("left_seconds", f"the certificate{whose} {said}", names=bool(names))
    if facts.get("newer_on_disk") is True:
        yield CitedFinding("newer_on_disk", "a newer one lies on the disk and is not shown yet")
    manager, lineage = facts.get("manager"), facts.get("lineage")
    if isinstance(manager, str) and isinstance(lineage, str):
        yield CitedFinding("manager", f"{manager} keeps it as {lineage}", names=True)
    if isinstance(unit := facts.get("unit"), str):
        can = "" if facts.get("can_reload") is True else ", which cannot reload"
        yield CitedFinding("unit", f"it is shown by {unit}{can}", names=True)


def _config(facts: _Facts) -> _Said:
    behind, file = amount_in(facts.get("behind_seconds")), facts.get("file")
    if behind and isinstance(file, str):
        told = f"{file} was changed {span_in_words(behind)} after the configuration was loaded"
        yield CitedFinding("behind_seconds", told, names=True)


def _logs(facts: _Facts) -> _Said:
    if (size := amount_in(facts.get("bytes"))) and isinstance(rule := facts.get("rule"), str):
        told = f"the log files that logrotate's rule {rule} knows hold {size_in_words(size)}"
        yield CitedFinding("bytes", told, names=True, size=size)


def _image(facts: _Facts) -> _Said:
    if (changed := amount_in(facts.get("changed_seconds_ago"))) is not None:
        yield CitedFinding("changed_seconds_ago", f"its image was changed {_before(changed)}")
    if well := amount_in(facts.get("previous_healthy_seconds")):
        gone = "" if facts.get("previous_there") is True else ", and is no longer on the host"
        yield CitedFinding(
            "previous_healthy_seconds", f"the image before it was healthy for {span_in_words(well)}{gone}"
        )
    if facts.get("data_format_changed") is True:
        yield CitedFinding("data_format_changed", "the two images name different forms of its data")


def _dependents(facts: _Facts) -> _Said:
    rows = facts.get("hanging")
    names = [row.get("container") for row in (rows if isinstance(rows, list) else []) if isinstance(row, dict)]
    if told := [name for name in names if isinstance(name, str)]:
        extra = amount_in(facts.get("more"))
        more = f" and {extra} more" if extra else ""
        yield CitedFinding("hanging", f"what depends on it hangs as well: {', '.join(told)}{more}", names=True)


def _changed(facts: _Facts) -> _Said:
    if told := [f"{what} ({_before(seconds)})" for what, seconds in changed_rows(facts)]:
        yield CitedFinding("rows", f"changed within a day: {'; '.join(told[:MOST_NAMES])}", names=True)


_FEW_DAYS = 30
_ROOMS: Mapping[str, Callable[[_Facts], _Said]] = {
    "disk": _disk,
    "journal": _journal,
    "packages": _packages,
    "logs": _logs,
    "tmp": _tmp,
    "docker": _docker,
    "memory": _memory,
    "unit": _unit,
    "mount": _mount,
    "hung": _hung,
    "config": _config,
    "certificate": _certificate,
    "image": _image,
    "dependents": _dependents,
    "network": _network,
    "changed": _changed,
}


def _before(seconds: int) -> str:
    """`7 min before`: before the event."""
    return f"{seconds // 60} min before" if seconds < 7200 else f"{seconds // 3600} h before"


def _named(rows: object, name: str, size: str = "bytes", within: str = "") -> str:
    """`/srv/a 4.0 GiB, mariadbd (db.service) 12 MiB` of a list of such rows."""
    told = [
        f"{row[name]} {f'({row[within]}) ' if isinstance(row.get(within), str) else ''}{size_in_words(row[size])}"
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and isinstance(row.get(name), str) and amount_in(row.get(size))
    ]
    return ", ".join(told[:MOST_NAMES])
