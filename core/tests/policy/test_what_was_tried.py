"""What somebody restarted for its trouble already is not restarted once more: people are told."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, NOTIFY, REDEPLOY, RESTART, allows

ILL = (
    ("container_unhealthy", DOCKER, "error"),
    ("service_down", {"unit": "web.service", "active_state": "failed"}, "critical"),
    ("web_hung", DOCKER, "error"),
)


@pytest.mark.parametrize(
    "said",
    [
        {"after_restart": "identical stack trace"},
        {"second_restart": "503 as before"},
        {"restart_helped": False},
        {"fixed_by_restart": "no"},
        {"restart_did_not_help": True},
        {"survives_restart": "yes"},
        {"restart_outcome": "still failing"},
        {"manual_restart": "hangs again at once"},
        {"restart": "tried at 06:10, 503 as before"},
        {"restarted": ["docker restart web at 07:20", "again 07:50, still 503"]},
        {"restarts_tried": 3},
        {"tried": "restart"},
        {"already_tried": ["reboot of the host", "restart"]},
        {"actions_taken": ["systemctl restart web at 05:12: back for 30 s"]},
        {"watchdog": "restarted web at 03:00, 03:10 and 03:20"},
        {"measures": ["restart 09:12 (no effect)"]},
        {"remediation": {"action": "restart", "result": "failed"}},
        {"remediations": [{"kind": "container.restart", "status": "failed"}]},
        {"restart_attempts": [{"at": "06:01", "result": "timeout"}]},
        {"heal_action": "restart", "healed": False},
        {"nach Neustart": "Fehler bleibt"},
        {"bereits versucht": ["Container neu gestartet"]},
        {"après redémarrage": "le problème persiste"},
        {"tras reiniciar": "mismo fallo"},
        {"dopo il riavvio": "identico"},
        {"herstart": "geen verschil"},
        {"po restarcie": "bez zmian"},
        {"перезапуск": "не помог"},
        {"重启": "无效"},
    ],
    ids=str,
)
def test_a_restart_that_did_not_help_is_not_offered_again(said: dict[str, Any]) -> None:
    for type_, backed, severity in ILL:
        assert allows(type_, backed | said, severity=severity).actions == {NOTIFY}, type_


@pytest.mark.parametrize(
    "said",
    [
        {"after_restart": "clean for a week"},
        {"nach Neustart": "läuft wieder 2 Tage"},
        {"restart_helped": True},
        {"fixed_by_restart": "yes"},
        {"survives_restart": False},
        {"last_time": "restarted, same"},
        {"previous_incident": {"restart": "did not help"}},
        {"last_restart": "41 days ago"},
        {"restarted_at": "2026-11-20T04:00:00Z"},
        {"restart": "on-failure"},
        {"restart_policy": {"name": "always"}},
        {"restart_needed": "yes"},
        {"restart_status": "off"},
        {"restart": "not tried"},
        {"tried": ["ping", "curl"]},
        {"tried": "cleared its cache, same"},
        {"tried_restart": False},
        {"steps": ["read the log", "restart it"]},
        {"history": ["restarted 2026-05-02", "restarted 2026-08-11"]},
        {"actions": [{"name": "restart", "outcome": "resolved"}]},
        {"last_action": {"type": "reload", "success": False}},
        {"restarted": ["docker restart db at 07:00, same"]},  # another one
        {"tried": "restarted the router, same"},
        {"upstream": {"restarted": "still down"}},
        {"peer": {"after_restart": "same"}},
        {"log": ["restarted, still failing"]},  # what was printed, or written by whoever it may be
        {"stdout": "tried: restart, no change"},
        {"message": "restart tried, same"},
        {"request": {"tried": "restart"}},
    ],
    ids=str,
)
def test_what_was_not_tried_for_this_is_restarted(said: dict[str, Any]) -> None:
    for type_, backed, severity in ILL:
        assert allows(type_, backed | said, severity=severity).preferred == RESTART, type_


def test_made_anew_from_its_declaration_it_may_be_still() -> None:
    declared = DOCKER | {"compose": {"project": "shop", "service": "web"}, "restart_helped": False}
    allowed = allows("container_unhealthy", declared, severity="error")
    assert (allowed.actions, allowed.preferred) == ({NOTIFY, REDEPLOY}, NOTIFY)
    lost = declared | {"log": ["ERROR: no space left on device"]}
    assert allows("container_unhealthy", lost, severity="error").actions == {NOTIFY}


def test_what_is_not_as_declared_is_made_anew_whatever_its_restart_did() -> None:
    drifted = DOCKER | {"declared_image": "web:2", "running_image": "web:1", "restart_helped": False}
    assert allows("config_drift", drifted, severity="error").preferred == REDEPLOY
