"""What a remedy is proven on: how a host is broken, what its agent says then, and how one sees that it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Script = Callable[[str], str]  # runs a shell script on a host and gives what it printed


@dataclass(frozen=True)
class Fault:
    """`make` breaks the host; `event` is what its agent would say then, with what it looked up; `mended` is what the
    test itself sees afterwards. `touches` and `told` are words of the card and of the outcome. `probe`: the service
    whose probe saw it, and has to see it gone. `state` prints what the remedy is about: the same before and after
    whatever changes nothing. `changes` and `unsure`: the tasks that a preview says would change something, and those of
    which check mode cannot say. `back`: words of the card and of the outcome of what takes it back, None where nothing
    does."""

    remedy: str
    make: str
    event: Callable[[Script], dict[str, Any]]
    mended: Callable[[Script], bool]
    touches: str
    told: str
    state: str
    changes: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    back: tuple[str, str] | None = None
    undo: str = "true"
    host: str = "web01"
    probe: str = ""


def used_percent(run: Script, mount: str) -> int:
    return int(run(f"df -P -k {mount}").splitlines()[-1].split()[4].rstrip("%"))


def full_disk(
    mount: str, found: Callable[[Script], dict[str, Any]], limit: int = 90
) -> Callable[[Script], dict[str, Any]]:
    """An event of the disk probe, with what the agent found."""

    def event(run: Script) -> dict[str, Any]:
        told = {"mount": run(f"echo {mount}").strip(), "used_percent": float(used_percent(run, mount))}
        payload = {**told, "limit_percent": limit, "investigation": found(run)}
        return {"type": "disk_space_low", "severity": "error", "payload": payload}

    return event


def bytes_in(run: Script, folder: str) -> int:
    return int(run(f"du -s -k {folder}").split()[0]) * 1024
