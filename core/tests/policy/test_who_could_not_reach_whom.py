"""Who could not reach whom: a program another one, a container itself, or somebody the program (decision 0140)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import NOTIFY, RESTART, SHIPPED, allows


def heard(payload: dict[str, Any]) -> set[str]:
    return SHIPPED._cues.heard_in(payload)


def preferred_of(*lines: str, **more: Any) -> str:
    payload = {"runtime": "docker", "container": "web", "status": "running", "logs": list(lines)}
    return allows("container_unhealthy", payload | more, severity="error").preferred


@pytest.mark.parametrize(
    "payload",
    [
        {"error": "Connection refused", "runtime": "docker"},
        {"error": "connect ECONNREFUSED 10.0.0.5:80", "runtime": "docker"},
        {"health_output": "curl: (7) Failed to connect to localhost port 80: Connection refused", "runtime": "docker"},
        {"logs": ["connect() failed (111: Connection refused), client: 10.0.0.9, server 127.0.0.1:9000"]},
    ],
)
def test_a_probe_that_found_nobody_and_a_program_in_itself_lack_nothing_else(payload: dict[str, Any]) -> None:
    assert "dependency" not in heard(payload)


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: can't connect to web: Operation timed out",
        "nginx: connect() failed (111: Connection refused) while connecting to upstream http://127.0.0.1:9000/",
        "Error: connect ECONNREFUSED ::1:8000",
    ],
)
def test_a_container_that_does_not_get_to_itself_lacks_nothing_beside_it(line: str) -> None:
    assert preferred_of(line) == RESTART
    assert preferred_of(line, "dial tcp 172.19.0.3:5432: connect: connection refused") == NOTIFY


@pytest.mark.parametrize("shared", ["host", "container:gate"])
def test_in_a_network_that_it_shares_a_container_is_not_alone(shared: str) -> None:
    line = "connect() failed (111: Connection refused) while connecting to upstream http://127.0.0.1:9000/"
    assert preferred_of(line, network_mode=shared) == NOTIFY


@pytest.mark.parametrize("line", ["can't connect to web-db: timed out", "failed to connect to db for web: timed out"])
def test_what_is_called_nearly_like_a_container_is_another_one(line: str) -> None:
    assert preferred_of(line) == NOTIFY


def test_two_keys_make_no_sentence() -> None:
    assert "certificate" not in heard({"certificates": "unchanged", "error": "timeout"})
    assert "certificate" in heard({"certificate_error": "yes", "port": 443})


def test_who_asked_is_told_from_the_program_itself() -> None:
    line = "dial tcp: lookup db.example: no such host"
    assert "from_outside" not in heard({"logs": [line]})
    assert "from_outside" in heard({"error": line, "logs": [line]})
    for key, offered in (("journal", {NOTIFY, RESTART}), ("error", {NOTIFY})):
        allowed = allows("service_hung", {key: line}, severity="error")
        assert (allowed.preferred, allowed.actions) == (NOTIFY, offered)
