"""What ended to an order or a plan, is being changed, or is back already: a message, no start and no silence."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import DOCKER, IGNORE, NOTIFY, REDEPLOY, RESTART, allows, event

from mesh_core.policy.event_facts.facts import Fact, facts_for

PROJECT: dict[str, Any] = DOCKER | {"compose": {"project": "shop"}}


@pytest.mark.parametrize(
    "said",
    [
        {"history": "05:12 lea: systemctl stop web"},
        {"shell_history": ["cd /srv", "sudo docker compose down"]},
        {"sudo_log": "lea : TTY=pts/1 ; PWD=/root ; COMMAND=/usr/bin/systemctl disable --now web.service"},
        {"audit": "uid=1000 comm=docker cmd='docker stop web'"},
        {"last_command": "supervisorctl stop web"},
        {"maintenance": "until noon"},
        {"planned_outage": True},
        {"change_ticket": "OPS-4711"},
        {"scheduled_off": "nightly"},
        {"reason": "scaled to zero over night"},
        {"stop_reason": "stopped as planned"},
        {"removed_by": "lea: docker rm web"},
    ],
    ids=str,
)
def test_what_ended_to_an_order_or_a_plan_is_told(said: dict[str, Any]) -> None:
    for type_ in ("service_down", "container_stopped", "worker_exited"):
        assert allows(type_, said, severity="critical").actions == {NOTIFY}, type_


@pytest.mark.parametrize(
    "said",
    [
        {"history": "05:12 lea: systemctl stop backup"},  # another one
        {"history": "05:12 lea: systemctl restart web"},
        {"log": "to stop it: systemctl stop web"},  # what was printed
        {"message": "systemctl stop web was suggested"},
        {"maintenance": "off"},
        {"maintenance": False},
        {"planned": ""},
        {"change": None},
        {"reason": "unplanned exit"},
    ],
    ids=str,
)
def test_what_nobody_ordered_is_started(said: dict[str, Any]) -> None:
    assert allows("service_down", said, severity="critical").preferred == RESTART


@pytest.mark.parametrize(
    "said",
    [
        {"updater": "step 3 of 9"},
        {"watchtower": "recreating web"},
        {"pacman": "upgrading web"},
        {"dnf": "web-2.1 unpacked 40 s ago, transaction still running"},
        {"snapshot": "running, the container is paused"},
        {"ota": "sending firmware 61 %"},
        {"migration": "running since 04:10"},
        {"backup": "läuft, Dienst angehalten"},
        {"restore": "12.5% of 40 GiB"},
    ],
    ids=str,
)
def test_what_is_at_work_on_it_is_waited_for(said: dict[str, Any]) -> None:
    assert allows("service_down", said, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    "said",
    [
        {"backup": "last one was running 3 h"},
        {"watchtower": "none running"},
        {"migration": "finished"},
        {"restore": "failed at 12 %"},
        {"snapshot": "daily"},
    ],
    ids=str,
)
def test_what_is_over_or_never_was_holds_nothing_back(said: dict[str, Any]) -> None:
    assert allows("service_down", said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        ("service_down", {"now": "active (running) since Mon"}),
        ("service_stopped", {"systemctl": "active (running)"}),
        ("container_died", {"docker_ps": "Up 3 minutes"}),
        ("process_crashed", {"state": "running"}),
        ("site_down", {"recheck": "HTTP/2 204"}),
        ("http_probe_failed", {"url": "http://web", "error": "timeout", "second_try": "ok"}),
        ("page_slow", {"retry": 200}),
    ],
)
def test_what_is_back_already_is_told(type_: str, said: dict[str, Any]) -> None:
    assert allows(type_, said, severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        ("service_hung", {"now": "active (running) since Mon"}),
        ("service_down", {"docker_ps": "Exited (1) 3 minutes ago"}),
        ("site_down", {"recheck": "502"}),
        ("site_down", {"retry": 3}),
        ("service_down", {"now": "inactive (dead)"}),
    ],
)
def test_what_is_not_back_is_restarted(type_: str, said: dict[str, Any]) -> None:
    assert allows(type_, said, severity="error").preferred == RESTART


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        ("container_missing", {"profiles": ["tools"]}),
        ("container_missing", {"profile": "tools (inactive)"}),
        ("container_missing", {"volume": "not found"}),
        ("container_missing", {"removed_by": "lea: docker rm -f web"}),
        ("config_drift", {"drift": ["image"], "note": "rolled back to 1.8 on Friday, 1.9 loses sessions"}),
        ("config_drift", {"drift": ["env"], "hinweis": "Hotfix, noch nicht eingecheckt"}),
    ],
)
def test_what_somebody_wants_otherwise_is_not_made_anew(type_: str, said: dict[str, Any]) -> None:
    assert allows(type_, PROJECT, severity="error").preferred in (REDEPLOY, NOTIFY)
    assert REDEPLOY not in allows(type_, PROJECT | said, severity="error").actions


def test_a_plan_is_no_silence() -> None:
    for said in ({"maintenance": "until noon"}, {"scheduled_off": True}, {"recheck": "200"}):
        assert IGNORE not in allows("service_down", said, severity="critical").actions


@pytest.mark.parametrize(("status", "fact"), [(403, Fact.REFUSED), (301, Fact.REFUSED), (500, Fact.FAULTY)])
def test_a_number_in_a_probes_status_is_that_of_http(status: int, fact: Fact) -> None:
    assert fact in facts_for(event("http_probe_failed", {"url": "https://web", "status": status}))
    assert fact not in facts_for(event("http_probe_failed", {"url": "https://web", "status": status > 0}))


@pytest.mark.parametrize(
    "said",
    [
        {"triggered_by": "Dockge web (admin)"},
        {"actor": "panel user 'ines'"},
        {"by": "shell of user jo, pts/4"},
        {"von": "operator, zum Umzug"},
    ],
    ids=str,
)
def test_who_ended_it_at_a_desk_is_not_told_of_his_own_deed(said: dict[str, Any]) -> None:
    assert allows("container_stopped", said, severity="critical").preferred == IGNORE
    assert IGNORE not in allows("login_failed", said, severity="critical").actions, "he made it, and did not end it"


@pytest.mark.parametrize(
    "said",
    [
        {"tags": {"stopped-by": "night-scheduler"}},
        {"crontab": "0 20 * * 5 appctl stop-all"},
        {"zeitplan": "off at night"},
        {"stop_reason": "user"},
        {"events": ["unit.pause by ada@lab"]},
        {"startup": "disabled (by the domain)"},
    ],
    ids=str,
)
def test_what_a_schedule_or_a_policy_ended_is_told(said: dict[str, Any]) -> None:
    assert allows("service_down", said, severity="critical").actions == {NOTIFY}


@pytest.mark.parametrize(
    "said",
    [
        {"crontab": "*/5 * * * * appctl check"},
        {"tags": {"stopped-by": "watchdog"}},
        {"startup": "automatic (delayed)"},
        {"events": ["killed by oom"]},
        {"actor": "kernel"},
    ],
    ids=str,
)
def test_what_no_schedule_and_nobody_ended_is_started(said: dict[str, Any]) -> None:
    assert allows("service_down", said, severity="critical").preferred == RESTART
