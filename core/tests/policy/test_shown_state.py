"""A state that stands where the name of a unit or container should (decision 0206)."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import NOTIFY, RESTART, allows, event

from mesh_core.policy.event_facts.facts import Fact, facts_for


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ({"unit": "failed (Result: exit-code)"}, Fact.DOWN),
        ({"unit": "inactive (dead) since Tue 2026-11-03 04:12:09 CET; 2h 5min ago"}, Fact.DOWN),
        ({"unit": "web.service active (running)"}, Fact.RUNNING),
        ({"unit": "activating (auto-restart)"}, Fact.RESTARTING),
        ({"unit": "failed (Result: start-limit-hit)"}, Fact.LOOPING),
        ({"systemctl status web": "inactive (dead)"}, Fact.DOWN),
        ({"container": "Up 4 hours (unhealthy)"}, Fact.UNHEALTHY),
        ({"container": "Exited (1) 20 minutes ago"}, Fact.DOWN),
        ({"systemctl": "inactive (dead) since Tue 2026-11-03 04:12:09 CET; 2h ago"}, Fact.DOWN),
        ({"systemctl is-active": "failed"}, Fact.DOWN),
        (
            {"systemctl status web": "● web.service - Web\n  Loaded: loaded\n  Active: failed (Result: signal)"},
            Fact.DOWN,
        ),
        (
            {"systemctl --failed": ["● db.service loaded failed failed DB", "● web.service loaded failed failed Web"]},
            Fact.DOWN,
        ),
        ({"docker ps -a": "8f1c web/web:3 Exited (139) 2 hours ago web"}, Fact.DOWN),
        ({"docker ps": ["db Up 6 days", "web Up 3 hours (unhealthy)"]}, Fact.UNHEALTHY),
        ({"sv status": "down: web: 51s, normally up, want up"}, Fact.DOWN),
        ({"s6-svstat": "down (signal SIGSEGV) 300 seconds, normally up"}, Fact.DOWN),
        ({"rc-service web status": " * status: crashed"}, Fact.DOWN),
        ({"service web status": "web is not running."}, Fact.DOWN),
        ({"rcctl check web": "web(failed)"}, Fact.DOWN),
        ({"supervisorctl status": "web   FATAL   Exited too quickly"}, Fact.DOWN),
        ({"sc query web": "SERVICE_NAME: web\n STATE : 1 STOPPED\n WIN32_EXIT_CODE : 1067"}, Fact.DOWN),
    ],
)
def test_a_state_in_the_place_of_a_name_is_read_as_that_state(said: dict[str, Any], fact: Fact) -> None:
    found = facts_for(event("web_trouble", said, service="web"))
    assert fact in found
    assert Fact.BAD_NAME not in found


@pytest.mark.parametrize(
    "name",
    [
        *("active (running); reboot", "$(reboot) active (running)", "failed (Result: $(reboot))", "web (dead)"),
        *("active (running)\nreboot", "other.service failed (Result: exit-code)"),
    ],
)
def test_what_is_more_than_a_state_or_of_another_unit_is_no_name(name: str) -> None:
    found = facts_for(event("web_trouble", {"unit": name}, service="web"))
    assert Fact.BAD_NAME in found
    assert Fact.DOWN not in found


@pytest.mark.parametrize(
    "said",
    [
        *({"sv status": "down: web: 51s"}, {"sv status": "down: db: 51s, normally up"}),  # told to be so; of another
        *({"sv status": "run: web: (pid 9) 51s"}, {"service web status": "db is not running"}),
        *({"systemctl status db": "inactive (dead)"}, {"systemctl --failed": "● db.service loaded failed failed DB"}),
        {"systemctl status": "● db.service - DB\n   Active: failed (Result: signal)"},
        {"docker ps": "db Exited (139) 2 hours ago"},
        {"supervisorctl status": "web   STOPPED   Nov 03 04:12 AM"},  # by a person
        {"sc query web": "STATE : 1 STOPPED WIN32_EXIT_CODE : 0"},
        {"lines": "● web.service loaded failed failed Web"},
    ],
)
def test_what_a_command_shows_of_another_or_as_it_should_be_is_no_trouble(said: dict[str, Any]) -> None:
    assert Fact.DOWN not in facts_for(event("web_trouble", said, service="web"))


def test_a_part_of_a_long_name_is_its_name_where_a_manager_s_state_stands_below_it() -> None:
    def is_down(said: dict[str, Any]) -> bool:
        return Fact.DOWN in facts_for(event("login_failed", said, service="acme-engined"))

    assert is_down({"engined": "inactive (dead)"})
    for said in ({"acme": "inactive (dead)"}, {"engined": "stopped"}, {"engines": "inactive (dead)"}, {"engined": 3}):
        assert not is_down(said)


def test_what_fields_of_their_own_say_stands_against_such_a_line() -> None:
    said = {"unit": "failed (Result: exit-code)", "active_state": "active", "sub_state": "running"}
    assert Fact.DOWN not in facts_for(event("web_trouble", said, service="web"))


def test_a_node_is_not_down_that_answers_for_its_daemon() -> None:
    answer = {"systemctl status web": "inactive (dead)"}
    assert RESTART in allows("node_down", answer, service="web", severity="error").actions
    other = {"systemctl status munge": "inactive (dead)"}
    assert allows("node_down", other, service="web", severity="error").actions == {NOTIFY}


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ({"systemctl": "inactive (dead) since Thu 2026-11-05 06:22:14 CET; 31min ago"}, Fact.DOWN),
        ({"einheit": "web.service failed (Result: timeout)"}, Fact.DOWN),
        ({"unidad": "inactivo"}, Fact.DOWN),
        ({"process": "not running"}, Fact.DOWN),
        ({"unit": "failed/failed"}, Fact.DOWN),
        ({"web": "inactive (dead)"}, Fact.DOWN),
        ({"web.service": "active (running) since Mon"}, Fact.RUNNING),
        ({"sv status": "down: web: 3601s, normally up, want up"}, Fact.DOWN),
        ({"runit": "run: web: (pid 812) 88123s"}, Fact.RUNNING),
        ({"s6-svstat": "down (exitcode 1) 90 seconds, normally up, ready 90 seconds"}, Fact.DOWN),
        ({"s6": "up (pid 77) 4021 seconds"}, Fact.RUNNING),
        ({"supervisorctl": "web FATAL     Exited too quickly (process log may have details)"}, Fact.DOWN),
        ({"supervisorctl status web": "web RUNNING   pid 99, uptime 2:10:00"}, Fact.RUNNING),
        ({"docker ps": "Up 3 weeks (unhealthy)"}, Fact.UNHEALTHY),
        ({"container": "Restarting (1) 5 seconds ago"}, Fact.RESTARTING),
        ({"unit": "active (running) since 48s"}, Fact.YOUNG),
    ],
)
def test_what_a_manager_shows_is_read_under_any_key_for_the_thing(said: dict[str, Any], fact: Fact) -> None:
    found = facts_for(event("web_trouble", said, service="web"))
    assert {fact, Fact.BACKED} <= found


@pytest.mark.parametrize(
    "said",
    [
        {"unit": "active"},
        {"prozess": "läuft"},
        {"container": "Up 3 weeks"},
        {"web": "running"},
        {"container": "web"},
        {"unit": "web.service"},
    ],
)
def test_a_word_or_its_own_name_shows_that_something_runs_it(said: dict[str, Any]) -> None:
    assert Fact.BACKED in facts_for(event("web_trouble", said, service="web"))
    assert RESTART in allows("web_trouble", said, service="web", severity="error").actions


@pytest.mark.parametrize(
    "said",
    [
        {"unit": "active since someone asked for it"},
        {"container": "another"},
        {"sv status": "down: web: 12s"},  # nobody wants it up
        {"sv status": "down: db: 12s, normally up"},
        {"supervisorctl": "web STOPPED   Nov 26 02:11 PM"},  # somebody stopped it
        {"cache": "inactive (dead)"},
        {"logs": ["web.service failed (Result: timeout)"]},
        {"message": "inactive (dead)"},
    ],
)
def test_what_is_of_another_or_no_managers_line_says_nothing(said: dict[str, Any]) -> None:
    assert facts_for(event("web_trouble", said, service="web")).isdisjoint({Fact.BACKED, Fact.DOWN})


@pytest.mark.parametrize(
    "said",
    [
        {"service": "web: failed (code=killed, signal=11)"},
        {"container": "web: Exited (139), restart: no"},
        {"systemd": "web.service failed (Result: core-dump), Restart=no"},
        {"servicio": "web: parado (killed) desde las 04:10"},
        {"unit": "web.service failed: ERROR: no answer from its worker"},
        {"daemon": "defunct, pid 4410"},
        {"prozess": "web läuft nicht, seit 02:14"},
    ],
)
def test_a_state_with_more_behind_it_is_a_state(said: dict[str, Any]) -> None:
    assert Fact.DOWN in facts_for(event("web_trouble", said, service="web"))


@pytest.mark.parametrize(
    "said",
    [
        {"service": "db: failed (code=killed, signal=11)"},
        {"container": "web: stopped by the operator"},
        {"unit": "web.service inactive, its timer starts it"},
        {"container": "exited (0), nothing left"},
        {"container": "exited, was migrated to another node"},
        {"service": "web: stopped for maintenance until noon"},
        {"unit": "web.service failed once, running again"},
        {"note": "web: failed"},
        {"image": "web: failed to be pulled"},
    ],
)
def test_a_state_that_is_wanted_or_over_or_anothers_is_none(said: dict[str, Any]) -> None:
    assert Fact.DOWN not in facts_for(event("web_trouble", said, service="web"))
