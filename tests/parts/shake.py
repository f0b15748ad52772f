"""`--shake`: the same tests on a machine that is slow wherever it may be, so that what depends on luck shows.

For each test the product's own waits are drawn from the seed, in the test's process and in those that it starts
(shaken/). What fails asserts right after an effect of another task, thread or process, or the product does.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SHAKEN = Path(__file__).with_name("shaken")


def pytest_addoption(parser: pytest.Parser) -> None:
    words = "make timing hostile; the same SEED draws the same waits"
    parser.getgroup("mendmesh").addoption("--shake", nargs="?", const="", metavar="SEED", help=words)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.option.shake is None:
        return
    config.option.shake = config.option.shake or str(secrets.randbelow(10_000))  # workers get it with the options
    sys.path.append(str(SHAKEN))
    import hostile_timing

    hostile_timing.shake(config.option.shake, main_waits=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if item.config.option.shake is None:
        return (yield)
    import hostile_timing

    drawn = f"{item.config.option.shake} {item.nodeid}"
    hostile_timing.begin(drawn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEND_SHAKE", drawn)
        patch.setenv("PYTHONPATH", str(SHAKEN), prepend=os.pathsep)
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.option.shake is not None:
        terminalreporter.write_line(f"shaken; the same again: --shake={config.option.shake}")
