"""Who uses the memory, who keeps the cores busy: evidence out of /proc, read only when an event needs it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

PROC = Path("/proc")


def booted_at(proc: Path = PROC) -> float:
    """When this host came up, in unix seconds; 0 where the kernel does not say."""
    try:
        lines = (proc / "stat").read_text().splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)
    except (OSError, ValueError, IndexError):
        return 0.0


def clock_began_at() -> float:
    """What the start of a process counts from, in unix seconds of the clock of now.

    Not `booted_at`: a container manager writes its own time there, and a clock that is set later leaves it behind.
    """
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def started_at(folder: Path) -> float:
    """Seconds after the kernel's clock began, of the process whose folder that is. OSError where it has ended."""
    words = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return int(words[19]) / os.sysconf("SC_CLK_TCK")


def sizes_in(text: str) -> dict[str, int]:
    """Name -> KiB, of /proc/meminfo and what is written like it."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name: int(value.split()[0]) for name, value in pairs if value.split()}


def largest_processes(count: int = 5, proc: Path = PROC) -> list[dict[str, Any]]:
    """The processes with the most resident memory."""
    page = os.sysconf("SC_PAGE_SIZE")
    rows: list[dict[str, Any]] = []
    for folder in process_folders(proc):
        try:
            pages = int((folder / "statm").read_text().split()[1])
            rows.append({"pid": int(folder.name), "name": program_of(folder), "rss_mib": pages * page // 1048576})
        except (OSError, ValueError, IndexError):
            continue  # it ended while we looked
    return sorted(rows, key=lambda row: -row["rss_mib"])[:count]


def busy_processes(count: int = 10, proc: Path = PROC) -> list[dict[str, Any]]:
    """The processes that make the load: running (R) or stuck in the kernel (D)."""
    rows: list[dict[str, Any]] = []
    for folder in process_folders(proc):
        try:
            state = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
            if state in ("R", "D"):
                rows.append({"pid": int(folder.name), "name": program_of(folder), "state": state})
        except (OSError, ValueError, IndexError):
            continue
    return sorted(rows, key=lambda row: row["state"])[:count]


def process_folders(proc: Path = PROC) -> list[Path]:
    """Of each process its folder in /proc."""
    return [folder for folder in proc.iterdir() if folder.name.isdigit()]


def program_of(folder: Path) -> str:
    """The program of the process whose folder in /proc that is. OSError where it has ended."""
    return (folder / "comm").read_text(errors="replace").strip()
