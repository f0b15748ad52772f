"""Spans and moments as people type them, and what is said of those that cannot be read."""

from __future__ import annotations

import time
from collections.abc import Iterator
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


@pytest.fixture
def _in_a_zone_with_summer_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_in_a_zone_with_summer_time")
@pytest.mark.parametrize(
    ("now", "text", "wanted"),
    [
        ("2027-03-20T12:00", "2027-04-02T06:00", "2027-04-02T04:00"),  # summer time by then
        ("2027-03-20T12:00", "2027-03-27", "2027-03-26T23:00"),
        ("2027-10-20T12:00", "2027-11-02T06:00", "2027-11-02T05:00"),
        ("2027-03-27T20:00", "08:00", "2027-03-28T06:00"),  # put on meanwhile
        ("2027-10-30T20:00", "08:00", "2027-10-31T07:00"),  # put back meanwhile
        ("2027-10-31T00:40", "02:30", "2027-10-31T01:30"),  # 02:40 for the first time: the other 02:30
        ("2027-10-31T01:40", "02:30", "2027-11-01T01:30"),  # for the second time
    ],
)
def test_a_moment_beyond_a_change_of_the_clocks_is_as_late_as_clocks_will_show_then(
    now: str, text: str, wanted: str
) -> None:
    now_utc, wanted_utc = (datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (now, wanted))
    assert parse_moment(text, now_utc) == wanted_utc
