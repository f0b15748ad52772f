"""Which actions an event may lead to: the shipped rules and the fences."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from policy_rig import COMPOSE, DOCKER, IGNORE, NOTIFY, REDEPLOY, RESTART, SHIPPED, allows, event, type_name

from mesh_core.actions import register
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.proposals import Risk
from mesh_core.policy.answer_schema import narrow
from mesh_core.policy.policy import Allowed, Policy
from mesh_core.policy.track_record import TrackRecord


@pytest.mark.parametrize("type_", ["service_unhealthy", "service_down", "container_unhealthy", "container_died"])
def test_a_hand_injected_trouble_is_offered_a_container_restart(type_: str) -> None:
    allowed = allows(type_)
    assert (allowed.preferred, allowed.actions) == (RESTART, frozenset({RESTART, NOTIFY}))
    assert type_name(RESTART, event(type_)) == "container_restart"


UNIT: dict[str, Any] = {"runtime": "systemd", "unit": "web.service"}
PROGRAM: dict[str, Any] = {"runtime": "supervisor", "program": "web"}


@pytest.mark.parametrize(
    ("type_", "payload", "preferred"),
    [
        ("container_died", DOCKER | {"status": "exited", "exit_code": 1}, RESTART),
        ("container_oom", DOCKER | {"status": "exited", "oom_killed": True}, RESTART),
        ("container_oom", DOCKER | {"status": "running", "oom_killed": True}, NOTIFY),
        ("container_unhealthy", DOCKER | {"status": "running", "health": "unhealthy"}, RESTART),
        ("container_restart_loop", DOCKER | {"status": "restarting"}, NOTIFY),
        ("container_died", DOCKER | {"swarm": {"service": "web", "slot": "1"}}, NOTIFY),
        ("container_missing", DOCKER, NOTIFY),
        ("container_missing", DOCKER | COMPOSE, REDEPLOY),
        ("unit_failed", UNIT | {"active_state": "failed"}, RESTART),
        ("unit_restart_loop", UNIT | {"active_state": "activating"}, NOTIFY),
        ("program_restart_loop", PROGRAM | {"state": "RUNNING", "crashes": 3}, NOTIFY),
        ("program_exited", PROGRAM | {"state": "EXITED"}, RESTART),
        ("program_fatal", PROGRAM | {"state": "FATAL"}, RESTART),
        ("program_unhealthy", PROGRAM | {"state": "RUNNING"}, RESTART),
        ("http_probe_failed", PROGRAM | {"url": "http://127.0.0.1/", "error": "connection timed out"}, RESTART),
        # As the C libraries of Linux and of the others say it of a name: the probe never came to the service.
        ("http_probe_failed", PROGRAM | {"error": "wiki.lan:80: Name or service not known"}, NOTIFY),
        ("tcp_probe_failed", PROGRAM | {"error": "nodename nor servname provided, or not known"}, NOTIFY),
        ("tcp_probe_failed", UNIT | {"port": 80, "error": "Connection refused"}, RESTART),
        ("service_recovered", {}, IGNORE),
        ("service_flapping", {}, NOTIFY),
        ("remediation_failed", {}, NOTIFY),
    ],
)
def test_each_of_the_node_agents_events_leads_where_it_should(
    type_: str, payload: dict[str, Any], preferred: str
) -> None:
    allowed = allows(type_, payload, severity="error")
    assert allowed.preferred == preferred, allowed
    if preferred == NOTIFY:
        assert RESTART not in allowed.actions


def test_of_a_probe_that_nothing_backs_its_own_agent_knows_no_more() -> None:
    said = event("http_probe_failed", {"url": "http://127.0.0.1/", "error": "500"}, severity="error")
    allowed = SHIPPED.allows(said.model_copy(update={"trust": Trust.NODE}))
    assert (allowed.preferred, RESTART in allowed.actions) == (NOTIFY, False)


@pytest.mark.parametrize(
    "type_", ["something_new", "alert", "db_down", "host_service_missing", "postgres_replication", "service_down"]
)
def test_what_verifiably_does_not_run_may_be_started_whatever_the_alert_is_called(type_: str) -> None:
    """A unit that is enabled is started, which touches nothing that runs; a container or a program is restarted."""
    enabled = {"investigation": {"unit": {"enabled": True}}}
    for payload, preferred in (
        (UNIT | enabled | {"active_state": "failed"}, "unit_start"),
        (UNIT | enabled | {"active_state": "inactive"}, "unit_start"),
        (DOCKER | {"status": "exited", "exit_code": 1, "restart_policy": "always"}, RESTART),
        (PROGRAM | {"state": "FATAL"}, RESTART),
    ):
        allowed = allows(type_, payload, severity="warning", trust=Trust.NODE)
        assert (allowed.preferred, allowed.rule) == (preferred, "does-not-run"), allowed
        assert {RESTART, NOTIFY} <= allowed.actions
        loops = allows("unit_restart_loop", payload, severity="error", trust=Trust.NODE)
        assert (loops.preferred, loops.rule) == (NOTIFY, "loop"), "between two starts it does not run either"
    runs = allows(type_, UNIT | enabled | {"active_state": "active"}, severity="warning", trust=Trust.NODE)
    assert "unit_start" not in runs.actions
    words = UNIT | enabled | {"active_state": "failed", "logs": ["ERROR no space left on device"]}
    assert allows(type_, words, severity="warning", trust=Trust.NODE).actions == {NOTIFY}
    cause = UNIT | enabled | {"active_state": "failed", "logs": ["ERROR invalid configuration"]}
    assert allows(type_, cause, severity="warning", trust=Trust.NODE).preferred == NOTIFY


def test_starting_what_does_not_run_is_offered_for_the_lifeline_too() -> None:
    enabled = {"runtime": "systemd", "active_state": "failed", "investigation": {"unit": {"enabled": True}}}
    allowed = allows("unit_failed", enabled, service="ssh.service", severity="error", trust=Trust.NODE)
    assert allowed.actions == {"unit_start", NOTIFY}


@pytest.mark.parametrize(
    "type_", ["disk_space_low", "memory_low", "load_high", "temperature_high", "node_offline", "node_online"]
)
def test_a_whole_nodes_trouble_is_never_answered_with_a_restart(type_: str) -> None:
    allowed = allows(type_, service=None)
    assert allowed.actions <= {NOTIFY, IGNORE}


def test_the_runtime_decides_what_a_restart_is() -> None:
    assert type_name(RESTART, event("unit_failed", UNIT)) == "service_restart"
    assert type_name(RESTART, event("program_fatal", PROGRAM)) == "service_restart"
    assert type_name(RESTART, event("container_died", DOCKER)) == "container_restart"
    assert type_name(REDEPLOY, event("x")) == "redeploy"
    assert type_name(NOTIFY, event("x")) == "notify"
    assert type_name(IGNORE, event("x")) is None
    written = [action.risk for action in register.SHIPPED.written]
    assert written == [*[Risk.LOW] * 2, *[Risk.GUARDED] * 3, Risk.LOW, Risk.HIGH, Risk.LOW]


def test_a_contradiction_is_for_a_person() -> None:
    assert allows("container_unhealthy", {"health": "healthy", "Action": "health_status: unhealthy"}).actions == {
        NOTIFY
    }
    assert allows("container_unhealthy", {"host": "other-node"}).actions == {NOTIFY}


@pytest.mark.parametrize("severity", [Severity.ERROR, Severity.CRITICAL])
def test_trouble_that_nobody_knows_is_told_and_never_ignored(severity: Severity) -> None:
    assert allows("flux_capacitor", severity=severity).actions == {NOTIFY}


def test_a_name_that_is_code_is_only_ever_told() -> None:
    hostile = HealthEvent.model_construct(
        type="container_died", node="n1", service="{{ 7*7 }}", severity=Severity.ERROR, payload={}, timestamp="x"
    )
    assert SHIPPED.allows(hostile).actions == {NOTIFY}


@pytest.mark.parametrize(
    "service",
    [
        "redis",
        "Redis",
        "redis.service",
        "dockerd",
        "docker.socket",
        "containerd",
        "sshd",
        "ollama",
        "llama-server",
        "tailscaled",
        "wg-quick-wg0",
        "mendmesh-planner",
        "planner-agent",
        "observer",
    ],
)
def test_the_lifeline_is_never_offered_a_restart_or_redeploy(service: str) -> None:
    allowed = allows("container_missing", COMPOSE, service=service, severity="error")
    assert allowed.actions == {NOTIFY}
    allowed = allows("unit_failed", UNIT | {"active_state": "failed"}, service=service, severity="error")
    assert (allowed.actions, allowed.rule) == (frozenset({NOTIFY}), "never")
    assert "never list" in allowed.reason


def test_an_owners_label_takes_restarts_away() -> None:
    allowed = allows("container_unhealthy", {"labels": {"mendmesh.restart": "false"}} | COMPOSE)
    assert (allowed.actions, allowed.rule) == (frozenset({NOTIFY}), "label")


def test_the_loop_guard_drops_restart_and_says_why() -> None:
    sick = event("container_unhealthy", DOCKER | COMPOSE)
    assert RESTART in SHIPPED.allows(sick, TrackRecord(restarts=2)).actions
    guarded = SHIPPED.allows(sick, TrackRecord(restarts=3))
    assert RESTART not in guarded.actions
    assert (guarded.preferred, guarded.rule) == (NOTIFY, "loop-guard")
    assert "3 times within the hour" in guarded.reason


def test_the_loop_guard_leaves_a_redeploy_where_a_rule_allows_one() -> None:
    policy = Policy.from_text(
        "rules: [{name: r, allow: [restart, redeploy, notify], prefer: restart, reason: because of that}]"
    )
    guarded = policy.allows(event("x", COMPOSE), TrackRecord(restarts=5))
    assert (guarded.preferred, guarded.actions) == (REDEPLOY, frozenset({REDEPLOY, NOTIFY}))
    assert policy.allows(event("x"), TrackRecord(restarts=5)).preferred == NOTIFY


def test_what_did_not_help_here_lately_gives_way_to_what_else_is_allowed_and_its_reason_says_so() -> None:
    rule = "{name: r, allow: [redeploy, restart, notify], prefer: restart, reason: it is down}"
    policy = Policy.from_text(f"rules: [{rule}]")
    sick = event("x", COMPOSE)
    fresh = policy.allows(sick)
    assert (fresh.preferred, fresh.order, fresh.reason) == (RESTART, (RESTART, REDEPLOY, NOTIFY), "it is down")
    failed = TrackRecord(failed={"container_restart": "2026-05-05T10:00:00.000Z"})
    tried = policy.allows(sick, failed)
    assert (tried.preferred, tried.order) == (REDEPLOY, (REDEPLOY, RESTART, NOTIFY))
    assert tried.reason == "it is down; restart did not help here at 2026-05-05T10:00:00.000Z"
    both = policy.allows(sick, TrackRecord(failed={**failed.failed, "redeploy": "2026-05-05T11:00:00.000Z"}))
    assert both.preferred == RESTART, "where nothing helped the rule's own word counts"
    alone = Policy.from_text("rules: [{name: r, allow: [restart, notify], prefer: restart, reason: it is down}]")
    assert (alone.allows(sick, failed).preferred, alone.allows(sick, failed).reason) == (RESTART, "it is down")
    told = Policy.from_text("rules: [{name: r, allow: [restart, notify], prefer: notify, reason: it is down}]")
    assert told.allows(sick, TrackRecord(proven=frozenset({"container_restart"}))).preferred == NOTIFY


def test_a_choice_with_a_limit_of_its_own_is_not_offered_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    limited = tuple(replace(one, per_hour=1) if one.word == RESTART else one for one in register.SHIPPED.choices)
    monkeypatch.setitem(register.SHIPPED.__dict__, "choices", limited)
    sick = event("container_unhealthy")
    assert RESTART in SHIPPED.allows(sick, TrackRecord(restarts=1, begun={REDEPLOY: 1})).actions
    told = SHIPPED.allows(sick, TrackRecord(restarts=1, begun={RESTART: 1}))
    assert RESTART not in told.actions
    assert "restart began 1 times here within the hour, its limit is 1" in told.reason
    assert told.rule == "per-hour"


def test_a_policy_that_leaves_nothing_still_tells_a_person() -> None:
    policy = Policy.from_text("rules: [{name: r, allow: [restart], prefer: restart, reason: because of that}]")
    assert policy.allows(event("x", service=None)).actions == {NOTIFY}
    assert Policy.from_text("").allows(event("x")) == Allowed(
        frozenset({NOTIFY}), NOTIFY, "no rule knows this event", "none", (NOTIFY,)
    )


def test_each_step_of_a_policy_is_kept_with_what_it_changed() -> None:
    plain = SHIPPED.allows(event("container_unhealthy", COMPOSE | DOCKER))
    first = plain.trace[0]
    assert (first.name, first.preferred) == (plain.rule, RESTART)
    assert {NOTIFY, RESTART} <= set(first.added)
    own = "rules: [{name: r, allow: [restart, redeploy, notify], prefer: restart, reason: it is down}]\n"
    policy = Policy.from_text(own + "never: {services: [web]}")
    told = policy.allows(event("x", DOCKER))
    assert [(entry.name, entry.added, entry.removed, entry.preferred) for entry in told.trace] == [
        ("r", (NOTIFY, REDEPLOY, RESTART), (), RESTART),
        ("never", (), (REDEPLOY, RESTART), ""),
        ("stand-in", (), (), NOTIFY),
    ]
    assert "on the never list" in told.trace[1].sentence
    failed = TrackRecord(failed={"container_restart": "2026-05-05T10:00:00.000Z"})
    tried = Policy.from_text(own).allows(event("x", COMPOSE), failed).trace[-1]
    assert (tried.name, tried.preferred) == ("record", REDEPLOY)
    assert "restart did not help here" in tried.sentence
    worded = SHIPPED.allows(event("container_unhealthy", DOCKER | {"log_tail": "no space left on device"}))
    assert worded.trace[0].name == worded.rule
    assert worded.trace[0].preferred == NOTIFY


def test_permits_is_what_an_executor_asks_again() -> None:
    assert SHIPPED.permits(RESTART, event("container_unhealthy"))
    assert not SHIPPED.permits(REDEPLOY, event("container_unhealthy"))


def test_narrowing_leaves_only_this_event_and_puts_the_preferred_action_first() -> None:
    sick = event("container_unhealthy")
    schema: dict[str, object] = {"type": "object", "properties": {"reason": {"type": "string"}}}
    narrowed = narrow(schema, sick, SHIPPED.allows(sick))
    properties = narrowed["properties"]
    assert isinstance(properties, dict)
    assert properties["action"] == {"type": "string", "enum": ["restart", "notify"]}
    assert (properties["service"], properties["node"]) == ({"const": "web"}, {"const": "n1"})
    assert properties["requires_human"] == {"const": True}
    assert schema["properties"] == {"reason": {"type": "string"}}, "the schema that came in is left alone"
    whole = event("disk_space_low", service=None)
    pinned = narrow(schema, whole, SHIPPED.allows(whole))["properties"]
    assert isinstance(pinned, dict)
    assert pinned["service"] == {"const": None}


def test_a_payload_of_64_kib_is_judged_in_no_time() -> None:
    big = event(
        "container_died", {"logs": ["x" * 1000 + " password " * 10] * 60, "a": {"b": [{"c": n} for n in range(500)]}}
    )
    began = time.process_time()
    SHIPPED.allows(big)
    assert time.process_time() - began < 2  # the collector of garbage may fall into it


def test_where_a_fence_leaves_only_what_stands_in_for_nothing_a_person_is_told() -> None:
    """A rule of an operator's own that allows no `notify`: its redeploy has no project to redeploy from."""
    own = Policy.from_text("rules: [{name: r, allow: [redeploy, restart], prefer: redeploy, reason: x}]")
    allowed = own.allows(event("container_died"))
    assert (allowed.preferred, allowed.rule) == (NOTIFY, "no-compose")
    assert allowed.actions == {RESTART, NOTIFY}
