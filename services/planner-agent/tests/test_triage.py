"""Which events go where."""

from __future__ import annotations

import pytest

from mesh_core.models.events import BENIGN_TYPES, HealthEvent, Trust
from planner_agent.triage import MAX_BEGUN, Route, is_over, is_poison, subject_of, triage


def event(kind: str, trust: Trust = Trust.NODE, incident: str | None = None) -> HealthEvent:
    return HealthEvent(type=kind, node="web01", service="nginx", trust=trust, incident=incident)


@pytest.mark.parametrize("kind", sorted(BENIGN_TYPES))
def test_a_benign_event_never_gets_a_model(kind: str) -> None:
    assert triage(event(kind)) is not Route.PLAN


@pytest.mark.parametrize("kind", ["service_recovered", "service_healthy", "node_online"])
def test_a_recovery_may_withdraw(kind: str) -> None:
    assert triage(event(kind)) is Route.RECOVERY


@pytest.mark.parametrize("kind", ["container_died", "something_nobody_heard_of", "node_offline"])
def test_trouble_is_planned_even_if_nobody_knows_its_type(kind: str) -> None:
    assert triage(event(kind, Trust.FOREIGN)) is Route.PLAN


def test_only_the_mesh_itself_can_write_the_ledger_of_runs() -> None:
    assert triage(event("remediation_started", Trust.MESH)) is Route.LEDGER
    assert triage(event("remediation_started", Trust.FOREIGN)) is Route.NOTHING
    assert triage(event("remediation_failed", Trust.FOREIGN)) is Route.PLAN


def test_a_failed_run_is_new_trouble_only_if_no_agent_keeps_announcing_the_incident() -> None:
    assert triage(event("remediation_failed", Trust.MESH, incident="web01/nginx/1")) is Route.LEDGER
    assert triage(event("remediation_failed", Trust.MESH)) is Route.PLAN


def test_an_event_is_poison_after_five_beginnings() -> None:
    assert not is_poison(MAX_BEGUN)
    assert is_poison(MAX_BEGUN + 1)


def test_a_node_that_is_back_is_no_longer_offline_but_its_disk_may_still_be_full() -> None:
    back = HealthEvent(type="node_online", node="web01")
    assert is_over(HealthEvent(type="node_offline", node="web01"), back)
    assert not is_over(HealthEvent(type="disk_space_low", node="web01"), back)
    assert not is_over(HealthEvent(type="node_offline", node="web02"), back)


def test_an_alert_that_is_resolved_ends_itself_and_nothing_else() -> None:
    resolved = event("service_recovered", Trust.FOREIGN, incident="alertmanager/1/x")
    assert is_over(event("latency_high", Trust.FOREIGN, incident="alertmanager/1/x"), resolved)
    assert not is_over(event("container_died", incident="web01/nginx/1"), resolved)
    assert not is_over(event("latency_high", Trust.FOREIGN, incident="alertmanager/2/x"), resolved)
    # Its own agent and a person speak of the service as a whole.
    assert is_over(event("latency_high", Trust.FOREIGN, incident="alertmanager/1/x"), event("service_recovered"))
    assert is_over(event("container_died", incident="web01/nginx/1"), event("service_recovered", Trust.FOREIGN))


def test_each_trouble_of_a_whole_node_is_a_subject_of_its_own() -> None:
    assert subject_of(event("container_died")) == subject_of(event("container_oom"))
    assert subject_of(HealthEvent(type="load_high", node="n")) != subject_of(HealthEvent(type="memory_low", node="n"))
