"""When trouble of one node is a storm, and what its card says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mesh_core.incidents.storm import gathered, may_be_member, member_of, storm_event
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.records import rfc3339

NOON_MS = 1_777_982_400_000


def trouble(number: int, at_seconds: float = 0.0, trust: Trust = Trust.NODE, **more: Any) -> HealthEvent:
    began = rfc3339(datetime.fromtimestamp(NOON_MS / 1000 + at_seconds, UTC))
    more.setdefault("severity", Severity.ERROR)
    payload = {"opened_at": began, **more.pop("payload", {})}
    return HealthEvent(
        id=f"nas/{NOON_MS + 600_000 + number}-0",
        type=more.pop("kind", "container_died"),
        node="nas",
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
        assert bool(gathered(members, mine, 10)) is (storm and mine in gathered(members, mine, 10))
    assert any(gathered(members, mine, 10) for mine in members) is storm


def test_an_announcement_begins_nothing() -> None:
    """Each minute an agent tells all that is open at once: that is no storm."""
    first, again = trouble(1), trouble(1).model_copy(update={"id": "nas/1999999999999-0"})
    assert member_of(first).key == member_of(again).key
    assert not may_be_member(trouble(1, trust=Trust.FOREIGN)), "a stranger makes none"


def test_one_thing_that_fails_ten_times_is_none() -> None:
    members = [member_of(trouble(1, at)) for at in range(12)]
    assert gathered(members, members[0], 10) == ()


def test_what_was_told_by_a_storm_counts_for_no_other() -> None:
    members = [member_of(trouble(number)) for number in range(12)]
    told = [one.model_copy(update={"storm": "plan-1"}) for one in members[:5]]
    assert gathered([*told, *members[5:]], members[5], 10) == ()


@pytest.mark.parametrize(
    "event",
    [
        trouble(1, kind="service_recovered"),
        trouble(1, severity=Severity.INFO),
        trouble(1, kind="trouble_storm", service=None),
        trouble(1, kind="node_offline", service=None, trust=Trust.OBSERVER),
        trouble(1, kind="disk_space_low", service=None, severity=Severity.CRITICAL, payload={"mount": "/"}),
        trouble(1, kind="remediation_failed", trust=Trust.MESH),
    ],
)
def test_what_is_no_member(event: HealthEvent) -> None:
    assert not may_be_member(event)


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
