"""What is seen of a target becomes healthy, unhealthy or unknown; never a guess."""

from __future__ import annotations

from typing import Any

import pytest
from action_rig import a_proposal

from mesh_core.actions.container_state import read_containers, read_look
from mesh_core.actions.service_restart import read_supervisor, read_systemd
from mesh_core.actions.target_state import TargetState, TargetStatus


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
    ("inspected", "health"),
    [
        ([], TargetStatus.UNHEALTHY),
        ([container()], TargetStatus.HEALTHY),
        ([container(health="none")], TargetStatus.HEALTHY),
        ([container(health="healthy")], TargetStatus.HEALTHY),
        ([container(health="starting")], TargetStatus.UNKNOWN),
        ([container(health="unhealthy")], TargetStatus.UNHEALTHY),
        ([container("exited", code=137)], TargetStatus.UNHEALTHY),
        ([container("restarting")], TargetStatus.UNHEALTHY),
        ([container("paused")], TargetStatus.UNHEALTHY),
        ([container("dead")], TargetStatus.UNHEALTHY),
        ([container("created")], TargetStatus.UNKNOWN),
        ([container(), container("exited")], TargetStatus.UNHEALTHY),
        ([container(), container(health="starting")], TargetStatus.UNKNOWN),
        ([{}], TargetStatus.UNHEALTHY),
    ],
)
def test_a_container_is_what_the_engine_says(inspected: list[dict[str, Any]], health: TargetStatus) -> None:
    assert read_containers(inspected).health is health


def test_a_containers_environment_is_not_a_fact() -> None:
    seen = read_containers([container(health="healthy", restarts=2)])
    assert "PASSWORD" not in str(seen)
    assert seen.restarts == 2
    assert seen.start_period_seconds == 5 + 4 * 2
    assert seen.sentence == "web running, health healthy, restarted 2 times by itself"
    assert read_containers([container("exited", code=137)]).sentence == "web exited (137)"


def test_a_new_start_is_another_incarnation() -> None:
    first, second = container(), container()
    second["State"]["StartedAt"] = "t2"
    assert read_containers([first]).incarnation != read_containers([second]).incarnation


def test_what_only_lives_in_the_network_of_another_is_marked() -> None:
    host, guest = container(id="a" * 64), container(id="b" * 64)
    guest["HostConfig"] = {"NetworkMode": f"container:{'a' * 64}"}
    assert [one["beside"] for one in read_containers([host, guest]).facts["containers"]] == [False, True]
    assert [one["beside"] for one in read_containers([guest, {}]).facts["containers"]] == [False, False]


def test_an_answer_that_was_cut_is_not_an_absent_container() -> None:
    proposal = a_proposal("container_restart")
    assert read_look(proposal, {}).health is TargetStatus.UNKNOWN
    assert (
        read_look(proposal, {"results": [{"exists": True, "container": container()}, {}]}).health
        is TargetStatus.UNKNOWN
    )
    assert read_look(proposal, {"exists": False}).health is TargetStatus.UNHEALTHY
    assert read_look(proposal, {"skipped": True}).facts["exists"] is False
    assert read_look(proposal, {"exists": True, "container": container()}).health is TargetStatus.HEALTHY


UNIT = "LoadState={}\nActiveState={}\nSubState={}\nResult=success\nNRestarts=4\nExecMainPID=77\n"


@pytest.mark.parametrize(
    ("words", "health"),
    [
        (("loaded", "active", "running"), TargetStatus.HEALTHY),
        (("loaded", "active", "exited"), TargetStatus.HEALTHY),
        (("loaded", "activating", "start"), TargetStatus.UNKNOWN),
        (("loaded", "activating", "auto-restart"), TargetStatus.UNHEALTHY),
        (("loaded", "failed", "failed"), TargetStatus.UNHEALTHY),
        (("loaded", "inactive", "dead"), TargetStatus.UNHEALTHY),
        (("not-found", "inactive", "dead"), TargetStatus.UNHEALTHY),
        (("loaded", "reloading", "reload"), TargetStatus.UNKNOWN),
    ],
)
def test_a_unit_is_what_systemd_says(words: tuple[str, str, str], health: TargetStatus) -> None:
    seen = read_systemd(UNIT.format(*words))
    assert seen.health is health
    assert seen.restarts == 4
    assert seen.facts["exists"] == (words[0] == "loaded")


KIND = "Id={}\nLoadState=loaded\nActiveState={}\nSubState={}\nResult=success\n"


@pytest.mark.parametrize(
    ("kind", "active", "sub", "health", "word"),
    [
        ("srv-data.mount", "active", "mounted", TargetStatus.HEALTHY, "mounted"),
        ("srv-data.mount", "inactive", "dead", TargetStatus.UNHEALTHY, "dead"),
        ("srv-data.mount", "failed", "failed", TargetStatus.UNHEALTHY, "failed"),
        ("srv-data.automount", "active", "waiting", TargetStatus.HEALTHY, "waiting"),
        ("cups.socket", "active", "listening", TargetStatus.HEALTHY, "listening"),
        ("cups.socket", "active", "running", TargetStatus.HEALTHY, "listening"),
        ("backup.timer", "active", "waiting", TargetStatus.HEALTHY, "waiting"),
        ("backup.timer", "active", "running", TargetStatus.HEALTHY, "runs just now"),
        ("backup.timer", "active", "elapsed", TargetStatus.UNKNOWN, "elapsed"),  # it will not fire again
        ("dev-sda2.swap", "active", "active", TargetStatus.HEALTHY, "in use"),
        ("web.service", "active", "mounted", TargetStatus.UNKNOWN, "mounted"),
        ("web.service", "active", "exited", TargetStatus.HEALTHY, "exited 0"),
    ],
)
def test_a_unit_is_well_in_the_way_of_its_kind(
    kind: str, active: str, sub: str, health: TargetStatus, word: str
) -> None:
    seen = read_systemd(KIND.format(kind, active, sub))
    assert (seen.health, word in seen.sentence) == (health, True), seen


def test_a_job_that_ended_well_is_well() -> None:
    at_rest = KIND.format("backup.service", "inactive", "dead") + "Type=oneshot\nRemainAfterExit=no\n"
    done = read_systemd(at_rest)
    assert (done.health, done.sentence) == (TargetStatus.HEALTHY, "exited 0, inactive (dead)")
    for old, new in (("success", "exit-code"), ("=no", "=yes"), ("oneshot", "simple"), ("inactive", "failed")):
        assert read_systemd(at_rest.replace(old, new)).health is TargetStatus.UNHEALTHY


def test_an_answer_that_is_none_is_unknown() -> None:
    assert read_systemd("").health is TargetStatus.UNKNOWN
    assert read_systemd("Failed to connect to bus").health is TargetStatus.UNKNOWN
    assert read_supervisor("", "unix:///x.sock no such file").health is TargetStatus.UNKNOWN
    assert TargetState(TargetStatus.UNKNOWN).restarts == 0


@pytest.mark.parametrize(
    ("line", "health"),
    [
        ("web                              RUNNING   pid 12, uptime 0:00:05", TargetStatus.HEALTHY),
        ("web                              STARTING", TargetStatus.UNKNOWN),
        (
            "web                              BACKOFF   Exited too quickly (see its log)",
            TargetStatus.UNHEALTHY,
        ),
        ("web                              FATAL     Exited too quickly", TargetStatus.UNHEALTHY),
        ("web                              STOPPED   Nov 21 04:00 AM", TargetStatus.UNHEALTHY),
        ("web                              EXITED    Nov 21 04:00 AM", TargetStatus.UNHEALTHY),
        ("web: ERROR (no such process)", TargetStatus.UNHEALTHY),
        ("unix:///tmp/s.sock refused connection", TargetStatus.UNKNOWN),
        ("error: <class 'FileNotFoundError'>, [Errno 2] No such file", TargetStatus.UNKNOWN),
    ],
)
def test_a_program_is_what_supervisor_says(line: str, health: TargetStatus) -> None:
    assert read_supervisor(line + "\n").health is health


def test_a_programs_process_is_its_incarnation() -> None:
    assert read_supervisor("web RUNNING   pid 12, uptime 1 day, 0:00:05").incarnation == "12"
