"""Which trouble waits for what is at work on its host."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from mesh_core.incidents.at_work import Work, WorkKind, hold_on, work_in, work_in_words
from mesh_core.incidents.investigation import set_aside
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.records import rfc3339

NOW = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)


def trouble(
    kind: str,
    *,
    began: float = 2,
    since: float = 5,
    type_: str = "unit_failed",
    trust: Trust = Trust.NODE,
    row: Mapping[str, Any] = MappingProxyType({}),
) -> HealthEvent:
    """It began so many minutes ago, while this had been at work since so many."""
    work = {"kind": kind, "what": "something", "since": rfc3339(NOW - timedelta(minutes=since)), **row}
    payload = {"at_work": [work], "opened_at": rfc3339(NOW - timedelta(minutes=began))}
    return HealthEvent(type=type_, node="pi4", payload=payload, timestamp=rfc3339(NOW), trust=trust)


@pytest.mark.parametrize(
    ("kind", "type_", "waits"),
    [
        ("packages", "unit_failed", True),
        ("packages", "container_died", True),
        ("packages", "load_high", True),
        ("packages", "probe_failed", True),
        ("packages", "disk_space_low", False),
        ("packages", "certificate_expiring", False),
        ("backup", "http_probe_failed", True),
        ("disk_check", "load_high", True),
        ("disk_check", "container_unhealthy", True),
        ("disk_check", "container_died", False),
        ("deployment", "container_died", True),
        ("deployment", "load_high", False),
        ("person", "container_died", True),
        ("shutdown", "certificate_expiring", True),
        ("maintenance", "disk_space_low", True),
        ("login", "unit_failed", False),
        ("gardening", "unit_failed", False),
    ],
)
def test_what_waits_for_what(kind: str, type_: str, waits: bool) -> None:
    assert (hold_on(trouble(kind, type_=type_)) is not None) is waits


@pytest.mark.parametrize("kind", [kind for kind in WorkKind if kind is not WorkKind.LOGIN])
def test_what_began_before_it_waits_only_where_all_does(kind: WorkKind) -> None:
    assert (hold_on(trouble(kind, began=9)) is not None) is (kind in (WorkKind.SHUTDOWN, WorkKind.MAINTENANCE))


@pytest.mark.parametrize("kind", list(WorkKind))
def test_what_goes_on_for_more_than_a_day_hangs_or_was_forgotten(kind: WorkKind) -> None:
    event = trouble(kind, since=25 * 60)
    assert hold_on(event) is None
    assert work_in_words(event).endswith(f"25 h ({kind}; too long to wait for it)")


def test_it_tells_for_how_long_it_waits_since_both_are_there() -> None:
    later, sooner = hold_on(trouble("packages", began=2)), hold_on(trouble("maintenance", began=90))
    assert later
    assert sooner
    assert (later.seconds, later.has_limit) == (120, True)
    assert (sooner.seconds, sooner.has_limit) == (300, False)


@pytest.mark.parametrize("trust", [Trust.FOREIGN, Trust.OBSERVER, Trust.MESH])
def test_only_the_agents_word_counts(trust: Trust) -> None:
    event = trouble("maintenance", trust=trust)
    assert (hold_on(event), work_in(event), set_aside(event)) == (None, (), event)


@pytest.mark.parametrize(
    "odd", [{"kind": 7}, {"what": None}, {"since": "yesterday"}, {"since": 12}, {"kind": ["packages"]}]
)
def test_what_is_told_in_another_form_says_nothing(odd: dict[str, Any]) -> None:
    assert work_in(trouble("packages", row=odd)) == ()


def test_the_names_of_others_are_no_words_of_the_event() -> None:
    event = trouble("login", row={"what": "panic is logged in over ssh"})
    assert "at_work" not in set_aside(event).payload
    assert work_in_words(event) == "panic is logged in over ssh for 5 min (login)"


def test_it_travels_as_it_was_seen() -> None:
    seen = Work(WorkKind.BACKUP, "restic backup", NOW.timestamp() - 600)
    event = HealthEvent(
        type="x", node="n", payload={"at_work": [seen.in_payload()]}, timestamp=rfc3339(NOW), trust=Trust.NODE
    )
    assert work_in(event) == (seen,)
    assert work_in_words(event) == "restic backup has been at work for 10 min (backup)"
