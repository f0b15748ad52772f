"""What gets its work done is left alone, what has work and does none is started anew (decision 0203)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, NOTIFY, RESTART, allows

BUSY: dict[str, Any] = {**DOCKER, "status": "running"}


@pytest.mark.parametrize(
    "numbers",
    [
        {"backlog": 31, "jobs_completed_1m": 4},
        {"lag": 8, "records-consumed-rate": 0.5},
        {"pending": 2, "ack_rate": 3, "delivered_per_second": 0},
    ],
)
def test_what_works_and_has_much_to_do_is_not_restarted(numbers: dict[str, Any]) -> None:
    assert allows("queue_high", {**BUSY, **numbers}, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize("numbers", [{"waiting": 3, "handled_per_hour": 0}, {"queue_depth": 80, "dequeued_rate": 0.0}])
def test_what_has_work_and_does_none_is_started_anew(numbers: dict[str, Any]) -> None:
    assert allows("queue_high", {**BUSY, **numbers}, severity="error").preferred == RESTART
    assert allows("queue_high", numbers, severity="error").actions == {NOTIFY}  # nothing says what runs it
    assert allows("queue_high", {**BUSY, **numbers}, service="kafka", severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "numbers", [{"waiting": 0, "handled_per_hour": 0}, {"waiting": True, "handled_rate": False}, {"waiting": 9}]
)
def test_without_work_or_a_rate_nothing_is_said(numbers: dict[str, Any]) -> None:
    offered = allows("queue_high", {**BUSY, **numbers}, severity="error")
    assert (offered.preferred, RESTART in offered.actions) == (NOTIFY, True)


def test_a_queue_that_is_called_stuck_is_its_workers() -> None:
    for type_ in ("mail_queue_stuck", "requests_hanging"):
        assert allows(type_, BUSY, severity="warning").preferred == RESTART, type_
        assert allows(type_, {**BUSY, "processed_per_minute": 5}, severity="warning").actions == {NOTIFY}, type_
        assert allows(type_, {}, severity="warning").actions == {NOTIFY}, type_
