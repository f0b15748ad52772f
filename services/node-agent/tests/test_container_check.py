"""What one look at a container says. Pure: the engine's answers as it gives them, the clock as a number."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Any

import pytest

from mesh_core.models.events import HealthEvent
from mesh_core.policy.event_facts.facts import Fact, facts_for
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.containers.container_check import ContainerCheck, state_in_words
from node_agent.containers.container_history import ContainerRecord
from node_agent.containers.container_identity import Identity

NOW = 1_000_000.0
WEB = Identity("docker:/web", "web", "web")


def at(seconds_ago: float) -> str:
    return datetime.fromtimestamp(NOW - seconds_ago, UTC).isoformat().replace("+00:00", "Z")


def checked(
    state: dict[str, Any],
    *,
    policy: str = "no",
    retries: int = 0,
    restarts: int = 0,
    created: float = 3600,
    **more: Any,
) -> CheckResult:
    detail = {
        "Id": "abcdef0123456789",
        "Created": at(created),
        "State": {"StartedAt": at(3600), "FinishedAt": at(30), "ExitCode": 0, **state},
        "HostConfig": {
            "RestartPolicy": {"Name": policy, "MaximumRetryCount": retries},
            "PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}]},
        },
        "RestartCount": restarts,
        "Config": {"Image": "shop"},
    }
    known: dict[str, Any] = {"deaths": 0, "oom_deaths": 0, "since": NOW - 600, "record": ContainerRecord(), **more}
    return ContainerCheck(identity=WEB, detail=detail, loop_deaths=3, stable_seconds=60, now=NOW, **known).result()


RUNNING, EXITED = {"Status": "running"}, {"Status": "exited", "ExitCode": 1}
STOPPED, OOM_KILLED = ContainerRecord(stopped_by_person=True), ContainerRecord(oom_killed=True)
WITH_ITS_ENGINE, LOOP = ContainerRecord(ended_with_engine=True), "container_restart_loop"


def crashed(*seconds_ago: float) -> ContainerRecord:
    return ContainerRecord(crashes=deque(NOW - ago for ago in seconds_ago))


@pytest.mark.parametrize(
    ("state", "more", "condition", "what"),
    [
        (RUNNING, {}, Condition.HEALTHY, ""),
        (RUNNING | {"Health": {"Status": "unhealthy"}}, {}, Condition.UNHEALTHY, "container_unhealthy"),
        (RUNNING | {"Health": {"Status": "starting"}}, {}, Condition.UNKNOWN, ""),
        ({"Status": "paused"}, {}, Condition.UNKNOWN, ""),
        # never ran: nobody tried to start it, or in vain, whether the engine says why or not
        ({"Status": "created"}, {}, Condition.UNKNOWN, ""),
        ({"Status": "created", "ExitCode": 127}, {}, Condition.UNHEALTHY, "container_died"),
        ({"Status": "created", "Error": "address family not supported"}, {}, Condition.UNHEALTHY, "container_died"),
        (
            {"Status": "created"},
            {"ran_at": NOW - 450, "created": 400},
            Condition.UNHEALTHY,
            "container_died",
        ),  # an updater made it
        ({"Status": "created"}, {"ran_at": NOW - 90, "created": 60}, Condition.UNKNOWN, ""),
        # a job that ended long before it was made anew, for its next time
        ({"Status": "created"}, {"ran_at": NOW - 4000, "created": 400}, Condition.UNKNOWN, ""),
        (RUNNING | {"StartedAt": at(5)}, {"deaths": 3}, Condition.UNHEALTHY, "container_restart_loop"),
        (RUNNING | {"StartedAt": at(61)}, {"deaths": 3}, Condition.HEALTHY, ""),
        (RUNNING | {"StartedAt": at(5)}, {"deaths": 2, "oom_deaths": 2}, Condition.UNHEALTHY, "container_oom"),
        ({"Status": "restarting", "StartedAt": at(31)}, {"restarts": 3}, Condition.UNHEALTHY, "container_restart_loop"),
        ({"Status": "restarting"}, {"restarts": 3}, Condition.UNKNOWN, ""),  # it ran for an hour before
        ({"Status": "restarting"}, {"restarts": 2}, Condition.UNKNOWN, ""),
        (EXITED, {}, Condition.UNHEALTHY, "container_died"),
        (EXITED | {"OOMKilled": True}, {}, Condition.UNHEALTHY, "container_oom"),
        (EXITED | {"ExitCode": 137}, {"record": OOM_KILLED}, Condition.UNHEALTHY, "container_oom"),
        (EXITED | {"ExitCode": 137, "FinishedAt": at(0.4)}, {}, Condition.UNKNOWN, ""),
        (EXITED | {"ExitCode": 137, "FinishedAt": at(1.5)}, {}, Condition.UNHEALTHY, "container_died"),
        (EXITED, {"record": STOPPED}, Condition.HEALTHY, "stopped_by_person"),
        (EXITED | {"Error": "no such mount"}, {"record": STOPPED}, Condition.UNHEALTHY, "container_died"),
        (EXITED | {"Error": "no such device", "FinishedAt": at(9000)}, {}, Condition.UNHEALTHY, "container_died"),
        (EXITED | {"Error": "no such device"}, {"policy": "always"}, Condition.UNHEALTHY, "container_died"),
        (
            EXITED | {"ExitCode": 0, "Error": "no runtime"},
            {"record": OOM_KILLED},
            Condition.UNHEALTHY,
            "container_died",
        ),
        ({"Status": "created", "ExitCode": 128, "Error": "no network"}, {}, Condition.UNHEALTHY, "container_died"),
        ({"Status": "restarting", "Error": "no network"}, {}, Condition.UNKNOWN, ""),
        (EXITED, {"record": WITH_ITS_ENGINE}, Condition.UNHEALTHY, "container_died"),
        (EXITED | {"ExitCode": 0}, {"record": WITH_ITS_ENGINE}, Condition.UNHEALTHY, "container_died"),
        (EXITED, {"record": WITH_ITS_ENGINE, "policy": "unless-stopped"}, Condition.UNHEALTHY, "container_died"),
        (EXITED | {"FinishedAt": at(9000)}, {"record": WITH_ITS_ENGINE}, Condition.UNHEALTHY, "container_died"),
        (EXITED, {"record": WITH_ITS_ENGINE, "engine_up_seconds": 3.0}, Condition.UNKNOWN, ""),
        (RUNNING | {"StartedAt": at(300)}, {"record": crashed(950, 640, 330)}, Condition.UNHEALTHY, LOOP),
        ({"Status": "restarting"}, {"record": crashed(7300, 3700, 10)}, Condition.UNHEALTHY, LOOP),
        (RUNNING | {"StartedAt": at(640)}, {"record": crashed(1270, 960, 650)}, Condition.HEALTHY, ""),
        (EXITED | {"ExitCode": 0}, {}, Condition.HEALTHY, "finished"),
        (EXITED | {"ExitCode": 0}, {"policy": "always"}, Condition.HEALTHY, "stopped_by_person"),
        (EXITED | {"FinishedAt": at(1)}, {"policy": "always"}, Condition.UNKNOWN, ""),
        (EXITED, {"policy": "on-failure", "retries": 2, "restarts": 1}, Condition.HEALTHY, "stopped_by_person"),
        (EXITED, {"policy": "on-failure", "retries": 2, "restarts": 2}, Condition.UNHEALTHY, "container_died"),
        (EXITED | {"FinishedAt": at(601)}, {}, Condition.HEALTHY, "before_we_came"),
        (EXITED | {"FinishedAt": at(601)}, {"since": 0.0}, Condition.UNHEALTHY, "container_died"),
        (EXITED | {"FinishedAt": "0001-01-01T00:00:00Z"}, {}, Condition.HEALTHY, "before_we_came"),
        (EXITED | {"FinishedAt": "nonsense"}, {}, Condition.HEALTHY, "before_we_came"),
    ],
)
def test_what_one_look_says(state: dict[str, Any], more: dict[str, Any], condition: Condition, what: str) -> None:
    result = checked(state, **more)
    assert (result.condition, result.type or result.facts.get("ended", "")) == (condition, what)


@pytest.mark.parametrize(
    ("state", "more", "lived", "first"),
    [
        ({"StartedAt": at(30.04)}, {"created": 31}, 40, True),
        ({"StartedAt": at(30.04)}, {"created": 330}, 40, True),  # made with the others, started when they were healthy
        ({"StartedAt": at(30.04)}, {"created": 9000}, 40, False),
        ({"StartedAt": at(30.04)}, {"created": 31, "restarts": 1}, 40, False),
        ({"StartedAt": at(30.04)}, {"created": 31, "record": ContainerRecord(starts=2)}, 40, False),
        ({"StartedAt": at(3600)}, {"created": 3600}, 3_570_000, True),
        ({"StartedAt": at(5)}, {"created": 31}, None, None),  # it runs again
    ],
)
def test_for_how_long_it_lived_and_whether_that_was_its_first_start(
    state: dict[str, Any], more: dict[str, Any], lived: int | None, first: bool | None
) -> None:
    facts = checked(EXITED | state, **more).facts
    assert (facts.get("lived_ms"), facts.get("first_start")) == (lived, first)


def test_what_was_seen_running_is_no_old_corpse() -> None:
    record = ContainerRecord()
    checked(RUNNING, record=record)
    assert checked(EXITED | {"FinishedAt": at(601)}, record=record).type == "container_died"


def test_what_ended_with_its_engine_or_could_not_start_was_not_stopped_by_a_person() -> None:
    """The planner believes the fact: it would put the event aside as somebody's own doing."""
    ended = checked(EXITED | {"ExitCode": 0}, record=ContainerRecord(ended_with_engine=True))
    failed = checked(
        EXITED | {"Error": "no such mount"}, record=ContainerRecord(stopped_by_person=True), policy="always"
    )
    for result in (ended, failed):
        event = HealthEvent(type=result.type, node="n1", service="web", severity="error", payload=result.facts)
        assert not facts_for(event) & {Fact.OPERATOR, Fact.FINISHED}
    assert ended.facts["ended"] == "with its engine"
    assert failed.facts["error"] == "no such mount"


def test_one_that_runs_again_has_forgotten_its_engines_end() -> None:
    record = ContainerRecord(ended_with_engine=True)
    assert checked(RUNNING, record=record).condition is Condition.HEALTHY
    assert not record.ended_with_engine


def test_one_without_a_network_is_ill_unless_its_own_check_knows_better() -> None:
    lost = checked(RUNNING, has_lost_network=True)
    assert (lost.condition, lost.type) == (Condition.UNHEALTHY, "container_unhealthy")
    assert checked(RUNNING | {"Health": {"Status": "healthy"}}, has_lost_network=True).condition is Condition.HEALTHY
    assert checked(RUNNING | {"Health": {"Status": "starting"}}, has_lost_network=True).condition is Condition.UNKNOWN
    assert checked(EXITED, has_lost_network=True).type == "container_died"


def test_one_that_waits_for_its_next_start_does_not_run() -> None:
    """Else its engine would seem to leave one alone at its end, and what it stopped would be a person's doing."""
    record = ContainerRecord()
    checked(RUNNING, record=record)  # an answer from the moment in which it ran, read after it had ended
    checked({"Status": "restarting"}, record=record)
    assert (record.running, record.seen_running) == (False, True)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RUNNING, "running"),
        (RUNNING | {"Health": {"Status": "unhealthy"}}, "unhealthy"),
        ({"Status": "exited", "ExitCode": 0}, "finished"),
        (EXITED, "exited with 1"),
        ({"Status": "paused"}, "paused"),
        ({}, "unknown"),
    ],
)
def test_the_state_of_what_others_depend_on_in_a_word(state: dict[str, Any], words: str) -> None:
    assert state_in_words({"State": state}) == words


def test_what_is_meant_to_run_for_ever_was_stopped_when_it_ends_well() -> None:
    ended = {"State": {"Status": "exited", "ExitCode": 0}}
    assert state_in_words({**ended, "HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}}}) == "stopped"
    assert state_in_words({**ended, "HostConfig": {"RestartPolicy": {"Name": "on-failure"}}}) == "finished"
    assert state_in_words(ended, has_to_run=True) == "stopped"


def test_a_result_says_what_is_known_of_the_container() -> None:
    result = checked(EXITED | {"Error": "\x1b[31mbad\x1b[0m"}, deaths=1, restarts=4)
    assert result.key == "docker:/web"
    assert {k: result.facts[k] for k in ("exit_code", "restart_count", "recent_deaths", "error", "container_id")} == {
        "exit_code": 1,
        "restart_count": 4,
        "recent_deaths": 1,
        "error": "bad",
        "container_id": "abcdef012345",
    }


@pytest.mark.parametrize(
    ("created", "policy", "condition"),
    [
        (301, "unless-stopped", Condition.UNHEALTHY),
        (301, "always", Condition.UNHEALTHY),
        (299, "always", Condition.UNKNOWN),
        (301, "no", Condition.UNKNOWN),  # made to be started some day
        (301, "on-failure", Condition.UNKNOWN),
        (700, "always", Condition.UNKNOWN),  # before we came
    ],
)
def test_what_is_meant_to_run_and_never_came_to_a_start_is_told(
    created: int, policy: str, condition: Condition
) -> None:
    result = checked({"Status": "created"}, policy=policy, created=created)
    assert result.condition is condition
    if condition is Condition.UNHEALTHY:
        event = HealthEvent(type=result.type, node="n1", service="web", payload=result.facts)
        assert Fact.START_ERROR in facts_for(event)
    elif created == 299:
        assert result.recheck_seconds == pytest.approx(1)


@pytest.mark.parametrize("state", [EXITED, RUNNING | {"Health": {"Status": "unhealthy"}}])
def test_what_is_wrong_with_it_says_on_which_ports_of_its_host_it_answers(state: dict[str, Any]) -> None:
    """Its own events are what a probe of such a port is joined with, and what carries the mesh is known by."""
    assert checked(state).facts["ports"] == [18080]
