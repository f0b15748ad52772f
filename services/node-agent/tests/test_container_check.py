"""What one look at a container says. Pure: the engine's answers as it gives them, the clock as a number."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from node_agent.checks import CheckResult, Condition
from node_agent.container_check import ContainerCheck
from node_agent.container_history import ContainerRecord
from node_agent.container_identity import Identity

NOW = 1_000_000.0
WEB = Identity("docker:/web", "web", "web")


def at(seconds_ago: float) -> str:
    return datetime.fromtimestamp(NOW - seconds_ago, UTC).isoformat().replace("+00:00", "Z")


def checked(
    state: dict[str, Any], *, policy: str = "no", retries: int = 0, restarts: int = 0, **more: Any
) -> CheckResult:
    detail = {
        "Id": "abcdef0123456789",
        "State": {"StartedAt": at(3600), "FinishedAt": at(30), "ExitCode": 0, **state},
        "HostConfig": {"RestartPolicy": {"Name": policy, "MaximumRetryCount": retries}},
        "RestartCount": restarts,
        "Config": {"Image": "shop"},
    }
    known: dict[str, Any] = {"deaths": 0, "oom_deaths": 0, "since": NOW - 600, "record": ContainerRecord(), **more}
    return ContainerCheck(identity=WEB, detail=detail, loop_deaths=3, stable_seconds=60, now=NOW, **known).result()


RUNNING, EXITED = {"Status": "running"}, {"Status": "exited", "ExitCode": 1}
STOPPED, OOM_KILLED = ContainerRecord(stopped_by_person=True), ContainerRecord(oom_killed=True)


@pytest.mark.parametrize(
    ("state", "more", "condition", "what"),
    [
        (RUNNING, {}, Condition.HEALTHY, ""),
        (RUNNING | {"Health": {"Status": "unhealthy"}}, {}, Condition.UNHEALTHY, "container_unhealthy"),
        (RUNNING | {"Health": {"Status": "starting"}}, {}, Condition.UNKNOWN, ""),
        ({"Status": "paused"}, {}, Condition.UNKNOWN, ""),
        (RUNNING | {"StartedAt": at(5)}, {"deaths": 3}, Condition.UNHEALTHY, "container_restart_loop"),
        (RUNNING | {"StartedAt": at(61)}, {"deaths": 3}, Condition.HEALTHY, ""),
        (RUNNING | {"StartedAt": at(5)}, {"deaths": 2, "oom_deaths": 2}, Condition.UNHEALTHY, "container_oom"),
        ({"Status": "restarting"}, {"restarts": 3}, Condition.UNHEALTHY, "container_restart_loop"),
        ({"Status": "restarting"}, {"restarts": 2}, Condition.UNKNOWN, ""),
        (EXITED, {}, Condition.UNHEALTHY, "container_died"),
        (EXITED | {"OOMKilled": True}, {}, Condition.UNHEALTHY, "container_oom"),
        (EXITED | {"ExitCode": 137}, {"record": OOM_KILLED}, Condition.UNHEALTHY, "container_oom"),
        (EXITED | {"ExitCode": 137, "FinishedAt": at(0.4)}, {}, Condition.UNKNOWN, ""),
        (EXITED | {"ExitCode": 137, "FinishedAt": at(1.5)}, {}, Condition.UNHEALTHY, "container_died"),
        (EXITED, {"record": STOPPED}, Condition.HEALTHY, "stopped_by_person"),
        (EXITED | {"Error": "no such mount"}, {"record": STOPPED}, Condition.UNHEALTHY, "container_died"),
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


def test_what_was_seen_running_is_no_old_corpse() -> None:
    record = ContainerRecord()
    checked(RUNNING, record=record)
    assert checked(EXITED | {"FinishedAt": at(601)}, record=record).type == "container_died"


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
