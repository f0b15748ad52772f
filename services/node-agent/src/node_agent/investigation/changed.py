"""What changed on this host within the last day: packages, kernel, units' files, the container, a start of the host."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from node_agent.containers.container_check import unix_time
from node_agent.containers.engine import Engine
from node_agent.host.processes import booted_at
from node_agent.investigation.question import MOST_ROWS, Question, shown

DAY_SECONDS = 24 * 3600
NAMED = 3  # of those that changed together
MAX_LOG_BYTES = 256 * 1024
DPKG_LOG = Path("/var/log/dpkg.log")
UNITS = Path("/etc/systemd/system")
BOOT = Path("/boot")
_DPKG_VERBS = ("install", "upgrade", "remove")


class Change(NamedTuple):
    kind: str  # package, kernel, unit_file, container, boot
    name: str
    at: float  # unix seconds


def look(question: Question, engine: Engine) -> dict[str, Any]:
    found = [Change("boot", "", booted_at())]
    if question.host_files:
        for source in (package_changes(DPKG_LOG), _kernels(BOOT), _unit_files(UNITS)):
            with contextlib.suppress(OSError):
                found += source
    container = question.facts.get("container")
    if isinstance(container, str):
        with contextlib.suppress(OSError):
            found += _container(question, engine, container)
    rows = rows_of(found, time.time(), question.service.removesuffix(".service"))
    return {"rows": rows} if rows else {}


def rows_of(changes: list[Change], now: float, about: str = "") -> list[dict[str, Any]]:
    """One row a kind, newest first: its newest names, those with `about` in them before, and how many more. Pure."""
    recent = sorted((one for one in changes if 0 <= now - one.at <= DAY_SECONDS), key=lambda one: -one.at)
    kinds: dict[str, list[Change]] = {}
    for one in recent:
        kinds.setdefault(one.kind, []).append(one)
    return [
        {
            "kind": kind,
            "name": _together(sorted((one.name for one in of_it), key=lambda name: not about or about not in name)),
            "seconds_ago": round(now - of_it[0].at),
        }
        for kind, of_it in list(kinds.items())[:MOST_ROWS]
    ]


def package_changes(log: Path) -> Iterator[Change]:
    """Out of dpkg's log, as far as its last 256 KiB tell. OSError where there is none."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - MAX_LOG_BYTES))
        lines = file.read(MAX_LOG_BYTES).decode("utf-8", "replace").splitlines()
    for line in lines:
        words = line.split(" ")
        if len(words) == 6 and words[2] in _DPKG_VERBS:
            with contextlib.suppress(ValueError):
                at = datetime.fromisoformat(f"{words[0]} {words[1]}").timestamp()  # in the host's own time
                yield Change("package", _package(*words[2:]), at)


def _package(verb: str, name: str, before: str, after: str) -> str:
    name = name.partition(":")[0]
    if verb == "remove":
        return f"{name} {before} removed"
    return f"{name} {after}" if before == "<none>" else f"{name} {before} -> {after}"


def _together(names: list[str]) -> str:
    told = [name for name in dict.fromkeys(names) if name]
    more = len(told) - NAMED
    return shown(", ".join(told[:NAMED]) + (f" and {more} more" if more > 0 else ""))


def _kernels(folder: Path) -> Iterator[Change]:
    for path in folder.glob("vmlinuz-*"):
        yield Change("kernel", path.name.removeprefix("vmlinuz-"), path.stat().st_mtime)


def _unit_files(folder: Path) -> Iterator[Change]:
    """Written by whoever runs this host; what packages bring lies elsewhere."""
    for path in (*folder.glob("*.*"), *folder.glob("*.d/*.conf")):
        if not path.is_symlink() and path.is_file():
            yield Change("unit_file", str(path.relative_to(folder)), path.stat().st_mtime)


def _container(question: Question, engine: Engine, name: str) -> Iterator[Change]:
    """Made anew is what an update of its image looks like."""
    detail = question.answered(engine.container(name)) or {}
    image = str((detail.get("Config") or {}).get("Image", ""))
    yield Change("container", f"{name} of {image}", unix_time(detail.get("Created")))
