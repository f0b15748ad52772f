"""Names and fields by which what runs is said to give nothing, to be unhealthy, or to listen on nothing (decision
0209)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import NOTIFY, RESTART, allows

RUNS: dict[str, Any] = {"unit": "active (running)"}


@pytest.mark.parametrize(
    ("type_", "service"),
    [
        ("ntp_no_answer", "ntpd"),
        ("dns_silent", "dnsd"),
        ("resolver_silent", "unbound"),
        ("encoder_silence_detected", "darkice"),
        ("stream_no_video", "stream2"),
        ("recorder_not_recording", "recorder"),
        ("dhcp_no_leases", "dhcp6"),
        ("milter_no_answers", "opendkim"),
        ("keine_antwort", "web"),
        ("relay_not_forwarding", "relay"),
    ],
)
def test_what_runs_and_gives_nothing_is_started_anew(type_: str, service: str) -> None:
    assert allows(type_, RUNS, service=service, severity="error").preferred == RESTART
    assert RESTART not in allows(type_, service=service, severity="warning").actions  # nothing says what runs it


@pytest.mark.parametrize("type_", ["guests_silent", "door_no_signal", "camera_no_video", "backup_no_answer"])
def test_what_others_give_is_theirs(type_: str) -> None:
    assert allows(type_, RUNS, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "said",
    [
        {"event_definition_title": "Process crashed"},
        {"rule": {"name": "service not running"}},
        {"alert": {"type": "process-stopped", "message": "web"}},
        {"policy_name": "web: process down"},
        {"check": {"name": "unit failed"}},
    ],
)
def test_a_rule_is_named_in_parts_of_the_payload_as_well(said: dict[str, Any]) -> None:
    assert allows("monitor_message", said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said", [{"comment": {"name": "process down"}}, {"title": "process down"}, {"logs": [{"rule": "x"}]}]
)
def test_what_is_no_rule_names_nothing(said: dict[str, Any]) -> None:
    assert allows("monitor_message", said, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "type_", ["docker_container_health", "acme_podman_container_health", "web_docker_container_unhealthy"]
)
def test_an_alert_about_the_health_of_a_container_is_about_a_container(type_: str) -> None:
    assert allows(type_, severity="critical").preferred == RESTART
    assert allows(type_, {"status": "resolved"}, severity="warning").preferred == "ignore"


@pytest.mark.parametrize(
    "said",
    [
        {"last_flush": "2h ago"},
        {"last_poll": "40 min ago"},
        {"scrape_age": "3h"},
        {"silent_for": "50m"},
        {"no_data_for": "2 hours"},
        {"last_sent": "1d ago"},
        {"last_heartbeat": "25 minutes"},
        {"no_output_since": "3h 10m"},
    ],
)
def test_what_it_does_all_the_time_and_did_long_ago_is_read_from_a_text(said: dict[str, Any]) -> None:
    assert allows("agent_trouble", RUNS | said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        {"last_flush": "4s ago"},
        {"last_poll": "12m"},
        {"last_login": "3h ago"},
        {"last_backup": "2d ago"},
        {"last_flush": "2h ago, as always"},
        {"logs": [{"last_flush": "2h ago"}]},
    ],
)
def test_what_it_did_just_now_or_does_at_times_is_not(said: dict[str, Any]) -> None:
    assert allows("agent_trouble", RUNS | said, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "said",
    [
        {"listening": False},
        {"sockets": 0},
        {"open_ports": []},
        {"port_1883": "closed"},
        {"tcp_53": "not listening"},
        {"port": "nothing listens there"},
    ],
)
def test_what_listens_on_nothing_answers_nobody(said: dict[str, Any]) -> None:
    assert allows("nobody_served", said, severity="error").preferred == RESTART
    assert allows("nobody_served", said, severity="warning").actions == {NOTIFY}


@pytest.mark.parametrize(
    "said", [{"listening": True}, {"sockets": 3}, {"port_1883": "open"}, {"firewall": {"port_1883": "closed"}}]
)
def test_what_listens_is_told(said: dict[str, Any]) -> None:
    assert allows("nobody_served", said, severity="error").actions == {NOTIFY}
