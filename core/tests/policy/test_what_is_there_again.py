"""What a thing needs is there, and it does not take it up again: a server, a device, a certificate that was renewed, or
all files that it may open (decision 0209)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, NOTIFY, RESTART, allows

LINE = "ERROR lost connection to broker at 10.0.0.4"


@pytest.mark.parametrize(
    "said",
    [
        {"redis": {"state": "running", "ping": "PONG"}},
        {"db": {"reachable": True, "connections": 3}},
        {"backend": {"status": "green"}},
        {"ldap_bind_test": "ok since 07:14"},
        {"database_check": "works"},
        {"mqtt": {"online": "yes"}},
        {"lsusb": "CP2102 UART Bridge present"},
        {"ls /dev/ttyACM1": "present"},
    ],
)
def test_what_is_still_ill_when_its_need_is_met_is_started_anew(said: dict[str, Any]) -> None:
    assert allows("nothing_stored", said, severity="error").preferred == RESTART
    assert allows("nothing_stored", said, service="postgres", severity="error").preferred == NOTIFY


@pytest.mark.parametrize(
    "said",
    [
        {"redis": {"state": "down"}},
        {"db": {"reachable": False}},
        {"backend": {"status": "green until 07:00"}},
        {"ldap_bind_test": "not ok"},
        {"previous_db_check": "works"},
        {"neighbour": {"state": "running"}},
        {"lsusb": "nothing found"},
        {"logs": [{"db_check": "works"}]},
        {"message": "db is reachable"},
    ],
)
def test_what_lacks_it_or_may_is_told(said: dict[str, Any]) -> None:
    assert allows("nothing_stored", said, severity="error").preferred == NOTIFY


@pytest.mark.parametrize("said", [{"ping 10.0.0.4": "2 ms"}, {"tcp 1883": "open"}, {"broker": {"state": "running"}}])
def test_what_answers_now_takes_the_words_about_it_back(said: dict[str, Any]) -> None:
    assert allows("container_unhealthy", DOCKER | {"logs": [LINE]}, severity="error").preferred == NOTIFY
    assert allows("container_unhealthy", DOCKER | {"logs": [LINE]} | said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        {"served": {"notAfter": "2026-01-02"}, "on_disk": {"notAfter": "2026-04-01T06:00:00Z"}},
        {"shown_not_after": "2026-01-02", "file": "/etc/ssl/web.pem notAfter=2026-04-01"},
        {"renewed": "9 days ago"},
        {"last_renewal": "2026-01-01 03:12"},
        {"on disk": "valid 88 d"},
        {"peer_expires": "2026-01-02", "disk_expires": "2026-04-01"},
    ],
)
def test_a_certificate_that_was_renewed_is_loaded_by_a_start(said: dict[str, Any]) -> None:
    assert allows("certificate_expired", said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        {"served": {"notAfter": "2026-01-02"}, "on_disk": {"notAfter": "2026-01-02"}},
        {"renewed": "failed 9 days ago"},
        {"renewed": False},
        {"on disk": "expired 2 d"},
        {"logs": ["renewed: 9 days ago"]},
        {},
    ],
)
def test_one_that_was_not_is_told(said: dict[str, Any]) -> None:
    assert allows("certificate_expired", said, severity="error").actions == {NOTIFY}


def test_what_opened_all_files_that_it_may_is_started_anew() -> None:
    assert allows("fd_exhausted", DOCKER | {"open_fds": 1024, "ulimit": 1024}, severity="error").preferred == RESTART
    assert allows("fd_exhausted", DOCKER | {"open_fds": 900, "ulimit": 1024}, severity="error").preferred == NOTIFY


def test_what_takes_all_in_and_gives_nothing_out_is_stalled() -> None:
    counts = {"received_1h": 340, "forwarded_1h": 0}
    assert allows("relay_trouble", DOCKER | counts, severity="warning").preferred == RESTART
    assert allows("relay_trouble", DOCKER | counts | {"sent_1h": 4}, severity="warning").preferred == NOTIFY
    assert allows("relay_trouble", DOCKER | counts | {"received_1h": 0}, severity="warning").preferred == NOTIFY
