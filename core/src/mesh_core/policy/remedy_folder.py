"""A person's own remedies: config/remedies/*.yml to the register of this process, read again when one changed.

One bad file is refused alone, and nothing of it is offered or runs. What a service's user could have written is
refused, too: the planner writes what a model said, and must not define what an executor runs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mesh_core.actions.register import SHIPPED, Register, use
from mesh_core.actions.remedies.loader import BadRemedy, bytes_of, read_named
from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.storage.file_stamp import WhenChanged, stamp_of
from mesh_core.storage.listing import MISSING, entries

MAX_FILES = 1000  # that are read
MAX_ENTRIES = 20_000  # that are even listed
# Whose owner is a service, where services have users of their own.
_SERVICES_OWN = ("actions/pending", "actions/approved", "spool", "events", "redis")


class Distrusted(NamedTuple):
    """Who must not be able to write a remedy."""

    users: frozenset[int] = frozenset()
    group: int | None = None


class RemedyFolder:
    """Of one runtime folder. `complain` hears (file, sentence) of each that cannot be used, when it was read anew."""

    def __init__(self, runtime: Path, complain: Callable[[Path, str], object] = lambda file, sentence: None):
        self._runtime = runtime
        self._complain = complain
        self.folder = runtime / "config" / "remedies"
        self._register = WhenChanged(self._read, lambda: (stamp_of(self.folder), self._distrusted(), self._stamps()))
        self._read_before: dict[str, tuple[object, Remedy | Recipe | str]] = {}

    def use(self) -> Register:
        """The register of now, which is this process's from here on; the same object while nothing changed. Blocks."""
        register = self._register.value()
        use(register)
        return register

    def newest_change(self) -> float:
        """When the file was saved that was saved last; 0.0 where there is none."""
        found = (_status(path) for path in self._files())
        return max((status.st_mtime for status in found if status), default=0.0)

    def _read(self) -> Register:
        if not os.path.isdir(self.folder):  # noqa: PTH112  (False where nobody may look)
            return SHIPPED
        remedies, refused = ({}, why) if (why := self._folder_problems()) else self._read_files()
        register = SHIPPED.with_own(remedies, refused)
        for file, told in register.refused.items():
            self._complain(self.folder / file, told)
        return register

    def _read_files(self) -> tuple[dict[str, Remedy | Recipe], dict[str, str]]:
        remedies: dict[str, Remedy | Recipe] = {}
        refused: dict[str, str] = {}
        read_before, self._read_before = self._read_before, {}
        distrusted = self._distrusted()
        for path in self._files():
            key = (stamp_of(path), distrusted)  # before reading
            seen = read_before.get(path.name)
            made = seen[1] if seen and seen[0] == key else self._remedy(path, distrusted)
            self._read_before[path.name] = (key, made)
            if isinstance(made, str):
                refused[path.name] = made
            else:
                remedies[path.name.removesuffix(".yml")] = made
        if (count := len(self._entries())) > MAX_FILES:
            refused[self.folder.name] = (
                f"{self.folder}: it holds {count} files, and only the first {MAX_FILES} are read; move some away"
            )
        return remedies, refused

    def _remedy(self, path: Path, distrusted: Distrusted) -> Remedy | Recipe | str:
        try:
            raw = bytes_of(path, lambda status: _why_not(status, distrusted))
            return read_named(path.name, raw, SHIPPED.names, SHIPPED.files)[1]
        except BadRemedy as error:
            return str(error)

    def _folder_problems(self) -> dict[str, str]:
        try:
            status = self.folder.lstat()
            self._entries()
        except OSError as error:
            return {self.folder.name: f"{self.folder}: it cannot be read: {error.strerror}"}
        if not stat.S_ISDIR(status.st_mode):
            return {self.folder.name: f"{self.folder}: it is a link; put the folder itself there"}
        why = _why_not(status, self._distrusted())
        return {self.folder.name: f"{self.folder}: {why}"} if why else {}

    def _files(self) -> list[Path]:
        try:
            found = sorted(entry.name for entry in self._entries())
        except OSError:
            return []
        return [self.folder / name for name in found[:MAX_FILES]]

    def _entries(self) -> list[os.DirEntry[str]]:
        """Not what an editor keeps beside a file while it writes."""
        listed = entries(self.folder, tolerated=MISSING, limit=MAX_ENTRIES)
        return [entry for entry in listed if not entry.name.startswith(".") and not entry.name.endswith("~")]

    def _stamps(self) -> object:
        return tuple((path.name, stamp_of(path)) for path in self._files())

    def _distrusted(self) -> Distrusted:
        """The users of services, and the group that they share; nobody where one user owns everything, as in a
        checkout."""
        found = {name: _status(self._runtime / name) for name in _SERVICES_OWN}
        owners = {name: status.st_uid for name, status in found.items() if status}
        planner, executor, *_ = (owners.get(name) for name in _SERVICES_OWN)
        if planner == executor:
            return Distrusted()
        shared = _status(self._runtime / "actions")
        return Distrusted(frozenset(owners.values()) - {0}, shared.st_gid if shared and shared.st_gid else None)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _why_not(status: os.stat_result, distrusted: Distrusted) -> str:
    if status.st_uid in distrusted.users:
        return f"it belongs to a service (user {status.st_uid}), which must not define what runs; chown it to a person"
    if status.st_mode & stat.S_IWOTH:
        return "everybody may write it; chmod o-w"
    if status.st_mode & stat.S_IWGRP and status.st_gid == distrusted.group:
        return "its group are the services, which must not define what runs; chmod g-w"
    return ""
