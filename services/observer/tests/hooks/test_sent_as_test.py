"""The button "send a test" proposes nothing, whoever it belongs to; an alert about a test that failed is one."""

from __future__ import annotations

from typing import Any

import pytest
from alert_rig import event_of, firing, group, one

from mesh_core.models.events import Severity
from observer.hooks.alert import Alert, Nothing
from observer.hooks.generic import GenericHook
from observer.hooks.senders import alertmanager

HOOK = GenericHook(type="'any_alert'", node="host")


@pytest.mark.parametrize(
    "body",
    [
        {"title": "Test alert", "message": "If you can read this, it works."},
        {"subject": "✅ Backrest test notification"},
        {"eventType": "Test", "instanceName": "Lidarr"},
        {"notification_type": "TEST_NOTIFICATION", "subject": "Seerr"},
        {"message": "This is a test message from Scrutiny"},
        {"text": "Testbenachrichtigung"},
        {"title": "Mensaje de prueba"},
        {"title": "測試", "test": True},
        {"title": "テスト通知"},
    ],
)
def test_what_its_sender_calls_a_test_is_nothing(body: dict[str, Any]) -> None:
    assert isinstance(one(HOOK.alerts_in({"host": "nas", **body}, "any")), Nothing)


@pytest.mark.parametrize(
    "body",
    [
        {"title": "Extended self-test of disk 3 failed"},
        {"title": "Test of the UPS battery failed"},
        {"title": "Restore test: no space left"},
        {"title": "Speedtest is slow"},
        {"event": "drill", "title": "test message queue is full"},
        {"message": "test from cron failed: no space left"},
        {"title": "Disk full", "log": "this is a test"},  # what it quotes of somebody else
        {"title": "Disk full", "labels": {"test": "true"}},
        {"title": "Disk full", "test": "false"},
        {"service": "test", "title": "Container died"},
    ],
)
def test_what_is_about_a_test_is_an_alert(body: dict[str, Any]) -> None:
    assert isinstance(one(HOOK.alerts_in({"host": "nas", **body}, "any")), Alert)


def test_a_rule_that_is_being_tried_out_is_as_bad_as_one_without_a_severity() -> None:
    event = event_of(one(alertmanager.alerts_in(group(firing("QuorumDrill", severity="testing")))))
    assert event.severity is Severity.WARNING
