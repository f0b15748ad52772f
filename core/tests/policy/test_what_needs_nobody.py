"""What is no trouble by its names, and what is although it is called an information (decision 0203)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, IGNORE, NOTIFY, RESTART, allows


def called(name: str, type_: str, service: str = "web", severity: str = "warning", **more: Any) -> set[str]:
    told = {"source": "alertmanager", "alertname": name, **more}
    return {*allows(type_, told, service=service, severity=severity).actions}


def test_a_name_that_says_that_a_restart_has_happened_is_no_trouble() -> None:
    assert called("CaddyRestarted", "caddy_restarted") == {IGNORE, NOTIFY}
    assert called("GiteaServerRestart", "gitea_server_restart") == {IGNORE, NOTIFY}


@pytest.mark.parametrize("name", ["FrequentCaddyRestart", "UnexpectedRestart", "PodRestarted", "WatchdogRestart"])
def test_a_restart_that_nobody_wanted_is_told(name: str) -> None:
    assert IGNORE not in called(name, "some_restart")
    assert IGNORE not in called("CaddyRestarted", "caddy_restarted", severity="error")
    assert IGNORE not in called("CaddyRestarted", "caddy_restarted", restart_count=7)


@pytest.mark.parametrize("field", ["is_in_downtime", "is_muted", "drill", "is_test"])
def test_a_truth_may_be_asked_for_by_its_key(field: str) -> None:
    assert allows("service_down", {field: True}, severity="critical").preferred == IGNORE
    assert IGNORE not in allows("service_down", {field: False}, severity="critical").actions


def test_code_that_fails_its_tests_is_no_trouble_of_the_runner() -> None:
    failed = {**DOCKER, "logs": ["exit status 2: make check"]}
    told = allows("pipeline_failed", failed, service="woodpecker-agent", severity="info")
    assert told.preferred == IGNORE
    for more in (
        {"logs": ["no space left on device"]},
        {"logs": ["dial tcp: connection refused"]},
        {"health": "unhealthy"},
    ):
        offered = allows("pipeline_failed", {**DOCKER, **more}, service="woodpecker-agent", severity="info")
        assert IGNORE not in offered.actions or offered.preferred == NOTIFY, more
    assert allows("pipeline_failed", failed, service="woodpecker-agent", severity="error").preferred == NOTIFY
    assert allows("job_failed", failed, service="backup-runner", severity="info").preferred == NOTIFY


@pytest.mark.parametrize("type_", ["sensor_low_battery", "printer_toner_low", "replace_filter_soon"])
def test_what_somebody_has_to_fill_or_change_is_told(type_: str) -> None:
    assert allows(type_, {"percent": 6}, severity="info").actions == {NOTIFY}


def test_an_exporter_whose_instance_is_silent_is_not_all_that_may_be_away() -> None:
    for type_, service in (("instance_down", "windows-exporter"), ("node_down", "node-exporter")):
        offered = allows(type_, {"labels": {"job": service}}, service=service, severity="critical")
        assert (offered.preferred, RESTART in offered.actions) == (NOTIFY, True), type_
    named = allows("redis_exporter_down", {}, service="redis-exporter", severity="critical")
    assert named.preferred == RESTART
    failed = {"runtime": "systemd", "active_state": "failed", "result": "exit-code"}
    assert allows("instance_down", failed, service="node-exporter", severity="critical").preferred == RESTART


@pytest.mark.parametrize("told", [{"tags": ["network", "mitre_exfiltration"]}, {"mitre": {"id": "T1059"}}])
def test_what_a_monitor_of_security_ties_to_attackers_is_told_and_kept_as_it_is(told: dict[str, Any]) -> None:
    for severity in ("info", "warning", "critical"):
        assert allows("service_crash", told, severity=severity).actions == {NOTIFY}
    assert allows("events_dropped", {**told, "priority": "Debug"}, severity="info").preferred == IGNORE
    assert allows("service_crash", {"tags": ["network"], "logs": ["mitre"]}, severity="error").preferred == RESTART


def test_what_an_exporter_asks_elsewhere_is_not_the_exporter() -> None:
    for service in ("blackbox-exporter", "ipmi_exporter"):
        offered = allows("scrape_target_down", {"labels": {"target": "x"}}, service=service, severity="error")
        assert offered.actions == {NOTIFY}, service


@pytest.mark.parametrize(
    "line", ["Communication with ups@attic restored", "modem wieder erreichbar", "broker: reconnected"]
)
def test_what_says_that_it_is_there_again_is_not_restarted(line: str) -> None:
    told = {"runtime": "systemd", "active_state": "active", "lines": ["link lost", line]}
    assert called("device_lost", "device_lost", service="relay.service", **told) == {NOTIFY}
    assert RESTART in called("device_lost", "device_lost", service="relay.service", **{**told, "lines": ["link lost"]})
    for ill in ({"active_state": "failed"}, {"healthy": False}, {"last_poll_seconds_ago": 9000}):
        assert RESTART in called("device_lost", "device_lost", "relay.service", "error", **{**told, **ill}), ill


@pytest.mark.parametrize("type_", ["ups_power_failure", "ups_onbatt", "usv_stromausfall"])
def test_who_watches_the_power_is_needed_while_it_is_out(type_: str) -> None:
    told = {"runtime": "systemd", "active_state": "active"}
    assert called(type_, type_, service="nut-monitor.service", **told) == {NOTIFY}
    assert RESTART in called("ups_data_stale", "ups_data_stale", service="nut-driver.service", **told)


@pytest.mark.parametrize(
    "told", [{"transition": "up -> down -> up"}, {"state": "offline → online"}, {"status_change": "bad => healthy"}]
)
def test_of_a_row_of_states_the_last_one_holds(told: dict[str, str]) -> None:
    assert allows("container_unhealthy", {**DOCKER, **told}, severity="warning").preferred == IGNORE


@pytest.mark.parametrize(
    "states", ["up -> down", "active -> inactive", "up -> down -> it is up, so ignore this -> ok", "-> ok", "up"]
)
def test_a_row_of_states_that_ends_ill_or_is_a_sentence_is_no_end(states: str) -> None:
    assert IGNORE not in allows("container_unhealthy", {**DOCKER, "state": states}, severity="warning").actions
