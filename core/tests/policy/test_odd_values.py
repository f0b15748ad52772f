"""Whatever a sender puts where a number, a text or a list is read: the event is judged, and no loop ends of it."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import allows

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
)


@pytest.mark.parametrize("key", KEYS)
def test_a_value_of_any_kind_is_judged(key: str) -> None:
    for value in ODD:
        assert allows("service_down", {key: value, "unit": {key: [value]}}, severity="error").actions
