"""When a probe checks, and what: rounds, hints, rechecks."""

from __future__ import annotations

import asyncio
import time

import pytest

from node_agent.check_schedule import CheckSchedule


def a_schedule(every_seconds: float = 60.0) -> CheckSchedule:
    return CheckSchedule(every_seconds, time.monotonic)


async def due(schedule: CheckSchedule) -> frozenset[str] | None:
    async with asyncio.timeout(10):
        return await schedule.next()


async def nothing_is_due(schedule: CheckSchedule) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await schedule.next()


async def test_it_starts_with_a_full_round_and_goes_on_in_its_rhythm() -> None:
    schedule = a_schedule(every_seconds=0.05)
    assert await due(schedule) is None
    assert await due(schedule) is None
    slow = a_schedule()
    assert await due(slow) is None
    await nothing_is_due(slow)


async def test_a_burst_of_hints_is_one_check_of_all_that_was_hinted() -> None:
    schedule = a_schedule()
    assert await due(schedule) is None
    for key in ("docker:/a", "docker:/b", "docker:/a"):
        schedule.hint(key)
    assert await due(schedule) == {"docker:/a", "docker:/b"}
    await nothing_is_due(schedule)


async def test_a_hint_that_names_nothing_is_a_full_round_which_covers_the_others() -> None:
    schedule = a_schedule()
    assert await due(schedule) is None
    schedule.recheck("docker:/a", 0.2)
    schedule.hint(None)
    assert await due(schedule) is None
    await nothing_is_due(schedule)


async def test_a_hint_comes_through_while_the_schedule_waits_for_something_later() -> None:
    schedule = a_schedule()
    assert await due(schedule) is None
    schedule.recheck("docker:/late", 30)
    waiting = asyncio.create_task(due(schedule))
    await asyncio.sleep(0)
    schedule.hint("docker:/now")
    assert await waiting == {"docker:/now"}


async def test_of_two_rechecks_the_sooner_one_counts() -> None:
    schedule = a_schedule()
    assert await due(schedule) is None
    schedule.recheck("docker:/a", 30)
    schedule.recheck("docker:/a", 0.05)
    schedule.recheck(None, 20)
    assert await due(schedule) == {"docker:/a"}
    schedule.recheck(None, 0.05)
    assert await due(schedule) is None
