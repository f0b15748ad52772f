"""The incident rule, as a table: which recovery ends which trouble, and what one proposal is about."""

from __future__ import annotations

import pytest

from mesh_core.incidents.event_types import EventType
from mesh_core.incidents.rule import OpenTrouble, ends, is_recovery, is_trouble
from mesh_core.incidents.severities import rank, worst
from mesh_core.models.events import HealthEvent, Severity, Trust

NODE, MESH, OBSERVER, FOREIGN = Trust.NODE, Trust.MESH, Trust.OBSERVER, Trust.FOREIGN


def heard(
    kind: str, trust: Trust, service: str | None = "nginx", incident: str | None = None, **facts: str
) -> HealthEvent:
    payload = {**facts, **({"verdict": "proven"} if kind == "remediation_completed" else {})}
    return HealthEvent(type=kind, node="web01", service=service, trust=trust, incident=incident, payload=payload)


DIED = OpenTrouble("web01", "nginx", "container_died", "web01/nginx/1")
SLOW = OpenTrouble("web01", "nginx", "latency_high", "alertmanager/1/x")
TYPED = OpenTrouble("web01", "nginx", "container_died", None)  # by a person, who gives no incident
DISK = OpenTrouble("web01", None, "disk_full", "web01//1")
SMELL = OpenTrouble("web01", None, "smells_burnt", None)
AWAY = OpenTrouble("web01", None, "node_offline", None)
ALL = {"died": DIED, "slow": SLOW, "typed": TYPED, "disk": DISK, "smell": SMELL, "away": AWAY}


@pytest.mark.parametrize(
    ("recovery", "ended"),
    [
        # Its own agent and our executor know which incident is over; what has no name may be that very thing.
        (heard("service_recovered", NODE, incident="web01/nginx/1"), "died typed"),
        # It speaks when all it watches of a service is well: one that forgot an incident found the trouble anew.
        (heard("service_recovered", NODE, incident="web01/nginx/2"), "died typed"),
        (heard("service_recovered", NODE, incident="web01/nginx/2", ended="no longer watched"), "typed"),
        (heard("remediation_completed", MESH, incident="web01/nginx/2"), "typed"),
        (heard("remediation_completed", MESH, incident="web01/nginx/1"), "died typed"),
        # An alert that is resolved says so of itself only: that a latency is low again does not start a container.
        (heard("service_recovered", FOREIGN, incident="alertmanager/1/x"), "slow"),
        (heard("service_recovered", FOREIGN, incident="alertmanager/2/x"), ""),
        # Without an incident, somebody speaks of the service as a whole.
        (heard("service_recovered", NODE), "died slow typed"),
        (heard("service_healthy", FOREIGN), "died slow typed"),
        (heard("remediation_completed", MESH), "died slow typed"),
        # Only our executor's proof counts.
        (heard("remediation_completed", FOREIGN), ""),
        # A whole node recovers from one trouble at a time, and that it was offline ends when it is online.
        (heard("service_recovered", NODE, None, "web01//1"), "disk smell"),
        (heard("service_recovered", NODE, None, "web01//2"), "smell"),
        (heard("service_recovered", NODE, None), "disk smell"),
        (heard("service_recovered", FOREIGN, None, "web01//1"), "disk"),
        (heard("node_online", OBSERVER, None), "away"),
        (heard("node_online", FOREIGN, None), "away"),
        (heard("node_online", NODE, None), "smell away"),
        (heard("node_online", NODE, "nginx"), ""),
        # The rest is no recovery.
        (heard("deployment_completed", NODE), ""),
        (heard("container_died", NODE, incident="web01/nginx/1"), ""),
    ],
)
def test_what_a_recovery_ends(recovery: HealthEvent, ended: str) -> None:
    assert [name for name, trouble in ALL.items() if ends(recovery, trouble)] == ended.split()


@pytest.mark.parametrize("trouble", [DIED._replace(node="web02"), DIED._replace(service="db"), DISK])
def test_nothing_is_ended_elsewhere(trouble: OpenTrouble) -> None:
    assert not ends(heard("service_recovered", NODE), trouble)
    assert not ends(heard("service_recovered", NODE, incident=DIED.incident), trouble)


def test_a_node_that_is_back_is_no_longer_offline_but_its_disk_may_still_be_full() -> None:
    back = HealthEvent(type="node_online", node="web01")
    assert ends(back, HealthEvent(type="node_offline", node="web01"))
    assert not ends(back, HealthEvent(type="disk_space_low", node="web01"))
    assert not ends(back, HealthEvent(type="node_offline", node="web02"))


def test_an_alert_that_is_resolved_ends_itself_and_nothing_else() -> None:
    resolved = heard("service_recovered", FOREIGN, incident="alertmanager/1/x")
    assert ends(resolved, heard("latency_high", FOREIGN, incident="alertmanager/1/x"))
    assert not ends(resolved, heard("container_died", NODE, incident="web01/nginx/1"))
    assert not ends(resolved, heard("latency_high", FOREIGN, incident="alertmanager/2/x"))
    # Its own agent and a person speak of the service as a whole.
    assert ends(heard("service_recovered", NODE), heard("latency_high", FOREIGN, incident="alertmanager/1/x"))
    assert ends(heard("service_recovered", FOREIGN), heard("container_died", NODE, incident="web01/nginx/1"))


def test_what_an_executor_says_of_its_own_work_and_notices_are_no_trouble() -> None:
    assert is_trouble(HealthEvent(type="a_word_that_nobody_knows", node="n"))
    assert not is_trouble(HealthEvent(type="a_word_that_nobody_knows", node="n", severity=Severity.INFO))
    for kind in ("events_dropped", "remediation_failed", "service_recovered"):
        assert not is_trouble(HealthEvent(type=kind, node="n", severity=Severity.ERROR))


def test_a_type_that_nobody_lists_is_legal_and_one_that_is_listed_is_its_word() -> None:
    assert HealthEvent(type="teapot_empty", node="n").type == "teapot_empty"
    assert HealthEvent(type=EventType.NODE_ONLINE, node="n").type == "node_online"
    assert is_recovery(HealthEvent(type="node_online", node="n"))


def test_severities_have_an_order() -> None:
    assert sorted(Severity, key=rank) == [Severity.INFO, Severity.WARNING, Severity.ERROR, Severity.CRITICAL]
    assert worst([Severity.WARNING, Severity.CRITICAL, Severity.INFO]) is Severity.CRITICAL
    assert worst([]) is Severity.INFO
