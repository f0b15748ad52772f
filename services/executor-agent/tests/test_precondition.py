"""Withdrawn only when the trouble itself is visibly over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executor_agent.admission.precondition import MAX_WAIT_SECONDS, is_over, seconds_until_sure
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.records import rfc3339

RUNS = TargetState(TargetStatus.HEALTHY, "running", {"containers": [{"health": None}]})
CHECKED = TargetState(TargetStatus.HEALTHY, "running, healthy", {"containers": [{"health": "healthy"}]})


def event(kind: str, **payload: Any) -> HealthEvent:
    return HealthEvent(id="here/1-0", type=kind, node="here", service="web", payload=payload)


@pytest.mark.parametrize("kind", ["container_died", "unit_failed", "program_exited", "nginx_crashed"])
def test_what_was_down_is_over_when_it_runs(kind: str) -> None:
    assert is_over(event(kind), RUNS)
    assert not is_over(event(kind), TargetState(TargetStatus.UNHEALTHY, "exited"))
    assert not is_over(event(kind), TargetState(TargetStatus.UNKNOWN, "no answer"))


@pytest.mark.parametrize("kind", ["container_unhealthy", "service_unhealthy"])
def test_what_was_unhealthy_is_over_only_when_a_health_check_says_so(kind: str) -> None:
    assert not is_over(event(kind), RUNS)
    assert not is_over(event(kind), TargetState(TargetStatus.HEALTHY, "active"))
    assert is_over(event(kind), CHECKED)
    assert not is_over(event("container_died", health="unhealthy"), RUNS)


@pytest.mark.parametrize("kind", ["http_probe_failed", "tcp_probe_failed", "container_restart_loop", "cpu_high"])
def test_what_a_look_cannot_see_is_a_persons_decision(kind: str) -> None:
    assert not is_over(event(kind), CHECKED)


def test_a_look_at_the_very_trouble_is_believed_whatever_the_event_is_called() -> None:
    enough = TargetState(TargetStatus.HEALTHY, "/var 71 % full")
    assert is_over(event("disk_space_low"), enough, sees_the_trouble=True)
    assert not is_over(event("disk_space_low"), enough)
    assert not is_over(event("disk_space_low"), TargetState(TargetStatus.UNKNOWN), sees_the_trouble=True)


def test_what_an_alert_saw_first_is_looked_at_until_the_containers_own_check_had_the_time() -> None:
    now = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
    slow = replace(CHECKED, facts={**CHECKED.facts, "start_period_seconds": 40.0})
    very_slow = replace(CHECKED, facts={**CHECKED.facts, "start_period_seconds": 4000.0})

    def alert(kind: str, seconds_ago: float, trust: Trust = Trust.FOREIGN) -> HealthEvent:
        at = rfc3339(now - timedelta(seconds=seconds_ago))
        return event(kind).model_copy(update={"trust": trust, "timestamp": at})

    assert seconds_until_sure(alert("container_unhealthy", 10), slow, now) == 30
    assert seconds_until_sure(alert("container_unhealthy", -900), very_slow, now) == MAX_WAIT_SECONDS
    for over in (
        alert("container_unhealthy", 41),
        alert("container_unhealthy", 10, Trust.NODE),
        alert("unit_failed", 10),
    ):
        assert seconds_until_sure(over, slow, now) == 0
    sick = TargetState(TargetStatus.UNHEALTHY, "unhealthy", slow.facts)
    assert seconds_until_sure(alert("container_unhealthy", 10), sick, now) == 0
