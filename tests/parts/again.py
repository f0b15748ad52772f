"""A test that failed is run once more, alone, and the report says what came of it. The run stays red all the same.

`--again`, as CI runs it. What passes alone is flaky: its first failure is shown again, and it has to be mended; until
then it stands in tests/flaky.txt, and tests/test_repository.py wants that empty. What a failed test left open is closed
in its own name: the warnings about it would fail the next test of that process.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest

ALONE_SECONDS = 600
MOST = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("mendmesh").addoption("--again", action="store_true", help="run what failed once more, alone")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    failed = item.session.testsfailed
    result = yield
    if item.session.testsfailed > failed:
        close_what_was_left_open()
    return result


def close_what_was_left_open() -> None:
    """By a test that did not come to its end: its frames hold sockets and tasks until somebody lets go of them."""
    sys.last_type = sys.last_value = sys.last_traceback = None
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
    finally:
        sys.unraisablehook = hook


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--again"):
        return
    first: dict[str, pytest.TestReport] = {}
    for report in terminalreporter.getreports("failed") + terminalreporter.getreports("error"):
        if isinstance(report, pytest.TestReport):
            first.setdefault(report.nodeid, report)
    if first:
        terminalreporter.section("what failed, once more and alone")
    if len(first) > MOST:
        terminalreporter.write_line(f"{len(first)} tests failed: too many to be flaky")
        return
    for nodeid, report in first.items():
        if _passes_alone(config, nodeid):
            terminalreporter.write_line(f"flaky: passes alone: {nodeid}. What it said the first time:", red=True)
            terminalreporter.write_line(report.longreprtext)
        else:
            terminalreporter.write_line(f"fails alone too: {nodeid}", red=True)


def _passes_alone(config: pytest.Config, nodeid: str) -> bool:
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", nodeid]
    command += [option for option in ("--soak", "--soak-too") if config.getoption(option)]
    command += [f"--shake={seed}"] if (seed := config.getoption("--shake", None)) else []
    try:
        done = subprocess.run(
            command, cwd=config.rootpath, env=environment, capture_output=True, timeout=ALONE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
