"""A slow loop is one at any rate, and three mishaps in a week are none. Pure; seconds."""

from __future__ import annotations

import json

import pytest

from node_agent.checks.crash_rhythm import CRASHES_KEPT, DAY_SECONDS, RestartCounts, loop_seconds_left

NOW = 1_000_000.0


def every(seconds: float, count: int = 3, last: float = NOW - 1) -> list[float]:
    return [last - seconds * back for back in reversed(range(count))]


@pytest.mark.parametrize("period", [301, 3600, 7200, DAY_SECONDS, 2.5 * DAY_SECONDS])
def test_three_crashes_at_any_rate_are_a_loop_until_it_outlives_it_twice(period: float) -> None:
    assert loop_seconds_left(every(period), 3, NOW) == pytest.approx(2 * period - 1)
    assert loop_seconds_left(every(period), 3, NOW + 2 * period) == 0
    assert loop_seconds_left(every(period, count=2), 3, NOW) == 0


def test_three_mishaps_without_a_rhythm_are_no_loop_unless_they_fall_on_one_day() -> None:
    assert loop_seconds_left([NOW - 6 * DAY_SECONDS, NOW - DAY_SECONDS, NOW - 10], 3, NOW) == 0
    assert loop_seconds_left([NOW - 50_000, NOW - 3000, NOW - 10], 3, NOW) > 0
    assert loop_seconds_left(every(DAY_SECONDS, last=NOW - 20 * DAY_SECONDS), 3, NOW) == 0


def test_counts_become_times() -> None:
    counts = RestartCounts({})
    for number in range(1, 4):
        times = counts.seen("slow.service", number, NOW + 3600 * number)
    assert times == (NOW + 3600, NOW + 7200, NOW + 10_800)
    assert counts.seen("slow.service", 3, NOW + 10_900) == times, "the same count is no new crash"
    assert counts.seen("slow.service", 1, NOW + 11_000) == (NOW + 11_000,), "somebody started it: counted anew"
    assert counts.seen("slow.service", 0, NOW + 12_000) == ()
    assert counts.dump() == {}


def test_what_happened_while_the_agent_was_away_is_spread_over_that_time() -> None:
    counts = RestartCounts({})
    counts.seen("slow.service", 1, NOW)
    later = RestartCounts(json.loads(json.dumps(counts.dump())))
    assert later.seen("slow.service", 4, NOW + 900) == (NOW, NOW + 300, NOW + 600, NOW + 900)


def test_an_old_count_is_one_crash_and_an_end_that_was_well_is_none() -> None:
    counts = RestartCounts({"odd": "nonsense", "odder": [1, "x"], "empty": []})
    assert counts.seen("old.service", 40, NOW) == (NOW,)
    assert counts.seen("job.service", 1, NOW, ended_well=True) == ()
    assert counts.seen("job.service", 2, NOW + 300, ended_well=True) == ()
    for number in range(3, 40):
        times = counts.seen("job.service", number, NOW + 300 * number)
    assert len(times) == CRASHES_KEPT
