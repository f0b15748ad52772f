"""Order inside a pair, freedom between pairs."""

from __future__ import annotations

import asyncio

import pytest

from mesh_core.testing import wait_for
from planner_agent.intake.keyed_queue import KeyedQueue


async def test_one_pair_keeps_its_order_and_others_are_not_held_up() -> None:
    queue = KeyedQueue(parallel=2)
    slow_may_end = asyncio.Event()
    done: list[str] = []

    async def slow() -> None:
        await slow_may_end.wait()
        done.append("a1")

    async def quick(name: str) -> None:
        done.append(name)

    queue.submit("a", slow)
    queue.submit("a", lambda: quick("a2"))
    queue.submit("b", lambda: quick("b1"))
    await wait_for(lambda: "b1" in done, 10, "the other pair goes ahead")
    assert done == ["b1"]
    assert "a" in queue.busy_keys()
    slow_may_end.set()
    await wait_for(lambda: "a" not in queue.busy_keys(), 10, "the slow job ends")
    assert done == ["b1", "a1", "a2"]


async def test_what_runs_alone_has_nothing_beside_it_and_holds_nobody_up_for_ever() -> None:
    queue = KeyedQueue(parallel=3)
    running, done = 0, []

    async def job(name: str, *, alone: bool) -> None:
        nonlocal running
        running += 1
        assert running == 1 if alone else running <= 3
        await asyncio.sleep(0.001)
        running -= 1
        done.append(name)

    for number in range(60):
        lonely = number % 3 == 0
        queue.submit(f"pair {number % 20}", lambda n=number, a=lonely: job(str(n), alone=a), alone=lonely)  # type: ignore[misc]
    await wait_for(lambda: len(done) == 60, 10, "all are done")
    queue.check()


async def test_a_job_that_raises_is_reported_and_not_swallowed() -> None:
    failed = asyncio.Event()
    queue = KeyedQueue(parallel=1, on_failure=failed.set)

    async def broken() -> None:
        raise RuntimeError("a bug")

    queue.submit("a", broken)
    await wait_for(failed.is_set, 10, "the job ends")
    with pytest.raises(RuntimeError, match="a bug"):
        queue.check()


async def test_cancel_leaves_nothing_running() -> None:
    queue = KeyedQueue(parallel=4)
    began, ended = asyncio.Event(), False

    async def endless() -> None:
        nonlocal ended
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    queue.submit("a", endless)
    await asyncio.wait_for(began.wait(), 60)
    await queue.cancel()
    assert ended
    assert "a" not in queue.busy_keys()


async def test_a_job_that_loses_a_cancellation_is_told_again() -> None:
    queue = KeyedQueue(parallel=1)
    began, lost = asyncio.Event(), asyncio.Event()

    async def losing() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:  # as redis-py does about once in twenty times
            lost.set()
        await asyncio.Event().wait()

    queue.submit("a", losing)
    await asyncio.wait_for(began.wait(), 60)
    await asyncio.wait_for(queue.cancel(), 60)
    assert lost.is_set()
    assert "a" not in queue.busy_keys()
