"""What this test session really ran on: one line per real part, under the results. Starts nothing itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the parts, so that a log shows what was real and what was not."""
    if _parts:
        terminalreporter.section("real parts")
        for part, what in sorted(_parts.items()):
            terminalreporter.write_line(f"{part:<18} {what}")
