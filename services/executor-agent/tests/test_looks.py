"""What is seen of a target becomes healthy, sick or unknown; never a guess."""

from __future__ import annotations

from typing import Any

import pytest
from parts.playing import a_proposal

from executor_agent.looks import Look, State, read_containers, read_look, read_supervisor, read_systemd


def container(status: str = "running", health: str | None = None, **other: Any) -> dict[str, Any]:
    state: dict[str, Any] = {"Status": status, "StartedAt": "t1", "ExitCode": other.get("code", 0)}
    config: dict[str, Any] = {"Image": "web:1", "Env": ["PASSWORD=x"]}
    if health:
        state["Health"] = {"Status": health}
        config["Healthcheck"] = {"Interval": 2_000_000_000, "Retries": 3, "StartPeriod": 5_000_000_000}
    return {
        "Id": other.get("id", "a" * 64),
        "Name": "/web",
        "RestartCount": other.get("restarts", 0),
        "State": state,
        "Config": config,
    }


@pytest.mark.parametrize(
    ("inspected", "state"),
    [
        ([], State.SICK),
        ([container()], State.HEALTHY),
        ([container(health="none")], State.HEALTHY),
        ([container(health="healthy")], State.HEALTHY),
        ([container(health="starting")], State.UNKNOWN),
        ([container(health="unhealthy")], State.SICK),
        ([container("exited", code=137)], State.SICK),
        ([container("restarting")], State.SICK),
        ([container("paused")], State.SICK),
        ([container("dead")], State.SICK),
        ([container("created")], State.UNKNOWN),
        ([container(), container("exited")], State.SICK),
        ([container(), container(health="starting")], State.UNKNOWN),
        ([{}], State.SICK),
    ],
)
def test_a_container_is_what_the_engine_says(inspected: list[dict[str, Any]], state: State) -> None:
    assert read_containers(inspected).state is state


def test_a_containers_environment_is_not_a_fact() -> None:
    seen = read_containers([container(health="healthy", restarts=2)])
    assert "PASSWORD" not in str(seen)
    assert seen.restarts == 2
    assert seen.start_period_seconds == 5 + 4 * 2
    assert seen.in_words() == "web running, health healthy, restarted 2 times by itself"
    assert read_containers([container("exited", code=137)]).in_words() == "web exited (137)"


def test_a_new_start_is_another_incarnation() -> None:
    first, second = container(), container()
    second["State"]["StartedAt"] = "t2"
    assert read_containers([first]).incarnation != read_containers([second]).incarnation


def test_an_answer_that_was_cut_is_not_an_absent_container() -> None:
    proposal = a_proposal()
    assert read_look(proposal, {}).state is State.UNKNOWN
    assert read_look(proposal, {"results": [{"exists": True, "container": container()}, {}]}).state is State.UNKNOWN
    assert read_look(proposal, {"exists": False}).state is State.SICK
    assert read_look(proposal, {"containers": []}).facts["exists"] is False
    assert read_look(proposal, {"exists": True, "container": container()}).state is State.HEALTHY


UNIT = "LoadState={}\nActiveState={}\nSubState={}\nResult=success\nNRestarts=4\nExecMainPID=77\n"


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (("loaded", "active", "running"), State.HEALTHY),
        (("loaded", "active", "exited"), State.HEALTHY),
        (("loaded", "activating", "start"), State.UNKNOWN),
        (("loaded", "activating", "auto-restart"), State.SICK),
        (("loaded", "failed", "failed"), State.SICK),
        (("loaded", "inactive", "dead"), State.SICK),
        (("not-found", "inactive", "dead"), State.SICK),
        (("loaded", "reloading", "reload"), State.UNKNOWN),
    ],
)
def test_a_unit_is_what_systemd_says(words: tuple[str, str, str], state: State) -> None:
    seen = read_systemd(UNIT.format(*words))
    assert seen.state is state
    assert seen.restarts == 4
    assert seen.facts["exists"] == (words[0] == "loaded")


def test_an_answer_that_is_none_is_unknown() -> None:
    assert read_systemd("").state is State.UNKNOWN
    assert read_systemd("Failed to connect to bus").state is State.UNKNOWN
    assert read_supervisor("", "unix:///x.sock no such file").state is State.UNKNOWN
    assert Look(State.UNKNOWN).restarts == 0


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("web                              RUNNING   pid 12, uptime 0:00:05", State.HEALTHY),
        ("web                              STARTING", State.UNKNOWN),
        ("web                              BACKOFF   Exited too quickly (process log may have details)", State.SICK),
        ("web                              FATAL     Exited too quickly", State.SICK),
        ("web                              STOPPED   Nov 21 04:00 AM", State.SICK),
        ("web                              EXITED    Nov 21 04:00 AM", State.SICK),
        ("web: ERROR (no such process)", State.SICK),
        ("unix:///tmp/s.sock refused connection", State.UNKNOWN),
        ("error: <class 'FileNotFoundError'>, [Errno 2] No such file", State.UNKNOWN),
    ],
)
def test_a_program_is_what_supervisor_says(line: str, state: State) -> None:
    assert read_supervisor(line + "\n").state is state


def test_a_programs_process_is_its_incarnation() -> None:
    assert read_supervisor("web RUNNING   pid 12, uptime 1 day, 0:00:05").incarnation == "12"
