"""Who answers that it is in maintenance is not restarted out of it; who stays there half done is told of."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, IGNORE, NOTIFY, RESTART, allows

PROBED: dict[str, Any] = DOCKER | {"url": "http://web"}


@pytest.mark.parametrize(
    "said",
    [
        {"response_headers": {"Retry-After": "5400"}},
        {"response": {"headers": {"retry-after": "Fri, 04 Dec 2026 04:00:00 GMT"}}},
        {"response_headers": {"x-maintenance": "database"}},
        {"http": {"response": {"headers": {"x-app-maintenance": "true"}}}},
        {"response_headers": ["Server: caddy", "X-Maintenance-Mode: 1"]},
        {"response_headers": "HTTP/1.1 503\r\nRetry-After: 7200\r\n"},
        {"outage": {"code": 503, "headers": {"Retry-After": "1800"}}},
        {"response_json": {"maintenance": True}},
        {"reply": {"json": {"status": "maintenance"}}},
        {"status_page": "under_maintenance"},
        {"component_status": "in maintenance"},
        {"app_mode": "maintenance"},
    ],
    ids=str,
)
def test_what_answers_that_it_is_in_maintenance_is_told(said: dict[str, Any]) -> None:
    for type_ in ("site_down", "http_probe_failed"):
        assert allows(type_, PROBED | said, severity="error").actions == {NOTIFY}, type_


@pytest.mark.parametrize(
    "said",
    [
        {"response_headers": {"Retry-After": "5"}},  # it is only busy
        {"response_headers": {"x-maintenance": "off"}},
        {"response": {"maintenance": False}},
        {"request_headers": {"X-Maintenance": "1", "Retry-After": "3600"}},  # a stranger's
        {"request": {"headers": {"x-maintenance": "on"}, "status": 503}},
        {"headers": {"X-Maintenance": "1"}},  # nothing says whose
        {"cookies": {"maintenance": "1"}},
        {"query": {"mode": "maintenance"}},
        {"last_status": "maintenance"},
        {"status_page": "operational"},
    ],
    ids=str,
)
def test_a_stranger_puts_nothing_into_maintenance(said: dict[str, Any]) -> None:
    assert allows("site_down", PROBED | said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        {"needs_db_upgrade": True},
        {"upgrade": "failed at step 7"},
        {"migration": {"status": "aborted"}},
        {"updater": "interrupted, resume by hand"},
        {"update": "abgebrochen"},
        {"db_migrations": "3 of 9, then killed"},
    ],
    ids=str,
)
def test_what_stays_in_maintenance_half_done_is_not_silent(said: dict[str, Any]) -> None:
    for type_ in ("container_unhealthy", "check_failed"):
        told = DOCKER | {"maintenance": True} | said
        assert allows(type_, told, severity="warning").actions == {NOTIFY}, type_
        assert allows(type_, DOCKER | said, severity="error").actions == {NOTIFY}, type_


@pytest.mark.parametrize(
    "said",
    [{"needs_db_upgrade": False}, {"upgrade": "done"}, {"last_update": "failed"}, {"update": "step 2 of 9"}],
    ids=str,
)
def test_maintenance_is_silent_where_nothing_is_left_half_done(said: dict[str, Any]) -> None:
    assert allows("check_failed", DOCKER | {"maintenance": True} | said, severity="warning").preferred == IGNORE


def test_who_is_worried_over_a_maintenance_is_heard() -> None:
    assert allows("maintenance_mode", {}, severity="error").actions == {NOTIFY}
    assert allows("maintenance_mode", {}, severity="warning").preferred == IGNORE
