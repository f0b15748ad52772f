"""What a cluster manager's agent found is read from its codes, never from the words beside them."""

from __future__ import annotations

import pytest
from policy_rig import NOTIFY, RESTART, allows


def preferred(code: str, task: str = "monitor", service: str = "web", **more: str) -> str:
    told = {"CRM_alert_kind": "resource", "CRM_alert_rc": code, "CRM_alert_task": task, "CRM_alert_target_rc": "0"}
    return allows("resource_alert", told | more, service=service, severity="error").preferred


@pytest.mark.parametrize("code", ["7", "1"])
def test_what_a_monitor_does_not_find_running_is_started(code: str) -> None:
    assert preferred(code, CRM_alert_desc="no corras") == RESTART


@pytest.mark.parametrize(
    ("code", "task"),
    [
        ("0", "monitor"),
        ("5", "start"),  # not installed
        ("6", "monitor"),  # its settings
        ("1", "stop"),  # the node is fenced next
        ("7", "migrate_to"),
        ("9", "monitor"),  # promoted and broken: whose data counts a person says
    ],
)
def test_any_other_code_is_told(code: str, task: str) -> None:
    assert preferred(code, task, CRM_alert_desc="not running") == NOTIFY


def test_what_was_meant_not_to_run_is_no_trouble() -> None:
    assert preferred("7", CRM_alert_target_rc="7") == NOTIFY
    assert preferred("7", CRM_alert_kind="fencing") == NOTIFY
