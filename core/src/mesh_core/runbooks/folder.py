"""A person's own runbooks: config/runbooks/*.md beside the shipped ones, read again when one changed.

One bad file is refused alone; the rest is in use. What a service's user could have written is refused, too: a runbook
may add to what is offered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mesh_core.runbooks.index import RunbookIndex
from mesh_core.runbooks.markdown_file import MAX_BYTES, BadRunbook, read_runbook
from mesh_core.runbooks.runbook import Runbook
from mesh_core.runbooks.shipped import shipped_index, shipped_runbooks
from mesh_core.storage.distrusted import Distrusted, distrusted_in, status_of
from mesh_core.storage.file_stamp import WhenChanged, stamp_of
from mesh_core.storage.files import read_regular
from mesh_core.storage.listing import entries

MAX_FILES = 500  # that are read
MAX_ENTRIES = 5000  # that are even listed
_MUST_NOT = "say what helps"  # a service, whose word would widen its own choice


class RunbookFolder:
    """Of one runtime folder. `choices`: what a runbook may say of what helps, by the remedies of now. `complain` hears
    (file, sentence) of each that cannot be used, when it was read anew."""

    def __init__(
        self,
        runtime: Path,
        choices: Callable[[], Sequence[str]],
        complain: Callable[[Path, str], object] = lambda file, sentence: None,
    ):
        self._choices = choices
        self._complain = complain
        self._runtime = runtime
        self.folder = runtime / "config" / "runbooks"
        self.refused: dict[str, str] = {}  # a file's name -> why, as of the last look
        self._index = WhenChanged(
            self._read, lambda: (self._choices(), stamp_of(self.folder), distrusted_in(runtime), self._stamps())
        )

    def index(self) -> RunbookIndex:
        """The runbooks of now, the very same while nothing changed. Blocks."""
        return self._index.value()

    def _read(self) -> RunbookIndex:
        own: list[Runbook] = []
        self.refused = {}
        distrusted = distrusted_in(self._runtime)
        folder = status_of(self.folder)
        if folder and (why := distrusted.why_not(folder, _MUST_NOT)):
            self.refused[self.folder.name] = f"{self.folder}: {why}"
        names = [] if self.refused else self._names()
        for name in names[:MAX_FILES]:
            try:
                own.append(self._runbook(self.folder / name, distrusted))
            except BadRunbook as error:
                self.refused[name] = str(error)
        if len(names) > MAX_FILES:
            said = f"it holds {len(names)} files, and only the first {MAX_FILES} are read; move some away"
            self.refused[self.folder.name] = f"{self.folder}: {said}"
        for name, why in self.refused.items():
            self._complain(self.folder / name, why)
        return RunbookIndex([*own, *shipped_runbooks()]) if own else shipped_index()

    def _runbook(self, path: Path, distrusted: Distrusted) -> Runbook:
        status = status_of(path)
        if status and (why := distrusted.why_not(status, _MUST_NOT)):
            raise BadRunbook(f"{path.name}: {why}")
        raw = read_regular(path, MAX_BYTES)
        if raw is None:
            raise BadRunbook(f"{path.name}: it is no readable file of at most {MAX_BYTES} bytes; no links, no folders")
        return read_runbook(path.name, raw, self._choices())

    def _names(self) -> list[str]:
        """Not what an editor keeps beside a file while it writes."""
        try:
            found = (entry.name for entry in entries(self.folder, limit=MAX_ENTRIES))
            return sorted(name for name in found if not name.startswith(".") and not name.endswith("~"))
        except OSError:
            return []

    def _stamps(self) -> object:
        return tuple((name, stamp_of(self.folder / name)) for name in self._names()[:MAX_FILES])
