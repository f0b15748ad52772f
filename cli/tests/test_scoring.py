"""What a decision is worth against its label."""

from __future__ import annotations

from typing import Any

import pytest

from mend.evaluation.scoring import Decided, is_wrong_target


def row(service: str) -> dict[str, Any]:
    return {"targets": [{"node": "barn", "service": service}]}


@pytest.mark.parametrize(("meant", "named"), [("tally", "tally.service"), ("tally.service", "tally")])
def test_a_unit_is_the_same_with_its_suffix_and_without(meant: str, named: str) -> None:
    assert not is_wrong_target(row(meant), Decided("restart", "barn", named))


@pytest.mark.parametrize(
    ("node", "named"), [("barn", "till"), ("barn", "tally.timer"), ("loft", "tally"), ("barn", "")]
)
def test_anything_else_is_another_target(node: str, named: str) -> None:
    assert is_wrong_target(row("tally.service"), Decided("restart", node, named))
    assert not is_wrong_target(row("tally.service"), Decided("notify", node, named))
