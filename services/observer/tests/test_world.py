"""The fold: what each word makes of a place, and what must hold for any words in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.models.events import HealthEvent, Severity, Trust, WorldUpdate
from observer import world as world_room
from observer.world import HealthState, TargetHealth, World, fold, with_beat

NOW = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
_counter = iter(range(1, 1_000_000))


def event(kind: str, node: str = "pi4", service: str | None = "web", **more: object) -> HealthEvent:
    n = more.pop("n", None) or next(_counter)
    trust = more.get("trust", Trust.NODE)
    entry = f"{n}-0" if trust is Trust.NODE else f"{n}-1"
    fields = {"type": kind, "node": node, "service": service, "trust": trust, "id": f"{node}/{entry}"}
    return HealthEvent.model_validate({"severity": "error", "timestamp": "2026-05-05T11:59:00.000Z"} | fields | more)


def told(*events: HealthEvent, start: World | None = None) -> tuple[World, list[WorldUpdate]]:
    world = start or World()
    updates: list[WorldUpdate] = []
    for one in events:
        world, news = fold(world, one, NOW)
        updates += news
    return world, updates


def states(*events: HealthEvent) -> dict[str, str]:
    return {pair: place.state.value for pair, place in told(*events)[0].places.items()}


@pytest.mark.parametrize("severity", ["warning", "error", "critical"])
def test_warning_or_worse_makes_a_service_sick_and_its_speaking_node_healthy(severity: str) -> None:
    assert states(event("container_unhealthy", severity=severity)) == {"pi4/": "healthy", "pi4/web": "sick"}


def test_information_changes_nothing_but_is_remembered() -> None:
    world, _ = told(event("backup_took_long", severity="info", trust=Trust.FOREIGN))
    place = world.places["pi4/web"]
    assert (place.state, place.event_type, place.occurrences) == (HealthState.UNKNOWN, "backup_took_long", 0)


@pytest.mark.parametrize("kind", ["deployment_started", "deployment_completed", "remediation_started"])
def test_benign_news_of_work_proves_neither_sickness_nor_health(kind: str) -> None:
    assert states(event("oom"), event(kind))["pi4/web"] == "sick"
    assert states(event(kind, trust=Trust.FOREIGN)) == {"pi4/web": "unknown"}


@pytest.mark.parametrize("kind", ["service_recovered", "service_healthy"])
def test_recovery_makes_it_healthy(kind: str) -> None:
    world, updates = told(event("oom"), event(kind, severity="info"))
    assert world.places["pi4/web"].state is HealthState.HEALTHY
    assert world.places["pi4/web"].severity is Severity.INFO
    assert [(u.from_state, u.to_state) for u in updates if u.service] == [("unknown", "sick"), ("sick", "healthy")]


def test_a_remediation_counts_as_health_only_when_our_executor_saw_it_proven() -> None:
    sick = event("oom", incident="pi4/web/1")
    for trust, verdict, state in [
        (Trust.MESH, "proven", "healthy"),
        (Trust.MESH, "inconclusive", "sick"),
        (Trust.FOREIGN, "proven", "sick"),
        (Trust.NODE, "proven", "sick"),
    ]:
        done = event("remediation_completed", trust=trust, payload={"verdict": verdict})
        assert states(sick, done)["pi4/web"] == state, (trust, verdict)


def test_a_failed_remediation_is_no_second_trouble_that_would_outlive_the_recovery() -> None:
    world, _ = told(
        event("oom", incident="a/1"),
        event("remediation_failed", trust=Trust.MESH, incident="a/1"),
        event("service_recovered", incident="a/1"),
    )
    assert world.places["pi4/web"].state is HealthState.HEALTHY
    assert world.places["pi4/web"].open == {}


def test_it_stays_sick_until_the_last_open_incident_is_well() -> None:
    disk, memory = event("disk_full", service=None, incident="d"), event("memory_high", service=None, incident="m")
    well = event("service_recovered", service=None, incident="m")
    assert states(disk, memory, well) == {"pi4/": "sick"}
    assert states(disk, memory, well, event("service_recovered", service=None, incident="d")) == {"pi4/": "healthy"}


def test_what_stays_sick_is_called_after_trouble() -> None:
    alert = event("web_is_slow", trust=Trust.FOREIGN, incident="alert/1")
    for news in (event("service_recovered", incident="i1"), event("deployment_started")):
        place = told(event("container_unhealthy", incident="i1"), alert, news)[0].places["pi4/web"]
        assert (place.state, place.event_type, place.event_id) == (HealthState.UNHEALTHY, "web_is_slow", alert.id)


def test_an_alert_that_is_resolved_ends_its_own_trouble_only() -> None:
    died = event("container_died", incident="web01/1")
    slow = event("latency_high", trust=Trust.FOREIGN, incident="grafana/1")
    fast = event("service_recovered", trust=Trust.FOREIGN, incident="grafana/1")
    assert states(died, slow, fast)["pi4/web"] == "sick"
    assert states(died, fast)["pi4/web"] == "sick"
    assert states(slow, fast)["pi4/web"] == "healthy"


def test_a_recovery_of_an_incident_that_nobody_knows_does_not_make_a_node_healthy() -> None:
    disk = event("disk_full", service=None, incident="d")
    assert states(disk, event("service_recovered", service=None, incident="m")) == {"pi4/": "sick"}


def test_a_recovery_that_names_no_known_incident_ends_them_all() -> None:
    assert states(event("oom", incident="a"), event("exited", incident="b"), event("service_recovered"))["pi4/web"] == (
        "healthy"
    )


def test_severity_is_the_worst_that_is_open() -> None:
    world, _ = told(event("oom", incident="a", severity="critical"), event("slow", incident="b", severity="warning"))
    assert world.places["pi4/web"].severity is Severity.CRITICAL
    world, _ = told(event("service_recovered", incident="a"), start=world)
    assert world.places["pi4/web"].severity is Severity.WARNING


def test_occurrences_count_the_announcements_of_the_present_trouble() -> None:
    world, updates = told(*(event("oom", incident="a") for _ in range(3)))
    assert world.places["pi4/web"].occurrences == 3
    assert [u.to_state for u in updates if u.service] == ["sick"]
    world, _ = told(event("service_recovered", incident="a"), start=world)
    assert world.places["pi4/web"].occurrences == 3
    world, _ = told(event("oom", incident="b"), start=world)
    assert world.places["pi4/web"].occurrences == 1


def test_since_is_when_the_state_began_and_not_when_it_was_last_repeated() -> None:
    world, _ = told(
        event("oom", timestamp="2026-05-05T10:00:00.000Z"), event("oom", timestamp="2026-05-05T11:00:00.000Z")
    )
    assert world.places["pi4/web"].since == "2026-05-05T10:00:00.000Z"


def test_a_silent_node_takes_its_services_with_it_and_brings_them_back_as_they_were() -> None:
    gone = event("node_offline", service=None, trust=Trust.MESH)
    world, updates = told(event("oom"), event("service_healthy", service="db"), gone)
    assert {pair: p.state.value for pair, p in world.places.items()} == dict.fromkeys(
        ("pi4/", "pi4/web", "pi4/db"), "offline"
    )
    assert len([u for u in updates if u.to_state == "offline"]) == 3
    back = event("node_online", service=None, trust=Trust.MESH, severity="info")
    world, _ = told(back, start=world)
    assert {pair: p.state.value for pair, p in world.places.items()} == {
        "pi4/": "healthy",
        "pi4/web": "sick",
        "pi4/db": "healthy",
    }


def test_what_is_said_of_a_service_while_its_node_is_away_shows_when_it_is_back() -> None:
    world, _ = told(event("service_healthy"), event("node_offline", service=None, trust=Trust.MESH), event("oom"))
    assert world.places["pi4/web"].state is HealthState.OFFLINE
    world, _ = told(event("node_online", service=None), start=world)
    assert world.places["pi4/web"].state is HealthState.UNHEALTHY


def test_a_service_first_heard_of_while_its_node_is_away_is_offline_too() -> None:
    world, updates = told(event("node_offline", service=None, trust=Trust.MESH), event("oom", trust=Trust.FOREIGN))
    assert world.places["pi4/web"].state is HealthState.OFFLINE
    assert (updates[-1].from_state, updates[-1].to_state) == ("unknown", "offline")


def test_an_agent_that_starts_announces_anew_what_is_open_so_its_node_starts_healthy() -> None:
    assert states(event("disk_full", service=None), event("node_online", service=None)) == {"pi4/": "healthy"}
    back = event("node_online", service=None, trust=Trust.MESH)
    assert states(event("disk_full", service=None), back) == {"pi4/": "sick"}


def test_dropped_events_are_no_sickness_of_the_node() -> None:
    assert states(event("events_dropped", service=None)) == {"pi4/": "healthy"}


def test_an_entry_that_comes_again_changes_nothing() -> None:
    first, again = event("oom"), event("service_recovered")
    world, _ = told(first, again)
    assert fold(world, first, NOW) == (world, ())
    assert fold(world, again, NOW) == (world, ())


def test_a_clock_behind_on_one_node_does_not_make_others_deaf_to_it() -> None:
    world, _ = told(event("oom", n=9_000_000, trust=Trust.FOREIGN), event("service_recovered", n=5))
    assert world.places["pi4/web"].state is HealthState.HEALTHY


def test_a_beat_makes_an_unknown_node_healthy_and_its_silence_meaningful() -> None:
    world, updates = with_beat(World(), "pi4", NOW)
    assert world.places["pi4/"].beats
    assert [(u.node, u.service, u.to_state) for u in updates] == [("pi4", None, "healthy")]
    assert with_beat(world, "pi4", NOW) == (world, ())


def test_a_beat_alone_does_not_bring_an_offline_node_back() -> None:
    world, _ = told(event("node_offline", service=None, trust=Trust.FOREIGN))
    world, updates = with_beat(world, "pi4", NOW)
    assert world.places["pi4/"].state is HealthState.OFFLINE
    assert updates == ()


def test_invented_names_do_not_grow_the_world_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_room, "MAX_PLACES", 3)
    world, _ = told(*(event("oom", node=f"x{n}", trust=Trust.FOREIGN) for n in range(10)))
    assert len(world.places) == 3
    world, _ = told(event("service_recovered", node="x0", trust=Trust.FOREIGN), start=world)
    assert world.places["x0/web"].state is HealthState.HEALTHY
    world, _ = told(*(event(f"t{n}", node="x0", trust=Trust.FOREIGN) for n in range(100)), start=world)
    assert len(world.places["x0/web"].open) == world_room.MAX_OPEN


def test_the_world_survives_its_file() -> None:
    world, _ = told(event("oom"), event("node_offline", service=None, trust=Trust.MESH))
    assert World.model_validate_json(world.model_dump_json()) == world


KINDS = st.sampled_from(
    ["oom", "disk_full", "service_recovered", "service_healthy", "node_online", "node_offline", "flapping"]
) | st.sampled_from(["deployment_started", "remediation_completed", "remediation_failed", "events_dropped"])
EVENTS = st.builds(
    lambda kind, node, service, severity, trust, incident, verdict: {
        "type": kind,
        "node": node,
        "service": service,
        "severity": severity,
        "trust": trust,
        "incident": incident,
        "payload": {"verdict": verdict},
        "timestamp": "2026-05-05T11:59:00Z",
    },
    KINDS,
    st.sampled_from(["a", "b"]),
    st.sampled_from([None, "s", "t"]),
    st.sampled_from(list(Severity)),
    st.sampled_from(list(Trust)),
    st.sampled_from([None, "i1", "i2"]),
    st.sampled_from(["proven", 7, None, ["x"]]),
)


def numbered(raw: list[dict[str, object]]) -> list[HealthEvent]:
    return [
        HealthEvent.model_validate({**one, "id": f"{one['node']}/{n + 1}-{0 if one['trust'] is Trust.NODE else 1}"})
        for n, one in enumerate(raw)
    ]


@settings(max_examples=3 * settings.default.max_examples // 2)
@given(st.lists(EVENTS, max_size=25))
def test_whatever_is_said_the_fold_holds_together(raw: list[dict[str, object]]) -> None:
    world = World()
    seen: dict[str, str] = {}
    for one in numbered(raw):
        before = world.places
        world, updates = fold(world, one, NOW + timedelta(seconds=1))
        for update in updates:
            pair = f"{update.node}/{update.service or ''}"
            assert update.from_state == seen.get(pair, "unknown")  # a reader of updates alone knows every state
            assert update.from_state != update.to_state
            seen[pair] = update.to_state
        for pair, place in world.places.items():
            assert place.state == seen.get(pair, "unknown")
            if (place.own_state is HealthState.UNHEALTHY) != bool(place.open):
                raise AssertionError("sick means that something is open")
            earlier = before.get(pair, TargetHealth(node="a", since="2026-01-01T00:00:00Z"))
            if earlier.open and place.open:
                assert place.occurrences >= earlier.occurrences  # only more, while it is the same trouble
            node = world.places.get(f"{place.node}/")
            assert (node is not None and node.state is HealthState.OFFLINE) == (place.state is HealthState.OFFLINE)
    again = world
    for one in numbered(raw):
        again, updates = fold(again, one, NOW)
        assert updates == ()
    assert again == world


@given(st.lists(EVENTS, max_size=12), st.lists(EVENTS, max_size=12), st.randoms(use_true_random=False))
def test_streams_about_different_nodes_may_interleave_in_any_way(
    left: list[dict[str, object]],
    right: list[dict[str, object]],
    dice: object,
) -> None:
    for one in left:
        one.update(node="a", trust=Trust.NODE)
    for one in right:
        one.update(node="b", trust=Trust.NODE)
    a, b = numbered(left), numbered(right)
    in_order, _ = told(*a, *b)
    mixed, first, second = [], list(a), list(b)
    while first or second:
        take = first if first and (not second or dice.random() < 0.5) else second  # type: ignore[attr-defined]
        mixed.append(take.pop(0))
    assert told(*mixed)[0] == in_order


@pytest.mark.parametrize("bad", [None, "", "pi4/", "pi4/abc-0", "pi4/1", "x/y/-1-0", "pi4/9" * 50])
def test_an_event_without_a_proper_id_is_folded_and_never_an_error(bad: str | None) -> None:
    world, _ = told(HealthEvent(id=bad, type="oom", node="pi4", service="web", trust=Trust.MESH))
    assert world.places["pi4/web"].state is HealthState.UNHEALTHY
