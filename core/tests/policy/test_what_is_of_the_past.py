"""What speaks against a restart no more: its cause is over, or it belongs to a life that has ended (decision 0208)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, NOTIFY, RESTART, allows

FAILED: dict[str, Any] = {"runtime": "systemd", "unit": "web.service", "active_state": "failed", "exit_code": 1}
WANTING = [
    "panic: failed to connect to ldap://ids:389: connection refused",
    "Caused by: java.net.UnknownHostException: broker.lan",
    "FATAL could not connect to server: Connection timed out",
    "Error: getaddrinfo ENOTFOUND cache",
]


@pytest.mark.parametrize("line", WANTING)
def test_what_ended_for_want_of_another_is_started_again(line: str) -> None:
    for type_, said in (("unit_failed", FAILED), ("container_died", DOCKER | {"exit_code": 1})):
        assert allows(type_, said | {"logs": [line]}, severity="error").preferred == RESTART


@pytest.mark.parametrize("line", WANTING)
def test_what_runs_and_lacks_another_is_told(line: str) -> None:
    assert allows("container_unhealthy", DOCKER | {"logs": [line]}, severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "said",
    [
        {"logs": [WANTING[0], "config.toml: missing required key 'bind'"]},  # it has another reason as well
        {"logs": [WANTING[0]], "dependencies": {"ids": "exited (1)"}},  # that is away, by a field
        {"logs": [WANTING[0]], "restart_count": 9},  # started again and again it found that out
    ],
)
def test_what_ended_and_would_end_again_is_told(said: dict[str, Any]) -> None:
    assert allows("container_died", DOCKER | {"exit_code": 1} | said, severity="error").preferred == NOTIFY


def test_what_ended_does_not_work_any_more() -> None:
    work = {"logs": ["importing photos 12/340", "importing photos 80/340", "panic: runtime error: index out of range"]}
    assert allows("container_died", DOCKER | {"exit_code": 2} | work, severity="error").preferred == RESTART
    assert allows("container_unhealthy", DOCKER | work, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (WANTING[0], {"ldap": "was down until 04:10, is up"}),
        (WANTING[0], {"rabbitmq.service": "active for 3 min"}),
        (WANTING[2], {"mariadb": "restarted at 02:00, healthy"}),
        (WANTING[3], {"dns_now": "works"}),
        (WANTING[3], {"resolver": "answers again"}),
        ("connect: network is unreachable", {"uplink": "back since 06:30"}),
        ("OSError: [Errno 28] No space left on device", {"volume": "was full at 03:00, 12.5 GiB free"}),
        ("OSError: [Errno 28] No space left on device", {"disk": "freed by a person"}),
        ("cannot mount /srv: No such file or directory", {"mountpoint": "empty now"}),
        ("cannot open /run/web.pid: Permission denied", {"pidfile": "removed"}),
    ],
)
def test_a_cause_of_which_a_field_says_that_it_is_over_stands_against_nothing(line: str, said: dict[str, Any]) -> None:
    unhealthy = DOCKER | {"health": "unhealthy", "logs": [line]}
    assert allows("container_unhealthy", unhealthy, severity="error").preferred == NOTIFY
    assert allows("container_unhealthy", unhealthy | said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (WANTING[0], {"ldap": "active, its socket does not answer"}),
        (WANTING[0], {"ldap": "up until 04:10"}),
        (WANTING[0], {"ldap": "was down, is up but refuses logins"}),
        (WANTING[0], {"rabbitmq": "running with errors"}),
        (WANTING[0], {"docker": "running", "api": "ok"}),
        (WANTING[0], {"depends_on": {"ids": "upgrading"}}),
        (WANTING[0], {"depends_on": {"ids": "running, degraded"}}),
        (WANTING[0], {"previous_ldap": "healthy"}),
        (WANTING[0], {"logs": [WANTING[0], "ldap is healthy again"]}),  # anybody may write a line
        (WANTING[3], {"dns_now": "unknown, was fine at noon"}),
        (WANTING[3], {"resolver": "up-1.lan"}),
        ("OSError: [Errno 28] No space left on device", {"disk": "0 GiB free"}),
        ("OSError: [Errno 28] No space left on device", {"disk": "sda1, 80 GiB free"}),  # it may be another one
        ("OSError: [Errno 28] No space left on device", {"volume": "was full, now 3 % free"}),  # kept for root
        ("could not get lock /var/lib/web/lock, is held by process 812", {"lock": "not released"}),
        ("resilver in progress, 40 % done", {"lock": "released"}),  # which is another work
    ],
)
def test_what_says_less_than_that_ends_nothing(line: str, said: dict[str, Any]) -> None:
    unhealthy = DOCKER | {"health": "unhealthy", "logs": [line]} | said
    assert allows("container_unhealthy", unhealthy, severity="error").preferred == NOTIFY


IN_THE_WAY: list[tuple[dict[str, Any], str]] = [
    ({"ports": {"5432": "free"}}, "bind() to 0.0.0.0:5432 failed (98: Address already in use)"),
    ({"port_now": "free again"}, "FATAL: listen EADDRINUSE: :::3000"),
    ({"port": "free"}, "Ошибка: адрес уже используется"),
    ({"lockfile": "gone"}, "Error: could not open /data/.app.lock: File exists"),
    ({"pid_file": "removed"}, "error: pid file /run/web.pid exists"),
    ({"socket": "removed"}, "error: cannot bind /run/web.sock: address already in use"),
    ({"scanner_there": True}, "error: /dev/usb/lp0: No such file or directory"),
    ({"modem_present": "yes"}, "error: cannot open modem: no such device"),
    ({"mounts": {"/data": "mounted since 2 min"}}, "Error: open /data/web.db: no such file or directory"),
    ({"volume_there": True}, "FileNotFoundError: Fichier /media/a introuvable"),
]
SETTINGS = [
    'nginx: [emerg] unknown directive "lisen" in /etc/nginx/sites/web:4',
    "FATAL: Access denied for user 'web'",
    "error: missing required environment variable API_KEY",
    "Error: failed to parse config.yaml",
    "FATAL: unsupported schema version 31",
    "error: unknown flag: --verbos",
]


@pytest.mark.parametrize(("field", "line"), IN_THE_WAY)
def test_what_is_out_of_the_way_ends_the_lines_about_itself(field: dict[str, Any], line: str) -> None:
    ended = DOCKER | {"exit_code": 1, "logs": [line]}
    assert allows("container_died", ended, severity="error").preferred == NOTIFY
    assert allows("container_died", ended | field, severity="error").preferred == RESTART


@pytest.mark.parametrize("field", [field for field, _ in IN_THE_WAY], ids=str)
@pytest.mark.parametrize("line", SETTINGS)
def test_what_is_out_of_the_way_says_nothing_of_other_settings(field: dict[str, Any], line: str) -> None:
    assert (
        allows("container_died", DOCKER | field | {"exit_code": 1, "logs": [line]}, severity="error").preferred
        == NOTIFY
    )
