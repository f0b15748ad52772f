"""What the fields of a payload say, whoever sent it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.incidents.alert_name import alert_name_for
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.policy.event_facts.facts import Fact, facts_for

OURS = {Fact.BACKED}


def facts(payload: dict[str, Any], *, service: str | None = "web", node: str = "n1", **more: Any) -> set[Fact]:
    event = HealthEvent(type="container_died", node=node, service=service, payload=payload, **more)
    return set(facts_for(event))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        # our own node agent
        ({"runtime": "docker", "status": "exited", "exit_code": 1, "health": "none"}, OURS | {Fact.DOWN}),
        ({"runtime": "docker", "status": "running", "health": "unhealthy"}, OURS | {Fact.RUNNING, Fact.UNHEALTHY}),
        ({"runtime": "systemd", "active_state": "failed", "sub_state": "failed"}, OURS | {Fact.DOWN}),
        ({"runtime": "systemd", "active_state": "active", "sub_state": "running"}, OURS | {Fact.RUNNING}),
        ({"runtime": "supervisor", "state": "FATAL"}, OURS | {Fact.DOWN}),
        ({"runtime": "supervisor", "state": "EXITED"}, OURS | {Fact.DOWN}),
        ({"runtime": "docker", "status": "exited", "error": "port in use"}, OURS | {Fact.DOWN, Fact.START_ERROR}),
        ({"runtime": "docker", "status": "created", "exit_code": 127}, OURS | {Fact.START_ERROR}),
        ({"runtime": "docker", "status": "created", "exit_code": 0}, OURS | {Fact.ENDED_WITH_0}),
        (
            {"runtime": "systemd", "active_state": "failed", "result": "exit-code", "exit_code": 226},
            OURS | {Fact.DOWN, Fact.START_ERROR},
        ),
        (
            {"runtime": "systemd", "active_state": "failed", "result": "resources"},
            OURS | {Fact.DOWN, Fact.START_ERROR},
        ),
        ({"runtime": "systemd", "active_state": "failed", "result": "exit-code", "exit_code": 2}, OURS | {Fact.DOWN}),
        (
            {"runtime": "supervisor", "state": "FATAL", "error": "can't find command '/usr/bin/x'"},
            OURS | {Fact.DOWN, Fact.START_ERROR},
        ),
        (
            {"runtime": "supervisor", "state": "FATAL", "error": "Exited too quickly (process log may have details)"},
            OURS | {Fact.DOWN},
        ),
        ({"http_status": 400}, {Fact.REFUSED}),
        ({"http_status": "421"}, {Fact.REFUSED}),
        ({"http_status": 404}, set()),
        ({"http_status": 503}, set()),
        ({"restart_count": "7"}, {Fact.LOOPING}),
        ({"heartbeat": {"status": "0"}}, {Fact.UNHEALTHY}),
        ({"labels": {"mendmesh.restart": "N"}}, {Fact.OPTED_OUT}),
        ({"compose": {"project": "shop", "service": "web"}}, {Fact.COMPOSE}),
        ({"restart_count": 5}, {Fact.LOOPING}),
        ({"runtime": "systemd", "result": "start-limit-hit"}, {Fact.LOOPING, Fact.BACKED}),
        ({"restart_count": 4}, set()),
        ({"restart_count": True}, set()),
        ({"stopped_by_person": True}, set()),  # whoever else calls a field so
        # a truth value that is sent as text says what it says
        ({"oom_killed": "Yes"}, {Fact.OOM_KILLED}),
        ({"maintenance": " TRUE"}, {Fact.MAINTENANCE}),
        ({"maintenance": "false", "test": "off", "oom_killed": "no"}, set()),
        # the Docker engine
        ({"Action": "die", "Actor": {"Attributes": {"exitCode": "139"}}}, {Fact.DOWN}),
        ({"Action": "health_status: unhealthy"}, {Fact.UNHEALTHY}),
        ({"Action": "health_status: healthy"}, {Fact.RESOLVED}),
        ({"Action": "destroy"}, {Fact.GONE}),
        ({"State": {"Status": "dead"}}, {Fact.DOWN, Fact.GONE}),
        ({"State": "dead"}, {Fact.DOWN, Fact.GONE}),
        ({"sub_state": "dead"}, {Fact.DOWN}),
        ({"updater": {"state": "pulling"}}, {Fact.RESTARTING}),
        ({"deployment": {"status": "Upgrading"}}, {Fact.RESTARTING}),
        ({"state": "updated"}, set()),
        (
            {"State": {"Status": "exited", "Error": "network x not found"}},
            {Fact.DOWN, Fact.START_ERROR, Fact.NETWORK_GONE},
        ),
        ({"State": {"Status": "restarting", "Health": {"Status": "unhealthy"}}}, {Fact.RESTARTING, Fact.UNHEALTHY}),
        ({"State": None}, {Fact.GONE}),
        ({"labels": {"com.docker.compose.project": "shop"}}, {Fact.COMPOSE}),
        ({"labels": {"autoheal.restart.enable": "FALSE"}}, {Fact.OPTED_OUT}),
        ({"labels": {"autoheal": "true"}}, set()),
        ({"labels": {"mendmesh.restart": "false"}}, {Fact.OPTED_OUT}),
        ({"labels": {"mendmesh.restart": "true", "autoheal": "false"}}, set()),
        ({"labels": {"mendmesh.restart": "false", "autoheal": "true"}}, {Fact.OPTED_OUT}),
        ({"labels": {"mendmesh.restart": "true"}, "other": {"autoheal": "false"}}, {Fact.OPTED_OUT}),
        ({"autoheal": "off"}, {Fact.OPTED_OUT}),
        ({"exit_code": 0, "restart_policy": "no"}, {Fact.FINISHED, Fact.ENDED_WITH_0}),
        (
            {"exit_code": 0, "restart_policy": "no", "status": "running", "health": "unhealthy"},
            {Fact.RUNNING, Fact.UNHEALTHY},
        ),
        ({"exit_code": 0, "restart_policy": "no", "declared_state": "running"}, {Fact.ENDED_WITH_0}),
        # Kubernetes
        ({"waiting": {"reason": "CrashLoopBackOff"}}, {Fact.LOOPING}),
        ({"ready": True, "last_state": {"terminated": {"state": "failed"}}}, {Fact.WELL}),
        # Alertmanager, Uptime Kuma, Icinga
        ({"status": "resolved", "alerts": [{"status": "resolved"}]}, {Fact.RESOLVED}),
        ({"status": "firing", "alerts": [{"status": "firing"}]}, {Fact.FIRING}),
        ({"heartbeat": {"status": 0}}, {Fact.UNHEALTHY}),
        ({"heartbeat": {"status": 1}}, {Fact.RESOLVED}),
        ({"heartbeat": {"status": 2}}, {Fact.RESTARTING, Fact.TRANSIENT, Fact.HELD}),
        ({"heartbeat": {"status": 3}}, {Fact.MAINTENANCE}),
        ({"heartbeat": {"status": 7}}, set()),
        ({"state_type": "SOFT"}, {Fact.TRANSIENT}),
        ({"state_type": 0.0}, {Fact.TRANSIENT}),
        ({"state_type": "HARD"}, set()),
        ({"occurrences": 1}, {Fact.TRANSIENT}),
        ({"test": True}, {Fact.TEST}),
        ({"test": "true"}, {Fact.TEST}),
        ({"test": "smoke"}, set()),
        ({"maintenance": True}, {Fact.MAINTENANCE}),
        ({"initiated_by": "admin"}, {Fact.OPERATOR}),
        ({"stopped_by": "unknown"}, set()),
        ({"node_uptime_seconds": 240}, {Fact.JUST_BOOTED}),
        ({"severity": "clear"}, {Fact.RESOLVED}),
        ({"severity": "normal"}, set()),  # as urgent as most
        ({"state": "ok", "ruleName": "web", "evalMatches": []}, {Fact.RESOLVED}),
        ({"state": "normal", "alert_source": "cloudwatch"}, {Fact.RESOLVED}),
        ({"state": "UP", "state_type": "HARD"}, {Fact.RESOLVED}),
        ({"SERVICESTATE": "OK", "HOSTSTATE": "UP"}, {Fact.RESOLVED}),
        ({"NewStateValue": "OK"}, {Fact.RESOLVED}),  # CloudWatch
        ({"alert_transition": "Recovered"}, {Fact.RESOLVED}),  # Datadog
        ({"current_state": "closed"}, {Fact.RESOLVED}),  # New Relic
        ({"event": "Connection succeeded"}, {Fact.RESOLVED}),  # Monit
        ({"event": "incident.resolved"}, {Fact.RESOLVED}),  # PagerDuty
        ({"event": "not resolved"}, set()),
        ({"state": "normal", "old_state": "critical"}, {Fact.RESOLVED}),
        ({"alert": "TRIGGERED"}, set()),
        ({"check_attempt": 1, "max_check_attempts": 3}, {Fact.TRANSIENT}),
        ({"check_attempt": 3, "max_check_attempts": 3}, set()),
        ({"scheduled_downtime_depth": 1}, {Fact.MAINTENANCE}),
        ({"scheduled_downtime_depth": 0}, set()),
        ({"in_maintenance": True}, {Fact.MAINTENANCE}),
        ({"status_code": 403}, {Fact.REFUSED}),
        ({"dependencies": {"broker": "unreachable"}}, {Fact.DEPENDENCY_DOWN}),
        ({"runtime": "docker", "uptime_seconds": 40}, {Fact.BACKED, Fact.YOUNG}),
        ({"runtime": "docker", "uptime_seconds": 4000}, {Fact.BACKED}),
        ({"runtime": "supervisor", "state": "STOPPED"}, {Fact.BACKED, Fact.DOWN, Fact.OPERATOR}),
        ({"namespace": "media", "deployment": "web"}, {Fact.KUBERNETES}),
        ({"state": "alerting", "ruleName": "web"}, set()),
        ({"status": "firing", "alerts": [{"status": "firing"}, {"status": "resolved"}]}, {Fact.FIRING}),
        # said of a thing, a job, a person that is none: nothing is over, nothing was meant
        ({"status": "up"}, {Fact.RUNNING}),
        ({"status": "Up 3 hours (unhealthy)"}, {Fact.RUNNING, Fact.UNHEALTHY}),
        ({"state": "ok"}, set()),
        ({"state": "closed"}, set()),
        ({"action": "start", "actor": "cron", "result": "failed"}, set()),
        ({"Action": "start", "Actor": {"Attributes": {"name": "web"}}}, {Fact.RESOLVED}),
        ({"uptime_seconds": 3}, set()),
        ({"stopped_by": "user-space agent"}, set()),
        ({"stopped_by": "operator.service"}, set()),
        ({"stopped_by": "Admin: compose stop"}, {Fact.OPERATOR}),
        ({"stopped_by": "dockge: stack halted by an operator"}, {Fact.OPERATOR}),
        ({"stopped_by": "killed by user.slice"}, set()),
        ({"stopped_by": "panel: power action stop by user ada"}, {Fact.NOT_MEANT}),
        ({"stopped_by": "user ada through the web"}, {Fact.NOT_MEANT}),
        ({"stopped_by": "user 1000"}, set()),
        ({"by": "docker compose -p pad down"}, {Fact.NOT_MEANT, Fact.HELD}),
        ({"by": "/usr/bin/systemctl stop pad (user ada)"}, {Fact.NOT_MEANT}),
        ({"by": "docker restart pad"}, set()),
        ({"by": "kernel"}, set()),
        ({"stopped_by": "killed by user 1000 at 04:00"}, set()),
        ({"stopped_by": "stopped by admin-bot"}, set()),
        ({"paused_by": "user"}, {Fact.OPERATOR, Fact.RESTARTING}),
        ({"initiated_by": "operator (ada)"}, {Fact.OPERATOR}),
        # a stopped container is called unhealthy by the engine; one that is only unhealthy was not stopped
        (
            {"stopped_by": "admin", "State": {"Status": "exited", "Health": {"Status": "unhealthy"}}},
            {Fact.OPERATOR, Fact.DOWN, Fact.UNHEALTHY},
        ),
        ({"stopped_by": "admin", "health": "unhealthy"}, {Fact.UNHEALTHY, Fact.CONFLICT}),
        ({"status": "resolved", "health": "unhealthy"}, {Fact.RESOLVED, Fact.UNHEALTHY, Fact.CONFLICT}),
        ({"notification_type": "RECOVERY"}, {Fact.RESOLVED}),
        ({"notification_type": "DOWNTIMESTART"}, {Fact.MAINTENANCE}),
        ({"action": "resolve"}, {Fact.RESOLVED}),
        ({"silenced": True}, {Fact.MAINTENANCE}),
        ({"status": "failed"}, set()),  # a job, a disk, a backup
        ({"state": "down"}, set()),  # a host, a link
        ({"exit_code": 143, "restart_policy": "always"}, {Fact.FINISHED}),
        ({"exit_code": 143, "restart_policy": "no"}, set()),
        ({"removed_by_operator": True}, {Fact.OPERATOR}),
        # what is declared
        ({"live_image": "a", "declared_image": "b"}, {Fact.DRIFTED, Fact.COMPOSE}),
        ({"live_image": "a", "declared_image": "a"}, {Fact.COMPOSE}),
        ({"declared": {"replicas": 2}, "live": {"replicas": 0}}, {Fact.DRIFTED, Fact.COMPOSE}),
        ({"declared": {"mode": "replicated"}}, {Fact.COMPOSE, Fact.SWARM}),
        ({"stack": "media"}, {Fact.SWARM}),
        ({"label_config_hash": "a", "declared_config_hash": "b"}, {Fact.DRIFTED, Fact.COMPOSE}),
        # what does not run, as engines, hypervisors and process managers print it
        ({"status": "Exited (1) 3 minutes ago"}, {Fact.DOWN}),
        ({"status": "Exited (0) 3 minutes ago"}, set()),
        ({"status": "Exited (143) 3 minutes ago"}, set()),
        ({"State": {"Running": False}}, {Fact.DOWN}),
        ({"running": False}, set()),  # so says a job between two runs, too
        ({"mounted": False, "mount": "/srv"}, {Fact.DOWN}),
        ({"domain": "vm1", "state": "shut off"}, set()),
        ({"pm2_env": {"status": "errored"}}, {Fact.DOWN}),
        ({"missing": ["web"], "declared_services": ["web"]}, {Fact.GONE, Fact.COMPOSE}),
        # contradictions
        ({"health": "healthy", "Action": "health_status: unhealthy"}, {Fact.WELL, Fact.UNHEALTHY, Fact.CONFLICT}),
        ({"host": "n2"}, {Fact.CONFLICT}),
        ({"host": "N1"}, set()),
        ({"host": "https://n2/"}, set()),
        ({"host": {"name": "n2"}}, set()),
    ],
)
def test_a_field_says_what_it_says(payload: dict[str, Any], expected: set[Fact]) -> None:
    assert facts(payload) == expected


UNIT = {"runtime": "systemd", "active_state": "failed", "investigation": {"unit": {"enabled": True}}}
CONTAINER = {"runtime": "docker", "status": "exited", "exit_code": 1, "restart_policy": "unless-stopped"}


@pytest.mark.parametrize(
    ("payload", "startable"),
    [
        (UNIT, True),
        (UNIT | {"active_state": "inactive"}, True),
        (UNIT | {"active_state": "active"}, False),
        (UNIT | {"investigation": {"unit": {"enabled": False}}}, False),
        (UNIT | {"investigation": {}}, False),
        (UNIT | {"result": "start-limit-hit"}, False),
        (UNIT | {"result": "resources"}, False),
        (UNIT | {"stopped_by_person": True}, False),
        (UNIT | {"active_state": "inactive", "ended": "stopped_by_person"}, False),
        (CONTAINER, True),
        (CONTAINER | {"restart_policy": "no"}, False),
        (CONTAINER | {"restart_policy": "no", "declared_state": "running"}, True),
        (CONTAINER | {"status": "running"}, False),
        (CONTAINER | {"exit_code": 143}, False),
        (CONTAINER | {"error": "port in use"}, False),
        (CONTAINER | {"restart_count": 9}, False),
        (CONTAINER | {"labels": {"mendmesh.restart": "false"}}, False),
        (CONTAINER | {"depends_on": {"db": "exited"}}, False),
        ({"runtime": "supervisor", "state": "FATAL"}, True),
        ({"runtime": "supervisor", "state": "STOPPED"}, False),
        ({"status": "exited"}, False),
    ],
)
def test_what_its_own_agent_finds_stopped_and_meant_to_run_may_be_started(
    payload: dict[str, Any], startable: bool
) -> None:
    assert (Fact.STARTABLE in facts(payload, trust=Trust.NODE)) is startable
    for trust in (Trust.FOREIGN, Trust.OBSERVER, Trust.MESH):
        assert Fact.STARTABLE not in facts(payload, trust=trust), "only the agent looked"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"root_cause": "the licence ran out"}, {Fact.EXPLAINED_BY}),
        ({"recent_changes": ["nftables.conf 2 min ago"]}, {Fact.EXPLAINED_BY}),
        ({"changed": []}, set()),
        ({"alert": {"cause": "x"}}, set()),
        ({"zypper": "running since 4 min"}, {Fact.RESTARTING, Fact.HELD}),
        ({"dnf": True}, {Fact.RESTARTING, Fact.HELD}),
        ({"pacman": "idle"}, set()),
        ({"problem_has_been_acknowledged": 1}, {Fact.MAINTENANCE}),
        ({"acknowledged": True}, {Fact.MAINTENANCE}),
        ({"acknowledged": 0}, set()),
        ({"measured_at": "2026-10-02T00:00:00Z"}, {Fact.CONFLICT}),
        ({"last_check": "2026-11-09T23:00:00Z"}, set()),
        ({"unit": "`id`.service"}, {Fact.BAD_NAME}),
        ({"unit": "srv-my\\x2ddisk.mount"}, set()),
        ({"container": "app", "exit_code": 125, "error": "no such layer"}, {Fact.START_ERROR}),
        ({"state_type": "SOFT", "attempt": 2}, {Fact.TRANSIENT}),
        ({"state_type": "SOFT", "attempt": 3}, set()),
    ],
)
def test_what_other_systems_say_beside_the_state(payload: dict[str, Any], expected: set[Fact]) -> None:
    assert facts(payload, timestamp="2026-11-10T00:00:00Z") == expected


def test_our_own_word_for_a_persons_stop_counts_from_the_agent_alone() -> None:
    payload = {"runtime": "docker", "status": "exited", "stopped_by_person": True}
    assert Fact.OPERATOR in facts(payload, trust=Trust.NODE)
    assert Fact.OPERATOR not in facts({**payload, "stopped_by_person": False}, trust=Trust.NODE)
    assert Fact.OPERATOR not in facts({"state": payload}, trust=Trust.NODE), "it says so at the top"
    for trust in (Trust.FOREIGN, Trust.OBSERVER, Trust.MESH):
        for said in (True, "true"):
            assert Fact.OPERATOR not in facts({**payload, "stopped_by_person": said}, trust=trust)


@pytest.mark.parametrize(
    ("more", "at_once"),
    [
        ({}, True),
        ({"lived_ms": 1000}, False),
        ({"lived_ms": True}, False),
        ({"first_start": False}, False),
        ({"exit_code": 0}, False),
    ],
)
def test_what_ended_as_soon_as_it_was_first_started_is_known_from_its_agent(
    more: dict[str, Any], at_once: bool
) -> None:
    payload = {"runtime": "docker", "status": "exited", "exit_code": 78, "lived_ms": 40, "first_start": True, **more}
    assert (Fact.FAILED_AT_ONCE in facts(payload, trust=Trust.NODE)) is at_once
    assert Fact.FAILED_AT_ONCE not in facts(payload)


@pytest.mark.parametrize(("seconds", "just"), [(30, True), (601, False), (-1, False)])
def test_what_was_replaced_minutes_before_is_known_from_its_agent(seconds: int, just: bool) -> None:
    payload = {"investigation": {"image": {"changed_seconds_ago": seconds}}}
    assert (Fact.JUST_REPLACED in facts(payload, trust=Trust.NODE)) is just
    assert Fact.JUST_REPLACED not in facts(payload)


def test_prose_never_makes_a_fact() -> None:
    words = "status: exited. maintenance: true, test=true, resolved, unhealthy, health: healthy, crashloopbackoff"
    assert facts({"log_tail": [words], "message": words, "alerts": [{"annotations": {"summary": words}}]}) == set()


@pytest.mark.parametrize("key", ["logs", "container_log", "log_lines", "stderr", "journal"])
def test_what_lies_in_a_structured_log_is_no_field(key: str) -> None:
    """Who asks a program for something may choose keys of what it logs."""
    line = {"path": "/", "query": {"downtime_depth": "1", "maintenance": "true", "state": "exited"}}
    for said in ([line], {"last": line}, [[line["query"]]]):
        assert facts({"status": "running", key: said}) == facts({"status": "running"}), said
    assert facts({"log_volume": {"disk_used_percent": 100}}) == {Fact.NO_ROOM}


def test_evidence_that_is_newer_than_its_event_is_a_contradiction() -> None:
    heartbeat = {"heartbeat": {"time": "2026-10-01 05:58:11.512"}}
    assert Fact.CONFLICT in facts(heartbeat, timestamp="2019-01-07T03:00:00Z")
    assert Fact.CONFLICT not in facts(heartbeat, timestamp="2026-10-01T06:00:00Z")
    old = {"startsAt": "2020-01-01T00:00:00+02:00", "endsAt": "0001-01-01T00:00:00Z", "time": "not a time at all....."}
    assert facts(old, timestamp="2026-10-01T06:00:00Z") == set()


def test_names_that_are_no_names_and_no_name_at_all() -> None:
    assert facts({}, service=None) == {Fact.WHOLE_NODE}
    hostile = HealthEvent.model_construct(type="x", node="n1", service="a; rm -rf /", payload={}, timestamp="bad")
    assert facts_for(hostile) == {Fact.BAD_NAME}


def test_deep_nonsense_is_unreadable_and_wide_nonsense_is_cut() -> None:
    deep: dict[str, Any] = {}
    for _ in range(60):
        deep = {"detail": deep}
    assert facts(deep) == {Fact.UNREADABLE}
    assert facts({f"k{n}": n for n in range(20_000)}) == set()


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ({"alertname": "A"}, "A"),
        ({"alert": "B"}, "B"),
        ({"commonLabels": {"alertname": "C"}}, "C"),
        ({"labels": {"alertname": "D"}}, "D"),
        ({"alert": 3, "labels": "x"}, ""),
    ],
)
def test_the_alerts_own_name(payload: dict[str, Any], name: str) -> None:
    assert alert_name_for(HealthEvent(type="alert", node="n", payload=payload)) == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=30,
)
KEYS = st.sampled_from(
    [
        "State",
        "status",
        "health",
        "Action",
        "heartbeat",
        "test",
        "host",
        "alerts",
        "time",
        "live_x",
        "declared_x",
        "Actor",
        "missing",
        "error",
        "compose",
    ]
)


@settings(deadline=None)  # other work on the machine is no bug
@given(st.dictionaries(KEYS, JSON, max_size=8))
def test_no_payload_makes_it_raise(payload: dict[str, Any]) -> None:
    facts(payload)
    alert_name_for(HealthEvent(type="alert", node="n", payload=payload))
