"""Which looks become events. Pure: the clock is a number."""

from __future__ import annotations

import json

from mesh_core.models.events import Severity
from node_agent.edges import Edges, FlapRule, Fold
from node_agent.findings import Condition, Finding, Rule, well

RULE = Rule(sick_looks=2, well_looks=2, well_seconds=3, again_seconds=0.5)


def finding(
    condition: Condition = Condition.SICK,
    *,
    key: str = "docker:/web",
    service: str | None = "web",
    type_: str = "container_died",
    severity: Severity = Severity.ERROR,
    rule: Rule = RULE,
) -> Finding:
    return Finding(key, service, condition, rule, type_, severity)


SICK, WELL, UNSURE = finding(), finding(Condition.WELL), finding(Condition.UNSURE)


def types(fold: Fold) -> list[str]:
    return [change.type for change in fold.changes]


def opened(edges: Edges, at: float = 0.0, seen: Finding = SICK) -> Fold:
    edges.fold(seen, at, int(at * 1000))
    return edges.fold(seen, at + 0.5, int(at * 1000) + 500)


def recovered(edges: Edges, at: float, seen: Finding = WELL) -> Fold:
    edges.fold(seen, at, int(at * 1000))
    return edges.fold(seen, at + 3, int(at * 1000) + 3000)


def test_a_blip_is_no_event() -> None:
    edges = Edges("n1")
    first = edges.fold(SICK, 0, 0)
    assert first.changes == ()
    assert first.again_seconds == 0.5
    assert edges.fold(WELL, 0.5, 500).changes == ()
    assert edges.fold(SICK, 9, 9000).changes == ()


def test_what_is_well_asks_for_nothing() -> None:
    assert Edges("n1").fold(WELL, 0, 0) == Fold()


def test_a_second_look_that_agrees_opens_an_incident_and_a_third_says_nothing() -> None:
    edges = Edges("n1")
    fold = opened(edges, 1.0)
    assert types(fold) == ["container_died"]
    assert fold.changes[0].incident == "n1/web/1500"
    assert edges.fold(SICK, 60, 60_000) == Fold()


def test_sick_seconds_count_too() -> None:
    edges = Edges("n1")
    slow = finding(rule=Rule(sick_looks=2, sick_seconds=10))
    assert edges.fold(slow, 0, 0).again_seconds == 10
    assert edges.fold(slow, 5, 5000).again_seconds == 5
    assert types(edges.fold(slow, 10, 10_000)) == ["container_died"]


def test_recovery_needs_looks_and_seconds_and_names_the_incident() -> None:
    edges = Edges("n1")
    incident = opened(edges).changes[0].incident
    assert edges.fold(WELL, 10, 10_000).again_seconds == 3
    assert edges.fold(WELL, 12, 12_000).again_seconds == 1
    done = edges.fold(WELL, 13, 13_000)
    assert types(done) == ["service_recovered"]
    assert (done.changes[0].incident, done.changes[0].was) == (incident, "container_died")
    assert edges.fold(WELL, 14, 14_000) == Fold()


def test_sick_again_while_recovering_is_the_same_incident_and_no_event() -> None:
    edges = Edges("n1")
    opened(edges)
    edges.fold(WELL, 10, 10_000)
    assert edges.fold(SICK, 11, 11_000) == Fold()
    edges.fold(WELL, 12, 12_000)
    assert edges.fold(WELL, 13, 13_000).changes == ()


def test_unsure_neither_confirms_nor_clears() -> None:
    edges = Edges("n1")
    edges.fold(SICK, 0, 0)
    edges.fold(UNSURE, 0.2, 200)
    assert edges.fold(SICK, 0.5, 500).changes == ()
    assert types(edges.fold(SICK, 1, 1000)) == ["container_died"]
    edges.fold(WELL, 5, 5000)
    edges.fold(UNSURE, 8, 8000)
    assert edges.fold(WELL, 9, 9000).changes == ()


def test_the_probe_may_ask_for_another_look_itself() -> None:
    waiting = Finding("docker:/web", "web", Condition.UNSURE, RULE, again_seconds=5)
    assert Edges("n1").fold(waiting, 0, 0).again_seconds == 5
    sooner = Finding("docker:/web", "web", Condition.SICK, RULE, "x", again_seconds=60)
    assert Edges("n1").fold(sooner, 0, 0).again_seconds == 0.5


def test_another_kind_of_trouble_is_an_event_of_the_same_incident_once_confirmed() -> None:
    edges = Edges("n1")
    incident = opened(edges).changes[0].incident
    unhealthy = finding(type_="container_unhealthy")
    assert edges.fold(unhealthy, 5, 5000).changes == ()
    changed = edges.fold(unhealthy, 6, 6000).changes[0]
    assert (changed.kind, changed.type, changed.was) == ("changed", "container_unhealthy", "container_died")
    assert changed.incident == incident


def test_getting_worse_is_an_event_and_getting_less_bad_is_none() -> None:
    edges = Edges("n1")
    opened(edges, seen=finding(severity=Severity.WARNING))
    worse = edges.fold(finding(severity=Severity.CRITICAL), 5, 5000)
    assert [c.severity for c in worse.changes] == [Severity.CRITICAL]
    assert edges.fold(finding(severity=Severity.WARNING), 6, 6000) == Fold()


def test_a_thing_that_keeps_opening_is_flapping_until_it_is_quiet() -> None:
    edges = Edges("n1", FlapRule(opens=3, window_seconds=3600, quiet_seconds=100))
    seen: list[str] = []
    for round_ in range(5):
        at = round_ * 20.0
        seen += types(opened(edges, at))
        seen += types(recovered(edges, at + 5))
    assert seen == ["container_died", "service_recovered"] * 2 + ["service_flapping"]
    assert types(edges.fold(WELL, 84, 84_000)) == []
    assert types(edges.fold(WELL, 190, 190_000)) == ["service_recovered"]


def test_flapping_that_settles_on_sick_says_so() -> None:
    edges = Edges("n1", FlapRule(opens=2, window_seconds=3600, quiet_seconds=100))
    opened(edges, 0)
    recovered(edges, 5)
    assert types(opened(edges, 20)) == ["service_flapping"]
    assert types(edges.fold(SICK, 60, 60_000)) == []
    assert types(edges.fold(SICK, 121, 121_000)) == ["container_died"]


def test_slow_repetition_is_not_flapping() -> None:
    edges = Edges("n1", FlapRule(opens=2, window_seconds=100, quiet_seconds=10))
    for at in (0.0, 200.0, 400.0):
        assert types(opened(edges, at)) == ["container_died"]
        assert types(recovered(edges, at + 5)) == ["service_recovered"]


def test_a_service_has_recovered_when_all_that_is_watched_of_it_has() -> None:
    edges = Edges("n1")
    red = finding(key="http/web:", type_="http_probe_failed")
    opened(edges, 0)
    opened(edges, 1, red)
    assert recovered(edges, 10).changes == ()
    assert [c.type for c in edges.still_open()] == ["http_probe_failed"]
    both = recovered(edges, 20, finding(Condition.WELL, key="http/web:")).changes
    assert {c.was for c in both} == {"container_died", "http_probe_failed"}
    assert edges.still_open() == []


def test_troubles_of_the_whole_node_recover_each_by_itself() -> None:
    edges = Edges("n1")
    disk = finding(key="disk:/", service=None, type_="disk_space_low")
    memory = finding(key="memory:node", service=None, type_="memory_low")
    one = opened(edges, 0, disk).changes[0]
    two = opened(edges, 0, memory).changes[0]
    assert one.incident != two.incident, "same millisecond, two incidents"
    assert one.incident.startswith("n1//")
    assert types(recovered(edges, 5, finding(Condition.WELL, key="disk:/", service=None))) == ["service_recovered"]


def test_what_vanished_counts_as_well() -> None:
    edges = Edges("n1")
    opened(edges)
    gone = well(edges.known("docker:")[0], ended="removed")
    assert edges.absent(gone, 10).changes == ()
    last = edges.absent(gone, 14).changes[0]
    assert (last.type, last.finding.facts["ended"]) == ("service_recovered", "removed")
    assert edges.absent(finding(Condition.WELL, key="docker:/never"), 0) == Fold()


def test_open_incidents_survive_a_restart_as_plain_json() -> None:
    before = Edges("n1")
    incident = opened(before).changes[0].incident
    after = Edges("n1")
    after.load(json.loads(json.dumps(before.dump())))
    assert [c.incident for c in after.still_open()] == [incident]
    assert after.is_open("docker:/web")
    assert after.fold(SICK, 1000, 1_000_000) == Fold()
    assert recovered(after, 1005).changes[0].incident == incident


def test_a_clock_that_jumps_back_gives_no_incident_twice() -> None:
    edges = Edges("n1")
    first = opened(edges, 5000).changes[0].incident
    edges.fold(WELL, 5010, 5)
    edges.fold(WELL, 5020, 5)
    edges.fold(SICK, 5021, 5)
    assert edges.fold(SICK, 5022, 5).changes[0].incident > first


def test_healthy_things_are_not_remembered() -> None:
    edges = Edges("n1", FlapRule(window_seconds=10))
    edges.fold(SICK, 0, 0)
    edges.fold(WELL, 1, 1000)
    assert edges.known("docker:") == []
