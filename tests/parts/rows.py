"""Rows that differ in nothing but the row are one test, which asks all of them and shows each that fails.

A test costs some 5 ms of processor beside what it does, and half of all tests were rows of functions that want nothing
else. Whoever picks rows (`test_x[row]`, `-k`) gets a test for each, as pytest makes them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import pytest

Row = dict[str, Any]
OF_A_ROW = type(pytest.param())


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: Any) -> list[pytest.Item] | None:
    picked = collector.config.option.keyword or any("[" in argument for argument in collector.config.args)
    if picked or not (name.startswith("test") and inspect.isfunction(obj) and isinstance(collector, pytest.Module)):
        return None
    rows = rows_of(obj)
    return rows and [pytest.Function.from_parent(collector, name=name, callobj=asked_together(obj, rows))]


def rows_of(test: Callable[..., object]) -> list[Row] | None:
    """What a test is asked with; None where that is not all there is to it: it has a fixture, is awaited, draws
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
    if any(isinstance(value, OF_A_ROW) and value.marks for value in values):
        return None
    told = [value.values if isinstance(value, OF_A_ROW) else value if len(names) > 1 else (value,) for value in values]
    return [dict(zip(names, row, strict=True)) for row in told]


def asked_together(test: Callable[..., object], rows: Sequence[Row]) -> Callable[[], None]:
    """The test that asks all of them. Of several that fail each has its traceback, and the row below it."""

    @wraps(test)
    def asked() -> None:
        failed, skipped = [], []
        for row in rows:
            try:
                test(**row)
            except pytest.skip.Exception as skip:
                skipped.append(skip)
            except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - the other rows are asked as well
                error.add_note(f"with {row!r}")
                failed.append(error)
        if len(skipped) == len(rows):
            raise skipped[0]
        if len(failed) > 1:
            raise BaseExceptionGroup(f"{len(failed)} of {len(rows)} rows failed", failed)
        if failed:
            raise failed[0]

    asked.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
    asked.pytestmark = [mark for mark in asked.pytestmark if mark.name != "parametrize"]  # type: ignore[attr-defined]
    return asked
