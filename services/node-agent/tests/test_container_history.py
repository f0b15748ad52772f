"""What the engine's events say about intent. Pure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node_agent.containers.container_history import ContainerHistory

ID = "c" * 64


def event(action: str, at: float, container_id: str = ID, **attributes: str) -> dict[str, Any]:
    return {"Action": action, "Actor": {"ID": container_id, "Attributes": attributes}, "timeNano": int(at * 1e9)}


def stopped(container_id: str, at: float, *, died_at: float | None = None, signal: str = "15") -> list[dict[str, Any]]:
    """A person's `docker stop` and an engine that ends say the same."""
    died_at = at + 0.1 if died_at is None else died_at
    again = [event("kill", at + 10, container_id, signal="9")] if died_at > at + 10 else []
    return [
        event("kill", at, container_id, signal=signal),
        *again,
        event("die", died_at, container_id),
        event("stop", died_at + 0.1, container_id),
    ]


def after(*events: dict[str, Any]) -> ContainerHistory:
    history = ContainerHistory()
    for one in events:
        history.apply(one)
    return history


def test_a_death_that_nobody_asked_for_counts() -> None:
    history = after(event("start", 1), event("die", 2, exitCode="1"))
    assert history.deaths_since(ID, 0) == (1, 0)
    assert not history.record(ID).stopped_by_person


def test_docker_stop_and_docker_kill_are_a_persons_doing() -> None:
    stop = after(event("start", 1), event("kill", 2, signal="15"), event("die", 12), event("stop", 12.1))
    kill = after(event("start", 1), event("kill", 2, signal="SIGKILL"), event("die", 2.1))
    for history in (stop, kill):
        assert history.record(ID).stopped_by_person
        assert history.deaths_since(ID, 0) == (0, 0)


def test_an_image_with_a_stop_signal_of_its_own_is_still_a_persons_doing() -> None:
    history = after(event("start", 1), event("kill", 2, signal="28"), event("die", 3), event("stop", 3.1))
    assert history.record(ID).stopped_by_person
    assert history.deaths_since(ID, 0) == (0, 0)


def test_a_reload_signal_is_no_wish_to_stop() -> None:
    for signal in ("1", "SIGHUP", "10", "SIGUSR1"):
        history = after(event("start", 1), event("kill", 2, signal=signal), event("die", 3))
        assert not history.record(ID).stopped_by_person


def test_a_start_wipes_the_intent() -> None:
    history = after(
        event("kill", 1, signal="15"), event("die", 2), event("stop", 2.1), event("start", 3), event("die", 4)
    )
    assert not history.record(ID).stopped_by_person


def test_an_oom_kill_is_remembered_with_the_death() -> None:
    history = after(event("start", 1), event("oom", 2), event("die", 2.1), event("start", 3), event("die", 4))
    assert history.deaths_since(ID, 0) == (2, 1)
    assert history.deaths_since(ID, 3) == (1, 0)


@pytest.mark.parametrize(("oom_at", "counted"), [(1.9, True), (2.0, True), (4.0, True), (8.0, False)])
def test_an_oom_kill_that_the_engine_hears_of_after_the_death_is_that_deaths(oom_at: float, counted: bool) -> None:
    events = sorted([event("start", 1), event("die", 2), event("oom", oom_at)], key=lambda one: one["timeNano"])
    history = after(*events)
    assert (history.deaths_since(ID, 0), history.record(ID).oom_killed) == ((1, int(counted)), counted)
    history.apply(event("start", 9))
    assert not history.record(ID).oom_killed


def test_an_oom_kill_inside_a_container_that_a_person_stops_is_no_death() -> None:
    history = after(event("oom", 1), event("kill", 2, signal="15"), event("die", 3), event("stop", 3.1))
    assert (history.deaths_since(ID, 0), history.record(ID).oom_killed) == ((0, 0), False)


def test_what_an_engine_stops_at_its_own_end_no_person_stopped() -> None:
    history = after(
        *stopped("before", 50),
        *stopped("quick", 100),
        *stopped("deaf", 100.4, died_at=110.5),
        *stopped("own signal", 100.2, died_at=110.3, signal="28"),
    )
    ran = history.ran_until(111)
    assert ran == {"quick", "deaf", "own signal"}
    history.ended_with_engine(ran)
    assert history.record("before").stopped_by_person
    for container_id in ("quick", "deaf", "own signal"):
        assert history.record(container_id).ended_with_engine
        assert not history.record(container_id).stopped_by_person


def test_a_stop_long_before_the_engines_end_is_a_persons() -> None:
    history = after(*stopped("web", 100))
    assert history.ran_until(130) == frozenset()
    history.apply(event("start", 120, "db"))
    assert history.ran_until(130) == {"db"}, "of an engine that tells nobody of its end"


def test_what_was_started_again_did_not_end_with_the_engine() -> None:
    history = after(*stopped("web", 100), *stopped("db", 100))
    history.ended_with_engine(history.ran_until(101))
    history.apply(event("start", 120, "web"))
    assert not history.record("web").ended_with_engine
    assert history.record("db").ended_with_engine


def test_a_later_agent_knows_who_ran_who_crashed_and_what_ended_with_the_engine() -> None:
    history = after(
        event("start", 1, "web"),
        event("start", 1, "gone"),
        event("die", 2, "gone", exitCode="3"),
        event("start", 1, "job"),
        event("die", 3, "job", exitCode="0"),
        *stopped("last", 200),
    )
    history.ended_with_engine(["db"])
    dumped = json.loads(json.dumps(history.dump(205)))
    later = ContainerHistory()
    assert later.load(dumped) == {"web"}, "a person stopped the last: nobody asked the others"
    history.apply(event("kill", 201, "web", signal="15"))
    assert ContainerHistory().load(history.dump(205)) == {"web", "last"}, (
        "an engine stops all, and we end in the course of that"
    )
    assert later.record("db").ended_with_engine
    assert list(later.record("gone").crashes) == [2]
    assert not later.record("job").crashes, "what ends with 0 is no crash"
    assert later.load({}) == frozenset()


def test_a_persons_stop_ends_the_count_of_crashes() -> None:
    history = after(event("die", 2, exitCode="1"), event("die", 400, exitCode="1"), *stopped(ID, 500))
    assert not history.record(ID).crashes


def test_a_replayed_event_counts_once() -> None:
    history = after(event("die", 2))
    assert history.apply(event("die", 2)) is None
    assert history.deaths_since(ID, 0) == (1, 0)


def test_a_clock_that_jumps_back_makes_nobody_deaf() -> None:
    history = after(event("start", 9000), event("kill", 5000, signal="15"), event("die", 5001), event("stop", 5001.1))
    assert history.record(ID).stopped_by_person
    assert history.last_event == 5001.1
    for number in range(2000):
        history.apply(event("start", number))
    assert len(history._seen) <= 512


def test_nonsense_is_passed_over() -> None:
    assert after().apply({"Action": "die"}) is None
    assert after().apply({"Action": "die", "Actor": {"ID": "x"}, "timeNano": "y"}) is None


def test_memory_of_containers_is_bounded() -> None:
    history = ContainerHistory()
    for number in range(2000):
        history.record(str(number))
    assert len(history._records) <= 512
    history.keep_only({"1999"})
    assert len(history._records) == 1
    history.apply(event("start", 1))
    history.apply(event("destroy", 2))
    assert ID not in history._records
