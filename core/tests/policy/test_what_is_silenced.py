"""That somebody knows already, that it is over or a drill, and that it may pass, in the fields of many senders."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import IGNORE, NOTIFY, allows

QUIET: list[dict[str, Any]] = [
    {"acked": True},
    {"alert": {"acknowledged": "yes"}},
    {"snoozed": "true"},
    {"dismissed": True},
    {"inhibitedBy": ["7f2a"]},
    {"status": {"state": "suppressed", "silencedBy": ["7f2a"]}},
    {"alert": {"muted": True}},
    {"in_scheduled_downtime": 1},
    {"host": {"is_in_downtime": True}},
    {"muted_until": "2099-01-01T00:00:00Z"},
    {"downtime_ends": "2099-01-01T00:00:00+02:00"},
    {"is_resolved": True},
    {"event": {"status": "resolved"}},
    {"problem": {"resolved_at": "2026-11-02T10:00:00Z"}},
    {"exercise": True},
    {"simulated": "yes"},
    {"attempt": "2/5"},
    {"check_attempt": "1 of 3"},
    {"soft_state": True},
]
LOUD: list[dict[str, Any]] = [
    {"acked": False},
    {"ack_by": ""},
    {"acknowledged_by": "nobody"},
    {"acknowledged_by": None},
    {"acknowledged_by": []},
    {"inhibitedBy": []},
    {"snoozed": 0},
    {"neighbour": {"muted": True}},
    {"alerts": [{"muted": True}, {"muted": False}]},
    {"muted_until": "2001-01-01T00:00:00Z"},
    {"muted_until": "soon"},
    {"problem": {"resolved_at": "0001-01-01T00:00:00Z"}},
    {"previous": {"status": "resolved"}},
    {"attempt": "3/3"},
    {"attempt": "0/3"},
    {"soft_state": False},
    {"exercise": "no"},
]


@pytest.mark.parametrize("said", QUIET, ids=str)
def test_what_a_field_calls_known_over_or_passing_is_silent(said: dict[str, Any]) -> None:
    for type_ in ("page_slow", "site_down"):
        assert allows(type_, said, severity="error").preferred == IGNORE


@pytest.mark.parametrize("said", LOUD, ids=str)
def test_what_a_field_does_not_say_is_told(said: dict[str, Any]) -> None:
    for type_ in ("page_slow", "site_down"):
        assert IGNORE not in allows(type_, said, severity="error").actions


@pytest.mark.parametrize("said", QUIET, ids=str)
def test_nothing_of_it_counts_in_a_request(said: dict[str, Any]) -> None:
    assert IGNORE not in allows("site_down", {"request": {"query": said}}, severity="error").actions


@pytest.mark.parametrize(
    "said", [{"ack_by": "mia"}, {"incident": {"acknowledged_by": "mia"}}, {"taken_by": "mia"}], ids=str
)
def test_what_somebody_took_is_left_to_them(said: dict[str, Any]) -> None:
    assert allows("site_down", said, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "told",
    [
        {"incident_status": "Acknowledged", "assignee": "ola"},
        {"alert": {"state": "snoozed"}},
        {"notification": "ACKNOWLEDGEMENT"},
        {"prodState": "Maintenance"},
        {"monitor": "shop", "status": "under maintenance"},
        {"scheduledOutage": "new switch in hall 2"},
        {"maintenance": {"rule": "move", "until": "2099-01-01T00:00:00Z"}},
        {"zustand": "firing", "status": "stummgeschaltet"},
    ],
)
def test_a_state_in_which_only_alerts_are_silences_it(told: dict[str, Any]) -> None:
    assert allows("service_down", told, severity="critical").preferred == IGNORE


@pytest.mark.parametrize(
    "told",
    [
        {"status": "maintenance"},  # of the thing: somebody may have forgotten it there
        {"neighbour": {"state": "acknowledged"}},
        {"comments": {"status": "muted"}},
        {"incident_status": "not acknowledged"},
        {"scheduledOutage": "none"},
        {"maintenance": {"rule": "move", "until": "2001-01-01T00:00:00Z"}},
        {"message": "status: acknowledged"},
    ],
)
def test_a_state_of_a_thing_or_of_another_one_silences_nothing(told: dict[str, Any]) -> None:
    assert IGNORE not in allows("service_down", told, severity="critical").actions
