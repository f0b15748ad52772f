"""Whole numbers as other programs send them."""

from __future__ import annotations

import pytest

from mesh_core.models.whole_numbers import whole_in


@pytest.mark.parametrize(
    ("value", "number"),
    [(137, 137), ("137", 137), (" 0 ", 0), ("-1", -1), (401.0, 401), ("401.0", 401), (10**30, 10**30)],
)
def test_a_number_is_read_as_a_value_and_as_text(value: object, number: int) -> None:
    assert whole_in(value) == number


@pytest.mark.parametrize(
    "value", [True, None, "", "1.5", 1.5, "x1", "1e3", float("nan"), float("inf"), "9" * 30, [1], b"1", "１"]
)
def test_what_is_no_whole_number_is_none(value: object) -> None:
    assert whole_in(value) is None
