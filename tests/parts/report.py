"""What this test session really ran on: one line per real part, under the results. Starts nothing itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_parts: dict[str, str] = {}


def note(part: str, what: str) -> None:
    """Remember that `part` was real, and which version or address it had; the last word counts."""
    _parts[part] = what


@contextmanager
def timed(part: str) -> Iterator[list[str]]:
    """Note `part` with what the block puts in the list, and the seconds that it took to get it."""
    words: list[str] = []
    start = time.monotonic()
    yield words
    note(part, f"{' '.join(words)} ({time.monotonic() - start:.1f} s to start)")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker (side_by_side.py) hands over what it noted."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["real_parts"] = _parts


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """What a worker noted; one that crashed noted nothing."""
    _parts.update(getattr(node, "workeroutput", {}).get("real_parts", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the parts, so that a log shows what was real and what was not."""
    if _parts:
        terminalreporter.section("real parts")
        for part, what in sorted(_parts.items()):
            terminalreporter.write_line(f"{part:<18} {what}")
