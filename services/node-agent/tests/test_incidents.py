"""Which check results become events. Pure: the clock is a number."""

from __future__ import annotations

import json

from mesh_core.models.events import Severity
from node_agent.checks.check_result import CheckResult, Condition, as_healthy
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.incidents.flapping import FlapOptions
from node_agent.incidents.incident_tracker import IncidentTracker, IncidentUpdate

RULE = ConfirmationRule(unhealthy_checks=2, healthy_checks=2, healthy_seconds=3, recheck_seconds=0.5)


def result(
    condition: Condition = Condition.UNHEALTHY,
    *,
    key: str = "docker:/web",
    service: str | None = "web",
    type_: str = "container_died",
    severity: Severity = Severity.ERROR,
    rule: ConfirmationRule = RULE,
) -> CheckResult:
    return CheckResult(key, service, condition, rule, type_, severity)


UNHEALTHY, HEALTHY, UNKNOWN = result(), result(Condition.HEALTHY), result(Condition.UNKNOWN)


def types(update: IncidentUpdate) -> list[str]:
    return [change.type for change in update.changes]


def opened(tracker: IncidentTracker, at: float = 0.0, seen: CheckResult = UNHEALTHY) -> IncidentUpdate:
    tracker.apply(seen, at, int(at * 1000))
    return tracker.apply(seen, at + 0.5, int(at * 1000) + 500)


def recovered(tracker: IncidentTracker, at: float, seen: CheckResult = HEALTHY) -> IncidentUpdate:
    tracker.apply(seen, at, int(at * 1000))
    return tracker.apply(seen, at + 3, int(at * 1000) + 3000)


def test_a_blip_is_no_event() -> None:
    tracker = IncidentTracker("n1")
    first = tracker.apply(UNHEALTHY, 0, 0)
    assert first.changes == ()
    assert first.recheck_seconds == 0.5
    assert tracker.apply(HEALTHY, 0.5, 500).changes == ()
    assert tracker.apply(UNHEALTHY, 9, 9000).changes == ()


def test_what_is_closed_ends_at_once_whatever_its_rule_its_siblings_and_its_flapping_say() -> None:
    tracker = IncidentTracker("n1", FlapOptions(opens=2, window_seconds=3600, quiet_seconds=600))
    opened(tracker, 0)
    recovered(tracker, 10)
    assert types(opened(tracker, 20)) == ["service_flapping"]
    opened(tracker, 20, result(key="http/web:", type_="http_probe_failed"))
    update = tracker.close("docker:/web", ended="no longer watched")
    assert types(update) == ["service_recovered"]
    assert (update.changes[0].was, update.changes[0].result.facts["ended"]) == ("service_flapping", "no longer watched")
    assert [change.result.key for change in tracker.still_open()] == ["http/web:"]
    assert tracker.close("docker:/web") == tracker.close("never seen") == IncidentUpdate()


def test_what_is_well_asks_for_nothing() -> None:
    assert IncidentTracker("n1").apply(HEALTHY, 0, 0) == IncidentUpdate()


def test_a_second_look_that_agrees_opens_an_incident_and_a_third_says_nothing() -> None:
    tracker = IncidentTracker("n1")
    update = opened(tracker, 1.0)
    assert types(update) == ["container_died"]
    assert update.changes[0].incident == "n1/web/1500"
    assert tracker.apply(UNHEALTHY, 60, 60_000) == IncidentUpdate()


def test_sick_seconds_count_too() -> None:
    tracker = IncidentTracker("n1")
    slow = result(rule=ConfirmationRule(unhealthy_checks=2, unhealthy_seconds=10))
    assert tracker.apply(slow, 0, 0).recheck_seconds == 10
    assert tracker.apply(slow, 5, 5000).recheck_seconds == 5
    assert types(tracker.apply(slow, 10, 10_000)) == ["container_died"]


def test_recovery_needs_looks_and_seconds_and_names_the_incident() -> None:
    tracker = IncidentTracker("n1")
    incident = opened(tracker).changes[0].incident
    assert tracker.apply(HEALTHY, 10, 10_000).recheck_seconds == 3
    assert tracker.apply(HEALTHY, 12, 12_000).recheck_seconds == 1
    done = tracker.apply(HEALTHY, 13, 13_000)
    assert types(done) == ["service_recovered"]
    assert (done.changes[0].incident, done.changes[0].was) == (incident, "container_died")
    assert tracker.apply(HEALTHY, 14, 14_000) == IncidentUpdate()


def test_sick_again_while_recovering_is_the_same_incident_and_no_event() -> None:
    tracker = IncidentTracker("n1")
    opened(tracker)
    tracker.apply(HEALTHY, 10, 10_000)
    assert tracker.apply(UNHEALTHY, 11, 11_000) == IncidentUpdate()
    tracker.apply(HEALTHY, 12, 12_000)
    assert tracker.apply(HEALTHY, 13, 13_000).changes == ()


def test_unsure_neither_confirms_nor_clears() -> None:
    tracker = IncidentTracker("n1")
    tracker.apply(UNHEALTHY, 0, 0)
    tracker.apply(UNKNOWN, 0.2, 200)
    assert tracker.apply(UNHEALTHY, 0.5, 500).changes == ()
    assert types(tracker.apply(UNHEALTHY, 1, 1000)) == ["container_died"]
    tracker.apply(HEALTHY, 5, 5000)
    tracker.apply(UNKNOWN, 8, 8000)
    assert tracker.apply(HEALTHY, 9, 9000).changes == ()


def test_the_probe_may_ask_for_another_look_itself() -> None:
    waiting = CheckResult("docker:/web", "web", Condition.UNKNOWN, RULE, recheck_seconds=5)
    assert IncidentTracker("n1").apply(waiting, 0, 0).recheck_seconds == 5
    sooner = CheckResult("docker:/web", "web", Condition.UNHEALTHY, RULE, "x", recheck_seconds=60)
    assert IncidentTracker("n1").apply(sooner, 0, 0).recheck_seconds == 0.5


def test_another_kind_of_trouble_is_an_event_of_the_same_incident_once_confirmed() -> None:
    tracker = IncidentTracker("n1")
    incident = opened(tracker).changes[0].incident
    unhealthy = result(type_="container_unhealthy")
    assert tracker.apply(unhealthy, 5, 5000).changes == ()
    changed = tracker.apply(unhealthy, 6, 6000).changes[0]
    assert (changed.kind, changed.type, changed.was) == ("changed", "container_unhealthy", "container_died")
    assert changed.incident == incident


def test_getting_worse_is_an_event_and_getting_less_bad_is_none() -> None:
    tracker = IncidentTracker("n1")
    opened(tracker, seen=result(severity=Severity.WARNING))
    worse = tracker.apply(result(severity=Severity.CRITICAL), 5, 5000)
    assert [c.severity for c in worse.changes] == [Severity.CRITICAL]
    assert tracker.apply(result(severity=Severity.WARNING), 6, 6000) == IncidentUpdate()


def test_a_thing_that_keeps_opening_is_flapping_until_it_is_quiet() -> None:
    tracker = IncidentTracker("n1", FlapOptions(opens=3, window_seconds=3600, quiet_seconds=100))
    seen: list[str] = []
    for round_ in range(5):
        at = round_ * 20.0
        seen += types(opened(tracker, at))
        seen += types(recovered(tracker, at + 5))
    assert seen == ["container_died", "service_recovered"] * 2 + ["service_flapping"]
    assert types(tracker.apply(HEALTHY, 84, 84_000)) == []
    assert types(tracker.apply(HEALTHY, 190, 190_000)) == ["service_recovered"]


def test_flapping_that_settles_on_sick_says_so() -> None:
    tracker = IncidentTracker("n1", FlapOptions(opens=2, window_seconds=3600, quiet_seconds=100))
    opened(tracker, 0)
    recovered(tracker, 5)
    assert types(opened(tracker, 20)) == ["service_flapping"]
    assert types(tracker.apply(UNHEALTHY, 60, 60_000)) == []
    assert types(tracker.apply(UNHEALTHY, 121, 121_000)) == ["container_died"]


def test_slow_repetition_is_not_flapping() -> None:
    tracker = IncidentTracker("n1", FlapOptions(opens=2, window_seconds=100, quiet_seconds=10))
    for at in (0.0, 200.0, 400.0):
        assert types(opened(tracker, at)) == ["container_died"]
        assert types(recovered(tracker, at + 5)) == ["service_recovered"]


def test_a_service_has_recovered_when_all_that_is_watched_of_it_has() -> None:
    tracker = IncidentTracker("n1")
    red = result(key="http/web:", type_="http_probe_failed")
    opened(tracker, 0)
    opened(tracker, 1, red)
    assert recovered(tracker, 10).changes == ()
    assert [c.type for c in tracker.still_open()] == ["http_probe_failed"]
    both = recovered(tracker, 20, result(Condition.HEALTHY, key="http/web:")).changes
    assert {c.was for c in both} == {"container_died", "http_probe_failed"}
    assert tracker.still_open() == []


def test_troubles_of_the_whole_node_recover_each_by_itself() -> None:
    tracker = IncidentTracker("n1")
    disk = result(key="disk:/", service=None, type_="disk_space_low")
    memory = result(key="memory:node", service=None, type_="memory_low")
    one = opened(tracker, 0, disk).changes[0]
    two = opened(tracker, 0, memory).changes[0]
    assert one.incident != two.incident, "same millisecond, two incidents"
    assert one.incident.startswith("n1//")
    assert types(recovered(tracker, 5, result(Condition.HEALTHY, key="disk:/", service=None))) == ["service_recovered"]


def test_what_vanished_counts_as_well() -> None:
    tracker = IncidentTracker("n1")
    opened(tracker)
    gone = as_healthy(tracker.known_results("docker:")[0], ended="removed")
    assert tracker.apply_missing(gone, 10).changes == ()
    last = tracker.apply_missing(gone, 14).changes[0]
    assert (last.type, last.result.facts["ended"]) == ("service_recovered", "removed")
    assert tracker.apply_missing(result(Condition.HEALTHY, key="docker:/never"), 0) == IncidentUpdate()


def test_open_incidents_survive_a_restart_as_plain_json() -> None:
    before = IncidentTracker("n1")
    incident = opened(before).changes[0].incident
    after = IncidentTracker("n1")
    after.load(json.loads(json.dumps(before.dump())))
    assert [c.incident for c in after.still_open()] == [incident]
    assert after.is_open("docker:/web")
    assert after.apply(UNHEALTHY, 1000, 1_000_000) == IncidentUpdate()
    assert recovered(after, 1005).changes[0].incident == incident


def test_a_clock_that_jumps_back_gives_no_incident_twice() -> None:
    tracker = IncidentTracker("n1")
    first = opened(tracker, 5000).changes[0].incident
    tracker.apply(HEALTHY, 5010, 5)
    tracker.apply(HEALTHY, 5020, 5)
    tracker.apply(UNHEALTHY, 5021, 5)
    assert tracker.apply(UNHEALTHY, 5022, 5).changes[0].incident > first


def test_healthy_things_are_not_remembered() -> None:
    tracker = IncidentTracker("n1", FlapOptions(window_seconds=10))
    tracker.apply(UNHEALTHY, 0, 0)
    tracker.apply(HEALTHY, 1, 1000)
    assert tracker.known_results("docker:") == []
