"""Rows that differ in nothing but the row are one test, which asks all of them and shows each that fails.

A test costs some 5 ms of processor beside what it does, and half of all tests were rows of functions that want nothing
else. Whoever picks rows (`test_x[row]`, `-k`) gets a test for each, as pytest makes them.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import pytest

Row = dict[str, Any]
OF_A_ROW = type(pytest.param())


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: Any) -> list[pytest.Item] | None:
    is_test = name.startswith("test") and inspect.isfunction(obj) and isinstance(collector, pytest.Module)
    if not is_test or _rows_are_picked(collector.config):
        return None
    rows = rows_of(obj)
    if not rows:  # of none at all pytest makes a test that is skipped
        return None
    item = pytest.Function.from_parent(collector, name=name, callobj=asked_together(obj, rows))
    return None if _is_more_than_its_rows(item) else [item]


def _rows_are_picked(config: pytest.Config) -> bool:
    named = (*config.args, *(config.option.deselect or ()))
    return bool(config.option.keyword) or any("[" in one for one in named)


def _is_more_than_its_rows(item: pytest.Function) -> bool:
    """A mark or its own module gives it a fixture, which each row needs anew; or the rows may fail, each by itself."""
    everybodys = {*item.session._fixturemanager._getautousenames(item.session)}
    return bool({*item._fixtureinfo.initialnames} - everybodys) or item.get_closest_marker("xfail") is not None


def rows_of(test: Callable[..., object]) -> list[Row] | None:
    """What a test is asked with; None where that is not all there is to it: it asks for a fixture, is awaited, draws
    examples, or a row has a mark of its own."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    if len(marks) != 1 or len(marks[0].args) != 2 or marks[0].kwargs.keys() - {"ids"}:
        return None
    said, values = marks[0].args
    names = said.replace(" ", "").split(",") if isinstance(said, str) else [*said]
    if inspect.signature(test).parameters.keys() != {*names} or iter(values) is values:
        return None
    if inspect.iscoroutinefunction(test) or hasattr(test, "is_hypothesis_test"):
        return None
    bare = isinstance(said, str) and len(names) == 1  # `"a"` is given what stands there, `["a"]` the first of it
    told = [OF_A_ROW.extract_from(value, force_tuple=bare) for value in values]
    return None if any(row.marks for row in told) else [dict(zip(names, row.values, strict=True)) for row in told]


def asked_together(test: Callable[..., object], rows: Sequence[Row]) -> Callable[[], None]:
    """The test that asks all of them. Of several that fail each has its traceback, and the row below it."""

    @wraps(test)
    def asked() -> None:
        failed, skipped = [], []
        is_bounded = _seconds_left() > 0
        for row in rows:
            try:
                test(**row)
            except pytest.skip.Exception as skip:
                skipped.append(skip)
            except (KeyboardInterrupt, pytest.exit.Exception):
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a test may end in; the other rows are asked as well
                error.add_note(f"with {row!r}")
                failed.append(error)
                if is_bounded and not _seconds_left():
                    break  # that was the test's bound (pytest-timeout), and nothing would end the next row
        if len(skipped) == len(rows):
            raise skipped[0]
        if len(failed) > 1:
            raise BaseExceptionGroup(f"{len(failed)} of {len(rows)} rows failed", failed)
        if failed:
            raise failed[0]

    asked.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
    asked.pytestmark = [mark for mark in asked.pytestmark if mark.name != "parametrize"]  # type: ignore[attr-defined]
    return asked


def _seconds_left() -> float:
    """Of the test's bound; 0.0 without one."""
    return signal.getitimer(signal.ITIMER_REAL)[0]
