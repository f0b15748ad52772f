"""What monitors of all kinds write of one that does not answer them (decision 0209)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import NOTIFY, RESTART, allows

URL = {"url": "https://wiki.lan/"}


@pytest.mark.parametrize(
    "said",
    [
        URL | {"cause": "Status 502"},
        URL | {"cause": "Connection refused"},
        URL | {"cause": "Timeout"},
        {"monitor": {"name": "wiki", "url": "http://n1:8080"}, "statusCode": 503},
        {"monitor": {"url": "http://n1:8080"}, "errorMessage": "timeout"},
        {"heartbeat": {"msg": "timeout of 48000ms exceeded"}, "monitor": {"url": "http://n1:80"}},
        {"heartbeat": {"msg": "Request failed with status code 502"}, "monitor": {"url": "http://n1:80"}},
        {"heartbeat": {"msg": "connect ECONNREFUSED 10.0.0.7:80"}, "monitor": {"url": "http://n1:80"}},
        {"check": {"url": "https://wiki.lan"}, "downtime": {"error": "502"}},
        URL | {"alertDetails": "HTTP 504 - Gateway Timeout"},
        URL | {"failure_reason": "HTTP timeout occurred"},
        URL | {"failure_reason": "TCP connection failed"},
        URL | {"last_error": "NetworkError: Response code 502"},
        URL | {"long_description": "Timeout (> 30s)"},
        URL | {"incident_reason": "Connection Timeout"},
        {"endpoint": "tcp://n1:1883", "result": "connection reset by peer"},
        URL | {"err": "EOF after 30s"},
        URL | {"reason": "Socket timeout after 10 seconds"},
    ],
)
@pytest.mark.parametrize("type_", ["site_error", "monitor_alert"])
def test_who_does_not_answer_a_monitor_is_started_anew(type_: str, said: dict[str, Any]) -> None:
    assert allows(type_, said, severity="critical").preferred == RESTART
    assert allows(type_, said, severity="warning").preferred == NOTIFY  # once, or slowly


@pytest.mark.parametrize(
    "said",
    [
        {"cause": "Timeout"},  # of what, nothing says
        {"cause": "Status 502"},
        URL | {"cause": "Status 500"},
        URL | {"cause": "Status 404"},
        URL | {"cause": "the switch was replaced"},
        URL | {"cause": "SSL certificate expired"},
        URL | {"statusCode": 200, "error": "Timeout"},  # it answered
        URL | {"body": "Status 502"},
        URL | {"logs": ["Connection refused"]},
        URL | {"message": "upstream of wiki: Connection refused, look at db"},
        {"url": "wiki", "cause": "Connection refused"},
    ],
)
def test_another_answer_or_none_of_an_address_is_told(said: dict[str, Any]) -> None:
    assert allows("monitor_alert", said, severity="critical").preferred == NOTIFY


@pytest.mark.parametrize(
    "said",
    [
        {"error": "connection refused", "host": "answers ping"},
        {"connect": "ECONNREFUSED 10.1.1.4:8080", "ping": "2 ms"},
        {"result": "tcp 8080 refused", "host_ping": "ok"},
        {"port_8080": "refused", "host_up": True},
        {"ports": {"8080": "refused"}, "icmp": "replies"},
        {"response": "connect ECONNREFUSED 10.0.0.3:80 (host answers ping)"},
        {"error": "502 Bad Gateway (nginx: connect() failed (111: connection refused))"},
        {"check": {"url": "https://wiki.lan", "last_status": 502}},
    ],
    ids=str,
)
def test_who_refuses_at_his_port_while_his_host_is_there_is_started_anew(said: dict[str, Any]) -> None:
    assert allows("site_error", said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        {"error": "connection refused", "host": "does not answer ping"},
        {"error": "no route to host", "ping": "2 ms"},
        {"error": "timeout", "ping": "100 % loss"},
        {"db": "connection refused", "ping": "ok"},
        {"upstream": {"error": "connection refused"}, "ping": "ok"},
        {"neighbour": {"ping": "ok"}, "error": "connection refused"},
        {"log": "connection refused", "host": "answers ping"},
        {"error": "403 Forbidden (nginx: access refused)"},
        {"error": "connection refused", "ping": "ok", "status_code": 200},
    ],
    ids=str,
)
def test_a_refusal_of_another_or_of_a_host_that_is_away_is_told(said: dict[str, Any]) -> None:
    assert allows("site_error", said, severity="error").preferred == NOTIFY
