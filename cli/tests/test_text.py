"""What mend prints: plain text of one line, ages at a glance, no colours where nobody sees them."""

from __future__ import annotations

import pytest
from mend_rig import Mend

from mend.output.text import plain
from mend.output.times import age


@pytest.mark.parametrize("words", [("pending",), ("status",), ("history",), ("--help",), ("show", "--help")])
def test_what_is_piped_has_no_colours_and_no_color_is_obeyed(mend: Mend, words: tuple[str, ...]) -> None:
    mend.propose()
    assert "\x1b" not in mend.real(*words).stdout
    assert "\x1b" not in mend.real(*words, NO_COLOR="1").stdout


def test_ages_are_read_at_a_glance() -> None:
    assert [age(s) for s in (0, 59.9, 61, 3700, 90000, -5)] == ["0s", "59s", "1m01s", "1h01m", "1d01h", "-5s"]


def test_plain_text_is_one_visible_line() -> None:
    assert plain("a\nb\tc\x1b[0m\u202ed") == "a b c\N{REPLACEMENT CHARACTER}[0m\N{REPLACEMENT CHARACTER}d"
    assert plain("a" * 20, 5) == "aaaa\N{HORIZONTAL ELLIPSIS}"
