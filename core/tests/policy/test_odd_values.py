"""Whatever a sender puts where a number, a text or a list is read: the event is judged, and no loop ends of it."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import SHIPPED, allows

from mesh_core.models.events import HealthEvent, Trust

HUGE = 10**400  # a whole number to JSON, and more than any float holds
ODD: tuple[Any, ...] = (
    *(HUGE, -HUGE, f"{HUGE}", float("nan"), float("inf"), 1e308, True, None, "", "\x00", "\ud800", "٣ h", "²"),
    *([], [[]], [None, 3, {"name": 4}], {}, {"": {}}, {"name": ["web"]}, {"value": {"value": HUGE}}, ["a"] * 300),
)
KEYS = (
    *("last_flush_ms", "heartbeat_age_ms", "ms_since_last_write", "stale_for_ms", "uptime_seconds", "cpu_percent"),
    *("lag", "consumed_per_second", "replicas", "desired", "ready", "disk_used_percent", "cert_days_left", "progress"),
    *("eta", "attempt", "max_check_attempts", "status_code", "code", "url", "target", "state", "health", "labels"),
    *("value", "expected_state", "containers", "units", "web", "docker ps", "systemctl status web", "history"),
    *("streams", "dependencies", "mounts", "missing", "services", "present", "declared", "running", "compose", "drift"),
    *("ports", "image", "maintenance", "change", "recheck", "last_frame_at", "timestamp", "alerts", "tags", "priority"),
    *("sub_state", "active_state", "restart_policy", "declared_state", "mount", "now", "today", "now now"),
)


@pytest.mark.parametrize("key", KEYS)
def test_a_value_of_any_kind_is_judged(key: str) -> None:
    for value in (*ODD, "it is back again, answers since 03:00"):
        assert allows("service_down", {key: value, "unit": {key: [value]}}, severity="error").actions


@pytest.mark.parametrize("key", KEYS)
def test_so_it_is_where_an_agent_tells_it_of_what_its_engine_runs(key: str) -> None:
    for value in ODD:
        event = HealthEvent(
            type="service_down", node="n", service="web", payload={"runtime": "docker", key: value}, trust=Trust.NODE
        )
        assert SHIPPED.allows(event).actions
