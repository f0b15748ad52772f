"""The investigation itself: a look that hangs, fails or takes long holds up no event and no agent."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from investigation_rig import NO_ENGINE, patient, result

from mesh_core.testing import wait_for
from node_agent.containers.image_history import ImageHistory
from node_agent.investigation.investigator import Investigator
from node_agent.investigation.options import InvestigationOptions
from node_agent.investigation.question import Question, Room
from node_agent.investigation.table import rooms


def investigator(looks: dict[str, Callable[[Question], dict[str, Any]]], seconds: float = 60) -> Investigator:
    made = [Room(name, lambda asked: True, look) for name, look in looks.items()]
    return Investigator(patient(seconds), made)


async def test_a_look_that_never_ends_holds_up_nothing_and_no_other_begins_beside_it() -> None:
    released, looks = threading.Event(), []

    def hang(asked: Question) -> dict[str, Any]:
        looks.append(asked.type)
        released.wait()
        return {"late": 1}

    asked = investigator({"first": lambda asked: {"a": 1}, "hangs": hang}, seconds=2)
    try:
        found = (await asked.look(result()))["investigation"]
        assert found == {"first": {"a": 1}, "took_ms": found["took_ms"]}
        assert await asked.look(result()) == {}
        assert len(looks) == 1
    finally:
        released.set()
    await wait_for(lambda: not asked._thread.looks, 30, "the look is back")
    found = (await asked.look(result()))["investigation"]
    assert found["hangs"] == {"late": 1}
    assert len(looks) == 2


async def test_a_room_that_fails_takes_nothing_from_the_others() -> None:
    def broken(asked: Question) -> dict[str, Any]:
        raise RuntimeError("no such thing")

    rooms = {"broken": broken, "none": lambda asked: {}, "good": lambda asked: {"a": 1}}
    found = (await investigator(rooms).look(result()))["investigation"]
    assert found.keys() == {"good", "took_ms"}
    assert await investigator({"broken": broken}).look(result()) == {}


async def test_two_events_at_once_are_looked_into_in_turn() -> None:
    inside, most = 0, 0

    def count(asked: Question) -> dict[str, Any]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        inside -= 1
        return {"a": 1}

    asked = investigator({"count": count})
    found = await asyncio.gather(*(asked.look(result()) for _ in range(5)))
    assert all(each["investigation"]["count"] for each in found)
    assert most == 1


async def test_where_much_breaks_at_once_looking_ends_and_events_go_on() -> None:
    asked = investigator({"some": lambda asked: {"a": 1}})
    asked._left = 0.0
    asked._counted_at = time.monotonic() + 3600
    assert await asked.look(result()) == {}


async def test_a_host_that_allows_no_more_threads_gets_its_event_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    asked = investigator({"some": lambda asked: {"a": 1}})
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refused)
        assert await asked.look(result()) == {}
    assert (await asked.look(result()))["investigation"]["some"] == {"a": 1}


async def test_switched_off_nothing_is_looked_at() -> None:
    assert (
        await Investigator(InvestigationOptions(enabled=False), rooms(NO_ENGINE, ImageHistory())).look(
            result(mount="/")
        )
        == {}
    )


def test_an_agent_can_end_while_a_look_hangs() -> None:
    """What hangs in the kernel hangs on; nobody waits for it at the end either."""
    code = """
import asyncio, threading
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.investigation.investigator import Investigator
from node_agent.investigation.options import InvestigationOptions
from node_agent.investigation.question import Room

hangs = Room("hangs", lambda asked: True, lambda asked: threading.Event().wait())
result = CheckResult("x", None, Condition.UNHEALTHY, ConfirmationRule(), "x")
print(asyncio.run(Investigator(InvestigationOptions(seconds=0.1), [hangs]).look(result)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.splitlines()[-1] == "{}"
