"""Of a corpus that was written before the patterns were read as much is hidden as was measured, and no more taken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))  # behind all others: it has a requests.py, too
from redaction import measured
from secret_lines import KINDS, is_hidden


@pytest.mark.parametrize("seed", [7, 12])
def test_what_is_secret_is_hidden_and_lines_of_every_day_are_left_alone(seed: int) -> None:
    found = measured(seed, each=25)
    assert (len(KINDS), found.lines) >= (60, 1500)
    assert found.daily >= 600
    assert found.hidden_share >= 0.99, found.shown[:5]
    assert found.touched_share <= 0.02, found.touched[:5]


def test_a_secret_is_hidden_when_no_eight_of_its_characters_are_left() -> None:
    assert is_hidden("abcdefghijkl", "it is *** now")
    assert not is_hidden("abcdefghijkl", "it is ***efghijkl")
    assert not is_hidden("abc12", "it is abc12")
