"""What is old enough in /tmp and /var/tmp to go, as tmpfiles.d says it, where they lie on the full disk."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from node_agent.host import systemctl
from node_agent.investigation.disk import lies_on_it
from node_agent.investigation.question import Question

MAX_ENTRIES = 50_000  # of a folder: then it is so much, or more
FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108 - named, not used
_UNITS: Mapping[str, float] = {
    **dict.fromkeys(("us", "usec"), 1e-6),
    **dict.fromkeys(("ms", "msec"), 1e-3),
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86400),
}
_AGE = re.compile(r"~?(?:(?P<by>[aAbBcCmM]+):)?(?P<span>(?:\d+[a-z]*)+)")
_PART = re.compile(r"(\d+)([a-z]*)")
_MAKES, _SPARES = "dDqQveC", "xX"  # types of lines: what is made and cleaned by age, what is left alone


@dataclass(frozen=True)
class Ages:
    """Of one folder: what was neither changed, made nor read (`by`: m, c, a) for so long is old. `spared`: globs."""

    seconds: float
    by: str
    spared: tuple[str, ...]


def look(question: Question, folders: tuple[str, ...] = FOLDERS, told: str | None = None) -> dict[str, Any]:
    """`told`: tmpfiles' whole configuration, else it is asked for."""
    here = [folder for folder in folders if lies_on_it(folder, question)]
    if not here:
        return {}
    if told is None:
        try:
            told = question.answered(systemctl.run("systemd-tmpfiles", "--cat-config"))
        except systemctl.SystemdError:
            return {}  # a host without it
    sizes = {folder: _old_bytes(folder, ages, question) for folder in here if (ages := ages_in(told, folder))}
    if not sizes:
        return {}
    return {"old_bytes": sum(sizes.values()), "mount": question.facts["mount"]}


def ages_in(told: str, folder: str) -> Ages | None:
    """Out of tmpfiles' configuration; None where it gives that folder no age. Pure."""
    found: tuple[float, str] | None = None
    spared: list[str] = []
    for line in told.splitlines():
        words = line.split()
        if len(words) < 2 or words[0].startswith("#"):
            continue
        kind, path = words[0][0], re.sub("%[a-zA-Z]", "*", words[1])
        if kind in _SPARES:
            spared.append(path)
        elif kind in _MAKES and path.rstrip("/") == folder and len(words) >= 6:
            found = _age_in(words[5])
    return Ages(*found, tuple(spared)) if found else None


def _age_in(word: str) -> tuple[float, str] | None:
    age = _AGE.fullmatch(word)
    parts = _PART.findall(age["span"]) if age else []
    by = "".join(kind for kind in (age["by"] if age else None) or "amc" if kind in "amc")  # in capitals: of folders
    if not by or not parts or any(unit not in _UNITS for _, unit in parts):
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in parts), by


def _old_bytes(folder: str, ages: Ages, question: Question) -> int:
    """As far as this user may see, of that one file system."""
    until, total = time.time() - ages.seconds, 0
    for seen, (path, status) in enumerate(_files(folder)):
        if question.over() or seen > MAX_ENTRIES:
            break
        times = {"a": status.st_atime, "m": status.st_mtime, "c": status.st_ctime}
        if all(times[kind] < until for kind in ages.by) and not any(fnmatchcase(path, glob) for glob in ages.spared):
            total += status.st_blocks * 512 // max(1, status.st_nlink)
    return total


def _files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    device, waiting = os.lstat(folder).st_dev, [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if not entry.is_dir(follow_symlinks=False):
                        yield entry.path, status
                    elif status.st_dev == device:
                        waiting.append(entry.path)
        except OSError:
            continue  # another's, or it went while we looked
