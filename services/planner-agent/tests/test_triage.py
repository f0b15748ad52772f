"""Which events go where."""

from __future__ import annotations

import pytest

from mesh_core.incidents.event_types import BENIGN
from mesh_core.models.events import HealthEvent, Trust
from planner_agent.intake.triage import MAX_BEGUN, Route, is_poison, triage


def event(kind: str, trust: Trust = Trust.NODE, incident: str | None = None) -> HealthEvent:
    return HealthEvent(type=kind, node="web01", service="nginx", trust=trust, incident=incident)


@pytest.mark.parametrize("kind", sorted(BENIGN))
def test_a_benign_event_never_gets_a_model(kind: str) -> None:
    assert triage(event(kind)) is not Route.PLAN


@pytest.mark.parametrize("kind", ["service_recovered", "service_healthy", "node_online"])
def test_a_recovery_may_withdraw(kind: str) -> None:
    assert triage(event(kind)) is Route.RECOVERY


@pytest.mark.parametrize("kind", ["container_died", "something_nobody_heard_of", "node_offline"])
def test_trouble_is_planned_even_if_nobody_knows_its_type(kind: str) -> None:
    assert triage(event(kind, Trust.FOREIGN)) is Route.PLAN


def test_only_the_mesh_itself_can_write_the_ledger_of_runs() -> None:
    assert triage(event("remediation_started", Trust.MESH)) is Route.RUN
    assert triage(event("remediation_started", Trust.FOREIGN)) is Route.NOTHING
    assert triage(event("remediation_failed", Trust.FOREIGN)) is Route.PLAN


def test_a_failed_run_is_new_trouble_only_if_no_agent_keeps_announcing_the_incident() -> None:
    assert triage(event("remediation_failed", Trust.MESH, incident="web01/nginx/1")) is Route.RUN
    assert triage(event("remediation_failed", Trust.MESH)) is Route.PLAN


def test_an_event_is_poison_after_five_beginnings() -> None:
    assert not is_poison(MAX_BEGUN)
    assert is_poison(MAX_BEGUN + 1)
