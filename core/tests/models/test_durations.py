"""Spans and moments as people type them, and what is said of those that cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from silence_rig import NOW

from mesh_core.models.durations import BadTime, parse_moment, parse_span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("45m", 2700), ("2h", 7200), ("1h30m", 5400), ("3d", 259200), ("1W", 604800), ("1h 30m", 5400)],
)
def test_spans_as_people_type_them(text: str, seconds: int) -> None:
    assert parse_span(text).total_seconds() == seconds


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("2", "no unit; write 2m"),
        ("", "45m"),
        ("soon", "45m"),
        ("-2h", "45m"),
        ("0m", "nothing"),
        ("9999w", "too long"),
    ],
)
def test_a_span_that_cannot_be_read_says_how_it_is_written(text: str, word: str) -> None:
    with pytest.raises(BadTime, match=word):
        parse_span(text)


def test_moments_as_people_type_them() -> None:
    vienna = timezone(timedelta(hours=1))
    assert parse_moment("18:30", NOW, vienna) == datetime(2026, 1, 31, 17, 30, tzinfo=UTC)
    assert parse_moment("06:00", NOW, vienna) == datetime(2026, 2, 1, 5, 0, tzinfo=UTC)
    assert parse_moment("2026-02-01T12:00", NOW, vienna) == datetime(2026, 2, 1, 11, 0, tzinfo=UTC)
    assert parse_moment("2026-02-01T12:00:00Z", NOW, vienna) == datetime(2026, 2, 1, 12, 0, tzinfo=UTC)
    for text in ("25:00", "tomorrow", "", "2026-13-01", "0001-01-01", "9999-12-31"):
        with pytest.raises(BadTime):
            parse_moment(text, NOW, vienna)
