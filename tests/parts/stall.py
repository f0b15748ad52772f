"""`--stall`: each test stands still for some seconds at one of its lines, as it does on a machine that stands still.

Which line is drawn from the seed and the test's name. What fails relies on the next line coming soon: on a bound of
the product that runs out meanwhile, or on what is over by then. Processes of their own go on meanwhile.
"""

from __future__ import annotations

import random
import secrets
import sys
import time
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

import pytest

STALL_SECONDS = 3.5  # more than many bounds of the product, less than the patience of a test


def pytest_addoption(parser: pytest.Parser) -> None:
    words = "let each test stand still at one of its lines; the same SEED draws the same ones"
    parser.getgroup("mendmesh").addoption("--stall", nargs="?", const="", metavar="SEED", help=words)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.option.stall is not None:
        config.option.stall = config.option.stall or str(secrets.randbelow(10_000))  # workers get it with the options


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    seed = item.config.option.stall
    if seed is None:
        return (yield)
    stall, before = Stall(item, f"{seed} {item.nodeid}"), sys.gettrace()
    sys.settrace(stall.entered)
    try:
        return (yield)
    finally:
        sys.settrace(before)
        item.add_report_section("call", "stall", f"it stood still at line {stall.line}; again: --stall={seed}")


class Stall:
    """Of one test, whose own function is known by its file and name, however it is wrapped."""

    def __init__(self, item: pytest.Item, drawn: str):
        self._where = (str(item.path), getattr(item, "originalname", item.name))
        self._drawn = drawn
        self._waits = True
        self.line = 0

    def entered(self, frame: FrameType, event: str, argument: Any) -> Any:
        """As sys.settrace wants it; it follows the lines of that function alone."""
        code = frame.f_code
        if (code.co_filename, code.co_name) != self._where:
            return None
        self.line = self.line or _one_line_of(code, self._drawn)
        return self._line

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self._waits and event == "line" and frame.f_lineno == self.line:
            self._waits = False
            time.sleep(STALL_SECONDS)
        return self._line


def _one_line_of(code: CodeType, drawn: str) -> int:
    lines = sorted({line for _, _, line in code.co_lines() if line and line > code.co_firstlineno})
    return random.Random(drawn).choice(lines or [code.co_firstlineno])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.option.stall is not None:
        terminalreporter.write_line(f"each stood still once; the same again: --stall={config.option.stall}")
