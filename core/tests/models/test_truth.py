"""Truth values as other programs send them."""

from __future__ import annotations

import pytest

from mesh_core.models.truth import truth_in


@pytest.mark.parametrize("value", [True, "true", " True", "YES", "on", "1", 1, 1.0, "y", "T", "1.0"])
def test_yes(value: object) -> None:
    assert truth_in(value) is True


@pytest.mark.parametrize(
    "value", [False, "false", "FALSE ", "no", "off", "0", 0, 0.0, "", None, "null", "N", "f", "0.0", "~"]
)
def test_no(value: object) -> None:
    assert truth_in(value) is False


@pytest.mark.parametrize("value", ["perhaps", "firing", 7, -1, float("nan"), [], {}, [True], b"true"])
def test_neither(value: object) -> None:
    assert truth_in(value) is None
