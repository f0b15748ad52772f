"""One loop asks all who saw a decision: when it is woken, again soon where something is not ready, each by itself."""

from __future__ import annotations

import asyncio

import pytest

from mesh_core.messaging.bus import BusDown
from mesh_core.testing import wait_for
from observer.audit import follower as room
from observer.audit.follower import Follower


class Said:
    """A source that answers as it is told."""

    def __init__(self, *answers: bool | Exception):
        self.answers = list(answers)
        self.looks = 0

    async def look(self) -> bool:
        self.looks += 1
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_source_that_fails_leaves_the_others_alone_and_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(room, "LOOK_SECONDS", 3600.0)
    down, full, late, well = Said(BusDown("away")), Said(OSError(28, "full")), Said(False), Said()
    follower, stop = Follower({"a": down, "b": full, "c": late, "d": well}), asyncio.Event()
    running = asyncio.create_task(follower.run(stop))
    await wait_for(lambda: well.looks == 2, 30, "the second round, of which all is well")
    assert [one.looks for one in (down, full, late)] == [2, 2, 2]
    stop.set()
    await asyncio.wait_for(running, 60)
    assert well.looks == 3  # what was done while it stopped


async def test_at_rest_it_asks_nobody_until_it_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOOK_SECONDS", 3600.0)
    source, stop = Said(), asyncio.Event()
    follower = Follower({"a": source})
    running = asyncio.create_task(follower.run(stop))
    await wait_for(lambda: source.looks == 1, 30, "the first look")
    for _ in range(100):
        follower.wake()
    await wait_for(lambda: source.looks == 2, 30, "the look it was woken for")
    await asyncio.sleep(0.2)  # nothing happens, which no condition shows
    assert source.looks == 2
    stop.set()
    await asyncio.wait_for(running, 60)


async def test_what_comes_while_it_looks_is_looked_at_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOOK_SECONDS", 3600.0)
    stop = asyncio.Event()

    class Busy(Said):
        async def look(self) -> bool:
            if self.looks == 0:
                follower.wake()
            return await super().look()

    source = Busy()
    follower = Follower({"a": source})
    running = asyncio.create_task(follower.run(stop))
    await wait_for(lambda: source.looks == 2, 30, "the look for what came meanwhile")
    stop.set()
    await asyncio.wait_for(running, 60)
