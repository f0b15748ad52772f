"""The processes of the host, as far as somebody may want to know what they do. Reads /proc; bounded, and never a file
of a process twice."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from node_agent.host.processes import clock_began_at, process_folders
from node_agent.work.programs import without_interpreter

MAX_PROCESSES = 20_000
MAX_WORDS_BYTES = 4096
MAX_USERS_BYTES = 256 * 1024
_NESTED = re.compile(r"^NSpid:\t\d+\t\d", re.MULTILINE)  # a number in each namespace of processes that it is in
_PTS_MAJORS = range(136, 144)


@dataclass(frozen=True)
class Process:
    """`words`: its name first, without its folder and interpreter. `started`: unix seconds. `terminal`: `pts/3`, or ''.
    `folder`: where it works, '' where that may not be known. `nested`: it is one of a container or a guest."""

    pid: int
    words: tuple[str, ...]
    started: float
    terminal: str
    user_id: int
    folder: str
    nested: bool = False


@dataclass(frozen=True)
class HostSnapshot:
    """`processes` are those that were asked for; `names`: short name and parent of all, by pid; `users` by number."""

    processes: tuple[Process, ...] = ()
    names: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    users: Mapping[int, str] = field(default_factory=dict)


def look_around(root: Path, wanted: Callable[[str], bool], deadline: float) -> HostSnapshot:
    """The processes whose short name is `wanted`, and all on a terminal; until `deadline` (monotonic seconds).

    `root`: where the files of the host are seen. OSError where its /proc is not there.
    """
    proc = root / "proc"
    names: dict[int, tuple[str, int]] = {}
    found: list[Process] = []
    began, ticks = clock_began_at(), os.sysconf("SC_CLK_TCK")
    for folder in process_folders(proc)[:MAX_PROCESSES]:
        if time.monotonic() >= deadline:
            break
        with contextlib.suppress(OSError, ValueError, IndexError):  # it ended while we looked
            head, _, rest = (folder / "stat").read_text(errors="replace").rpartition(")")
            fields, comm = rest.split(), head.partition("(")[2]
            names[int(folder.name)] = (comm, int(fields[1]))
            terminal = _terminal(int(fields[4]))
            if terminal or wanted(comm):
                found.append(_process(folder, comm, terminal, began + int(fields[19]) / ticks))
    return HostSnapshot(tuple(found), names, _users(root))


def last_key(root: Path, terminal: str) -> float | None:
    """When something was typed there last (unix seconds); None where that may not be known."""
    try:
        return (root / "dev" / terminal).stat().st_atime
    except OSError:
        return None


def _process(folder: Path, comm: str, terminal: str, started: float) -> Process:
    with (folder / "cmdline").open("rb") as file:
        raw = file.read(MAX_WORDS_BYTES)
    words = [word.decode("utf-8", "replace") for word in raw.rstrip(b"\0").split(b"\0")] if raw else [comm]
    try:
        where = str((folder / "cwd").readlink())
    except OSError:
        where = ""
    return Process(
        pid=int(folder.name),
        words=without_interpreter(words),
        started=started,
        terminal=terminal,
        user_id=folder.stat().st_uid,
        folder=where,
        nested=_NESTED.search((folder / "status").read_text(errors="replace")) is not None,
    )


def _users(root: Path) -> dict[int, str]:
    """As the host's own file names them; a directory service may take for ever to answer."""
    try:
        with (root / "etc/passwd").open(errors="replace") as file:
            lines = file.read(MAX_USERS_BYTES).splitlines()
    except OSError:
        return {}
    fields = [line.split(":") for line in lines]
    return {int(words[2]): words[0] for words in fields if len(words) > 2 and words[2].isdigit()}


def _terminal(device: int) -> str:
    """Of a pseudo terminal, by the number that the kernel gives it; '' for none, or another kind."""
    major, minor = (device >> 8) & 0xFFF, (device & 0xFF) | ((device >> 12) & 0xFFF00)
    return f"pts/{(major - _PTS_MAJORS[0]) * 256 + minor}" if major in _PTS_MAJORS else ""
