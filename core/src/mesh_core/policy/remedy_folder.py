"""A person's own remedies: config/remedies/*.yml to the register of this process, read again when one changed.

One bad file is refused alone, and nothing of it is offered or runs. What a service's user could have written is
refused, too: the planner writes what a model said, and must not define what an executor runs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from mesh_core.actions.register import SHIPPED, Register, use
from mesh_core.actions.remedies.loader import BadRemedy, bytes_of, read_named
from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.storage.distrusted import Distrusted, distrusted_in, status_of
from mesh_core.storage.file_stamp import WhenChanged, stamp_of
from mesh_core.storage.listing import MISSING, entries

MAX_FILES = 1000  # that are read
MAX_ENTRIES = 20_000  # that are even listed
_MUST_NOT = "define what runs"  # a service


class RemedyFolder:
    """Of one runtime folder. `complain` hears (file, sentence) of each that cannot be used, when it was read anew."""

    def __init__(self, runtime: Path, complain: Callable[[Path, str], object] = lambda file, sentence: None):
        self._runtime = runtime
        self._complain = complain
        self.folder = runtime / "config" / "remedies"
        self._register = WhenChanged(
            self._read, lambda: (stamp_of(self.folder), distrusted_in(self._runtime), self._stamps())
        )
        self._read_before: dict[str, tuple[object, Remedy | Recipe | str]] = {}

    def use(self) -> Register:
        """The register of now, which is this process's from here on; the same object while nothing changed. Blocks."""
        register = self._register.value()
        use(register)
        return register

    def distrusts(self, file: Path) -> str:
        """Why a file is not read although it may be good, a sentence; '' where it lies elsewhere, or is."""
        status = status_of(file) if file.resolve().parent == self.folder.resolve() else None
        return distrusted_in(self._runtime).why_not(status, _MUST_NOT) if status else ""

    def newest_change(self) -> float:
        """When the file was saved that was saved last; 0.0 where there is none."""
        found = (status_of(path) for path in self._files())
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
        distrusted = distrusted_in(self._runtime)
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
            raw = bytes_of(path, lambda status: distrusted.why_not(status, _MUST_NOT))
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
        why = distrusted_in(self._runtime).why_not(status, _MUST_NOT)
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
