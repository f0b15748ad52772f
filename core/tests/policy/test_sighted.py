"""What a node's agent sees of a service decides over what an alert calls its trouble."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_core.actions.register import type_for
from mesh_core.models.events import HealthEvent, Severity
from mesh_core.models.sightings import SeenState, Sighting
from mesh_core.policy.policy import Policy

POLICY = Policy.load(None, learnt=False)
NOW = "2026-11-29T13:00:00Z"
FAILED_UNIT = {
    "active_state": "failed",
    "sub_state": "failed",
    "result": "exit-code",
    "exit_code": 1,
    "unit": "web.service",
}
EXITED = {"status": "exited", "exit_code": 1, "restart_policy": "unless-stopped", "health": "none"}


def seen(state: SeenState, **said: Any) -> Sighting:
    since = said.pop("since", "2026-11-28T13:00:00Z")
    return Sighting(service="web.service", state=state, since=since, runtime=said.pop("runtime", "systemd"), **said)


def an_alert(type_: str, sighting: Sighting | None, **said: Any) -> HealthEvent:
    return HealthEvent(
        **{"node": "nas1", "service": "web", "severity": Severity.ERROR, "payload": {"alertname": type_}, **said},
        type=type_,
        timestamp=NOW,
        sighting=sighting,
    )


UNIT_FAILED = seen(SeenState.FAILED, enabled=True, type="unit_failed", facts=FAILED_UNIT)


@pytest.mark.parametrize("type_", ["weird_thing", "blackbox_probe_failed", "service_down", "queue_is_long"])
def test_what_does_not_run_and_is_meant_to_may_be_started_whatever_the_alert_is_called(type_: str) -> None:
    alert = an_alert(type_, UNIT_FAILED)
    allowed = POLICY.allows(alert)
    assert (allowed.preferred, allowed.rule) == ("restart", "does-not-run")
    action = type_for("restart", alert)
    assert action is not None
    assert action.name == "service_restart"
    assert POLICY.permits("restart", alert)


@pytest.mark.parametrize(
    ("runtime", "facts", "type_"),
    [("docker", EXITED, "container_died"), ("supervisor", {"state": "FATAL"}, "program_fatal")],
)
def test_whoever_its_manager_is(runtime: str, facts: dict[str, Any], type_: str) -> None:
    sighting = seen(SeenState.FAILED, runtime=runtime, type=type_, facts=facts)
    assert POLICY.allows(an_alert("weird_thing", sighting)).preferred == "restart"


@pytest.mark.parametrize(
    ("sighting", "said"),
    [
        # its owner forbids it
        (
            seen(
                SeenState.FAILED,
                runtime="docker",
                type="container_died",
                facts={**EXITED, "labels": {"mendmesh.restart": "false"}},
            ),
            {},
        ),
        (UNIT_FAILED, {"payload": {"alertname": "weird_thing", "test": True}}),
        (UNIT_FAILED, {"payload": {"alertname": "weird_thing", "in_maintenance": True}}),
        # what is called like it and is another thing
        (UNIT_FAILED, {"payload": {"alertname": "KubePodNotReady", "pod": "web", "namespace": "shop"}}),
        (UNIT_FAILED, {"payload": {"alertname": "VM is not running", "rule": "vm stopped"}}),
    ],
)
def test_what_is_not_to_be_started_is_not_started_because_it_does_not_run(
    sighting: Sighting, said: dict[str, Any]
) -> None:
    allowed = POLICY.allows(an_alert("weird_thing", sighting, **said))
    assert allowed.rule != "does-not-run"
    assert allowed.preferred in ("notify", "ignore")


@pytest.mark.parametrize("type_", ["service_down", "unit_failed", "container_died"])
def test_an_alert_that_it_is_down_is_contradicted_by_an_agent_that_sees_it_run(type_: str) -> None:
    assert POLICY.allows(an_alert(type_, None)).preferred == "restart"
    allowed = POLICY.allows(an_alert(type_, seen(SeenState.RUNNING)))
    assert (allowed.preferred, allowed.rule) == ("notify", "sighting")
    assert "restart" in allowed.actions
    said = next(entry.sentence for entry in allowed.trace if entry.name == "sighting")
    assert said == "the agent on nas1 sees web.service running for 24 h or longer"


def test_who_does_not_answer_may_hang_although_it_runs() -> None:
    probe = "blackbox_probe_failed"
    assert POLICY.allows(an_alert(probe, seen(SeenState.RUNNING))).preferred == "restart"
    assert POLICY.allows(an_alert(probe, seen(SeenState.RUNNING, healthy=True))).preferred == "notify"


@pytest.mark.parametrize(
    "sighting",
    [
        seen(SeenState.RUNNING, since="2026-11-29T12:59:00Z"),
        seen(SeenState.STARTING, since="2026-11-29T12:59:00Z"),
        seen(SeenState.RESTARTING),
    ],
)
def test_what_was_just_started_is_not_disturbed(sighting: Sighting) -> None:
    allowed = POLICY.allows(an_alert("blackbox_probe_failed", sighting))
    assert allowed.preferred == "notify"
    assert "restart" in allowed.actions


@pytest.mark.parametrize("type_", ["service_down", "blackbox_probe_failed", "container_missing"])
def test_what_somebody_stopped_is_offered_nothing_that_starts_it(type_: str) -> None:
    allowed = POLICY.allows(an_alert(type_, seen(SeenState.STOPPED)))
    assert allowed.actions == {"notify"}
    assert any("stopped" in entry.sentence for entry in allowed.trace if entry.name == "sighting")


def test_an_end_or_a_test_stays_one_whatever_is_seen() -> None:
    resolved = {"alertname": "ServiceDown", "test": True}
    for state in SeenState:
        without = POLICY.allows(an_alert("service_down", None, payload=resolved))
        assert POLICY.allows(an_alert("service_down", seen(state), payload=resolved)).preferred == without.preferred


ABSENT = seen(SeenState.ABSENT, runtime="")


@pytest.mark.parametrize("type_", ["service_down", "blackbox_probe_failed"])
def test_what_nothing_is_called_is_told_and_not_started(type_: str) -> None:
    alert = an_alert(type_, ABSENT)
    allowed = POLICY.allows(alert)
    assert allowed.preferred == "notify"
    assert not {"restart", "redeploy"} & allowed.actions
    assert "the agent on nas1 sees nothing that is called web.service" in [entry.sentence for entry in allowed.trace]


def test_what_is_declared_may_be_made_although_it_is_not_there() -> None:
    payload = {"alertname": "ServiceDown", "declared_in_compose": "shop", "container": "absent"}
    assert "redeploy" in POLICY.allows(an_alert("service_down", ABSENT, payload=payload)).actions


def test_what_its_agent_sees_run_is_a_program_whatever_the_alert_is_called() -> None:
    for state, offered in ((SeenState.RUNNING, True), (SeenState.UNHEALTHY, True), (SeenState.STOPPED, False)):
        allowed = POLICY.allows(an_alert("weird_thing", seen(state)))
        assert (allowed.preferred, "restart" in allowed.actions) == ("notify", offered), state
    assert "restart" not in POLICY.allows(an_alert("weird_thing", None)).actions
