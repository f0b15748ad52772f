"""Which wall stands around the runs of this executor, decided once at its start, and said in a sentence.

Builds none itself (`walls.py`), and knows no single run (`host_access.py`, `view.py`).
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

from executor_agent.isolation.host_access import HostAccess
from executor_agent.isolation.view import MACHINE, View, Wall, protected_paths, python_paths
from mesh_core.runtime.executor_notes import IsolationNote, note_isolation
from mesh_core.runtime.health import Check, Ready

log = structlog.get_logger()

PROBE_SECONDS = 20.0
_SENTENCES = {
    Wall.NAMESPACES: "each run has mounts and a process list of its own: of the executor it sees its host's key, its "
    "own files and Ansible, nothing else",
    Wall.LANDLOCK: "each run may open only its host's key, its own files and Ansible (Landlock); names of other "
    "files, the process list and sockets in folders stay within its sight",
    Wall.NONE: "runs can read everything that the executor can: its keys, its folders, the other hosts' passwords",
}


class SandboxMode(StrEnum):
    """EXECUTOR_SANDBOX."""

    AUTO = "auto"
    REQUIRED = "required"
    OFF = "off"


class SandboxUnavailable(Exception):
    """A run that must not begin, because no wall would stand around it; the message says why and what to do."""


@dataclass(frozen=True)
class Isolation:
    """The wall of every run, and what no run for this very machine may see."""

    wall: Wall
    hidden: tuple[str, ...] = ()
    required: bool = False

    @property
    def sentence(self) -> str:
        return _SENTENCES[self.wall]

    def view_for(self, access: HostAccess, reads: tuple[str, ...], writes: tuple[str, ...]) -> View:
        """The view of one run. SandboxUnavailable where one is required and this run cannot have it."""
        wall = self.wall
        if wall is not Wall.NONE and access.local and access.becomes and os.geteuid() != 0:
            # Every wall that needs no root forbids sudo; and who becomes root here is past any wall.
            reason = "its inventory says ansible_become and it is this very machine: sudo cannot be used behind a wall"
            if self.required:
                raise SandboxUnavailable(f"{reason}; EXECUTOR_SANDBOX=required refuses it (reach it over ssh instead)")
            log.warning("isolation.none_for_this_run", reason=reason)
            wall = Wall.NONE
        machine = () if access.local else MACHINE
        return View(wall, access.local, (*machine, *python_paths(), *reads, *access.files), writes, self.hidden)

    def view_of_texts(self, reads: tuple[str, ...], writes: tuple[str, ...]) -> View:
        """The view of what only reads a playbook: no key, no host, no network."""
        return View(self.wall, False, (*MACHINE, *python_paths(), *reads), writes, self.hidden, network=False)


def choose_isolation(sandbox: SandboxMode, runtime: Path, environment: Mapping[str, str]) -> Isolation:
    """What can be built here. SandboxUnavailable: one is required and none can be built."""
    wall = Wall.NONE if sandbox is SandboxMode.OFF else strongest_wall()
    if wall is Wall.NONE and sandbox is SandboxMode.REQUIRED:
        raise SandboxUnavailable(
            "EXECUTOR_SANDBOX=required, but this machine permits neither namespaces nor Landlock (Linux 5.13); "
            "permit user namespaces, boot with lsm=landlock,..., or set EXECUTOR_SANDBOX=auto"
        )
    return Isolation(wall, protected_paths(runtime, environment), sandbox is SandboxMode.REQUIRED)


def announce(isolation: Isolation, runtime: Path) -> None:
    """In the log, and in the note that `mend doctor` reads; a full disk is no reason not to start, and leaves none."""
    write = log.warning if isolation.wall is Wall.NONE else log.info
    write("executor.isolation", wall=isolation.wall.value, meaning=isolation.sentence)
    if error := note_isolation(runtime, IsolationNote(isolation.wall.value, isolation.sentence)):
        log.warning("executor.isolation_not_noted", reason=str(error))


def isolation_check(isolation: Isolation) -> Check:
    """The part `isolation` of /readyz: always ready, with the sentence."""

    async def check() -> Ready:
        return Ready(True, isolation.sentence)

    return check


@functools.cache
def strongest_wall() -> Wall:
    """Asked of a process of its own, which tries: what kernel, container and unit permit cannot be read anywhere."""
    command = [sys.executable, "-I", str(Path(__file__).with_name("walls.py"))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, check=True)
        return Wall(done.stdout.strip())
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        log.warning("isolation.not_known", error=str(error)[:200])
        return Wall.NONE
