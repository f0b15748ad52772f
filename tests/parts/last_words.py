"""What the services of a test that failed said last, under its failure: each file of the session's temporary folders
that is called `log` or `NAME.log` and was written to since that test began. A test has to do nothing for it.

What a process says on the stderr of the test is shown by pytest itself.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest

LAST_LINES = 40
LAST_BYTES = 16 * 1024  # of such lines more than 40
MOST_FILES = 12  # a run of a playbook has a handful beside those of the services
TICK_SECONDS = 0.01  # a file was written to at the last tick of the kernel's clock, not at that moment
BEGAN = pytest.StashKey[float]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Asked before the fixtures end what they started."""
    began = item.stash.setdefault(BEGAN, call.start - TICK_SECONDS)
    report = yield
    if report.failed:
        folder = item.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        for path in written_since(folder, began):
            report.sections.append((f"last words in {path.relative_to(folder)}", end_of(path)))
    return report


def written_since(folder: Path, moment: float) -> list[Path]:
    """Those last written to, in the order of their names."""
    found: list[tuple[float, Path]] = []
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names if name == "log" or name.endswith(".log")):
            with suppress(OSError):  # it may be gone meanwhile
                if (written := path.lstat()).st_mtime >= moment and written.st_size:
                    found.append((written.st_mtime, path))
    return sorted(path for _, path in sorted(found)[-MOST_FILES:])


def end_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-LAST_LINES:])
    except OSError as error:
        return str(error)
