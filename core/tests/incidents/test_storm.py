"""When trouble of one node is a storm, and what its card says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mesh_core.incidents.storm import (
    ALL_NODES,
    Member,
    Size,
    belongs_to,
    gathered,
    member_of,
    places_of,
    shared_at,
    size_of,
    storm_event,
)
from mesh_core.incidents.subject import subject_of
from mesh_core.incidents.wording import in_a_sentence
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.records import rfc3339

NOON_MS = 1_777_982_400_000
TEN = Size(10)


def trouble(number: int, at_seconds: float = 0.0, trust: Trust = Trust.NODE, **more: Any) -> HealthEvent:
    began = rfc3339(datetime.fromtimestamp(NOON_MS / 1000 + at_seconds, UTC))
    more.setdefault("severity", Severity.ERROR)
    payload = {"opened_at": began, **more.pop("payload", {})}
    return HealthEvent(
        id=f"nas/{NOON_MS + 600_000 + number}-0",
        type=more.pop("kind", "container_died"),
        node=more.pop("node", "nas"),
        service=more.pop("service", f"s{number}"),
        trust=trust,
        payload=payload,
        **more,
    )


@pytest.mark.parametrize(
    ("seconds", "storm"),
    [
        (range(10), True),
        (range(0, 60, 6), True),
        (range(9), False),
        (range(0, 100, 10), False),  # ten, and never ten within a minute
        ([0, 1, 2, 3, 4, 50, 51, 52, 53, 54, 55], True),
        ([*range(6), *range(100, 106)], False),
    ],
)
def test_ten_subjects_that_begin_within_a_minute_are_a_storm(seconds: Any, storm: bool) -> None:
    members = [member_of(trouble(number, at)) for number, at in enumerate(seconds)]
    for mine in members:
        assert bool(gathered(members, mine, TEN)) is (storm and mine in gathered(members, mine, TEN))
    assert any(gathered(members, mine, TEN) for mine in members) is storm


def test_an_announcement_begins_nothing() -> None:
    """Each minute an agent tells all that is open at once: that is no storm."""
    first, again = trouble(1), trouble(1).model_copy(update={"id": "nas/1999999999999-0"})
    assert member_of(first).key == member_of(again).key
    assert not places_of(trouble(1, trust=Trust.FOREIGN)), "a stranger makes none"


def test_one_thing_that_fails_ten_times_is_none() -> None:
    members = [member_of(trouble(1, at)) for at in range(12)]
    assert gathered(members, members[0], TEN) == ()


def test_what_was_told_by_a_storm_counts_for_no_other() -> None:
    members = [member_of(trouble(number)) for number in range(12)]
    told = [one.model_copy(update={"storm": "plan-1"}) for one in members[:5]]
    assert gathered([*told, *members[5:]], members[5], TEN) == ()


@pytest.mark.parametrize(
    "event",
    [
        trouble(1, kind="service_recovered"),
        trouble(1, severity=Severity.INFO),
        trouble(1, kind="trouble_storm", service=None),
        trouble(1, kind="disk_space_low", service=None, severity=Severity.CRITICAL, payload={"mount": "/"}),
        trouble(1, kind="remediation_failed", trust=Trust.MESH),
    ],
)
def test_what_is_no_member(event: HealthEvent) -> None:
    assert not places_of(event)


def test_the_card_names_the_worst_first_and_no_more_than_a_person_reads() -> None:
    events = [trouble(number) for number in range(40)]
    events[39] = trouble(39, severity=Severity.CRITICAL)
    said = storm_event(events[0], [member_of(event) for event in events])
    assert (said.type, said.node, said.service, said.severity) == ("trouble_storm", "nas", None, Severity.CRITICAL)
    assert said.payload["subjects"] == 40
    listed = said.payload["members"]
    assert listed[0] == "s39: container died (critical)"
    assert (len(listed), listed[-1]) == (33, "and 8 more")
    assert said.id == events[0].id
    assert said.trust is Trust.NODE


def at_once(count: int, nodes: int, **more: Any) -> list[Member]:
    return [member_of(trouble(number, node=f"n{number % nodes}", **more)) for number in range(count)]


@pytest.mark.parametrize(
    ("members", "in_common"),
    [
        (at_once(10, 3), "does not run"),
        (at_once(9, 3), ""),
        (at_once(10, 2), ""),
        (at_once(10, 5, kind="http_probe_failed"), "does not answer"),
        (at_once(10, 3, kind="certificate_expiring"), "certificate expiring"),
        ([*at_once(5, 3), *at_once(5, 3, kind="certificate_expiring")], ""),  # five and five are no ten
        (at_once(3, 3, kind="http_probe_failed", payload={"needs_elsewhere": [{"node": "nas"}]}), "needs nas"),
        (at_once(9, 2, payload={"needs_elsewhere": [{"node": "nas"}]}), ""),
        (at_once(3, 3, kind="node_offline", service=None, trust=Trust.OBSERVER), "silent"),
        (at_once(2, 2, kind="node_offline", service=None, trust=Trust.OBSERVER), ""),
    ],
)
def test_what_several_nodes_have_in_common_makes_a_storm(members: list[Member], in_common: str) -> None:
    mine = members[-1]

    def found(shared: str) -> bool:
        alike = [one for one in members if shared in shared_at(ALL_NODES, one.trouble)]
        return bool(gathered(alike, mine, size_of(shared, 10)))

    assert next(filter(found, shared_at(ALL_NODES, mine.trouble)), "") == in_common


def test_ten_kinds_of_trouble_have_nothing_in_common() -> None:
    kinds = [*(f"trouble_{letter}" for letter in "abcdefgh"), "container_died", "http_probe_failed"]
    members = [member_of(trouble(number, kind=kind, node=f"n{number % 3}")) for number, kind in enumerate(kinds)]
    assert len({shared_at(ALL_NODES, one.trouble) for one in members}) == len(members)


@pytest.mark.parametrize(
    ("in_common", "after_seconds", "belongs"),
    [
        ("", 3600, True),  # on one node
        ("needs nas", 3600, True),
        ("does not answer", 60, True),
        ("does not answer", 90, False),  # of the same kind, and why not of another cause?
        ("does not answer", -90, False),
        ("needs nas", -90, False),
    ],
)
def test_what_comes_later_is_part_of_it_where_it_must_be(in_common: str, after_seconds: int, belongs: bool) -> None:
    assert belongs_to(at_once(3, 3), member_of(trouble(9, after_seconds)), in_common) is belongs


def test_the_card_of_a_storm_of_several_nodes_names_them_and_what_they_have_in_common() -> None:
    said = storm_event(trouble(0), at_once(10, 3), "does not run")
    assert (said.node, said.service, said.payload["nodes"]) == (ALL_NODES, None, ["n0", "n1", "n2"])
    assert said.payload["members"][0] == "s0 on n0: container died (error)"
    assert in_a_sentence(said) == "10 at once on 3 nodes: does not run"
    assert subject_of(said) == "all-nodes/@trouble_storm does not run"
