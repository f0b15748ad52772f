"""What this test session really ran on, one line per real part, and what its workers did: under the results. Starts
nothing itself."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

LONGEST_FILES = 8

_parts: dict[str, str] = {}
_seconds: dict[str, Counter[str]] = {}
_processor: dict[str, float] = {}


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
    """A worker (side_by_side.py) hands over what it noted, and what it and all that it started computed."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["real_parts"] = _parts
        output["processor_seconds"] = sum(os.times()[:4])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """What a worker noted; one that crashed noted nothing."""
    said = getattr(node, "workeroutput", {})
    _parts.update(said.get("real_parts", {}))
    _processor[node.gateway.id] = said.get("processor_seconds", 0.0)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what each worker spends on each file; a run without workers needs no such sum."""
    if (node := getattr(report, "node", None)) is not None:
        spent = _seconds.setdefault(node.gateway.id, Counter())
        spent[report.nodeid.partition("::")[0]] += report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the parts, so that a log shows what was real and what was not; and which worker kept the others waiting."""
    if _parts:
        terminalreporter.section("real parts")
        for part, what in sorted(_parts.items()):
            terminalreporter.write_line(f"{part:<18} {what}")
    if _seconds:
        terminalreporter.section("seconds of each worker, and its longest files")
        for worker, spent in sorted(_seconds.items()):
            files = ", ".join(f"{file} {seconds:.0f}" for file, seconds in spent.most_common(LONGEST_FILES))
            computed = f"{_processor.get(worker, 0):.0f} of the processor"
            terminalreporter.write_line(f"{worker} {spent.total():.0f}, {computed}: {files}")
