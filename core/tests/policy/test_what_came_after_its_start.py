"""What was started before what it works with was there is started again, by two times in fields."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import NOTIFY, RESTART, allows


@pytest.mark.parametrize(
    "said",
    [
        {"web_started": "08:12:10", "cameras_registered": "08:12:55"},
        {"started": "10:00:05", "usb_ready": "10:00:40"},
        {"service_started": "07:10", "nas_mounted": "07:12"},
        {"process_start": "22:01:10", "gpu_detected": "22:01:44"},
        {"started_at": "2026-11-20T04:00:00Z", "network_up_at": "2026-11-20T04:00:20Z"},
        {"active_since": "2026-11-20T04:00:00+01:00", "dongle_attached_at": "2026-11-20T03:02:00Z"},
    ],
    ids=str,
)
def test_what_came_before_what_it_works_with_is_started_again(said: dict[str, Any]) -> None:
    assert allows("recording_failed", said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        {"started": "10:42:55", "tuners_registered": "10:42:10"},  # it was there
        {"started": "10:00:05", "usb_ready": "13:10:00"},  # hours later
        {"started": "10:00:05", "user_registered": "10:00:40"},  # nothing that it works with
        {"started": "10:00:05", "client_online": "10:01:00"},
        {"db_started": "10:00:00", "usb_ready": "10:00:10"},  # the start of another one
        {"usb_ready": "10:00:40"},
        {"started": "yes", "usb_ready": "10:00:40"},
        {"started": "2026-11-20T04:00:00Z", "usb_ready": "04:00:10"},
    ],
    ids=str,
)
def test_another_order_of_times_starts_nothing_again(said: dict[str, Any]) -> None:
    assert allows("recording_failed", said, severity="error").preferred == NOTIFY
