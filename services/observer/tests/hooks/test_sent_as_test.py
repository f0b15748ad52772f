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
        {"message": "Hallo\n\nDies ist eine Testnachricht von Vaultwarden"},
        {"text": "[nas] This is a test message"},
        {"text": "This is a test of the notification target 'mesh'."},
        {"text": "This is a test e-mail from Uptime. If you can read it, all is well."},
        {"message": "TEST NOTIFICATION:\nSMART error notification for device: /dev/sda"},
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
        {"title": "This is a load test alert for the shop: 500s"},
        {"text": "nas\n\nThis is a test alert\nPool a is DEGRADED"},
        {"text": "cellar\n\nNew alerts:\n * Test alert\n * Pool a is DEGRADED"},
        {"message": "This is a test server. Its disk is full"},
        {"title": "Testalarm der Sirene fehlgeschlagen"},
        # A check that is called after what it tests.
        {"title": "Mail test [FAILED]"},
        {"title": "[CRITICAL] Webhook test"},
        {"title": "Failing uplink ping test"},
        {"alertname": "Uplink ping test", "status": "down"},
        {"title": "Connection test", "severity": "critical"},
        {"text": "Ping test\n100 % packet loss"},
        {"message": "Test\nsda1 is at 95 %"},
        # What others wrote below what is wrong.
        {"text": "Login failures\nThis is a test message"},
        {"title": "Sensor is offline", "message": "Battery of it is low.\nTest notification: on the hour"},
        # Hosts that somebody tries things on.
        {"title": "[TEST] web is offline", "message": "No answer for 5 min"},
        {"title": "Brute force on ssh", "message": "This is a test message\nuser: root"},
    ],
)
def test_what_is_about_a_test_is_an_alert(body: dict[str, Any]) -> None:
    assert isinstance(one(HOOK.alerts_in({"host": "nas", **body}, "any")), Alert)


@pytest.mark.parametrize(
    "body",
    [
        {"text": "TrueNAS @ cellar\n\nThis is a test alert"},
        {"text": "TrueNAS @ cellar\n\nNew alerts:\n  * Test alert\n\nCurrent alerts:\n  * Test alert"},
        {"embeds": [{"title": "Test notification", "description": "It works."}]},
        {"title": "Connection test", "message": "It works."},
        {"title": "[TEST] Sensor is offline", "message": "Battery of it is low.\nTest notification: asked for by kim"},
        {"event_definition_title": "Test notification", "event": {"source": "logs"}},
        {"title": "[CRITICAL] Test notification", "severity": "critical"},
        {"type": "Test", "data": {"status": "down"}},
        {"text": "Testing"},
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*Test message*"}}]},
    ],
)
def test_a_test_is_nothing_for_a_hook_that_reads_whatever_comes(body: dict[str, Any]) -> None:
    assert isinstance(one(GenericHook().alerts_in(body, "any")), Nothing)


def test_a_rule_that_is_being_tried_out_is_as_bad_as_one_without_a_severity() -> None:
    event = event_of(one(alertmanager.alerts_in(group(firing("QuorumDrill", severity="testing")))))
    assert event.severity is Severity.WARNING
