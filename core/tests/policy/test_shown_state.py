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
    ],
)
def test_a_state_in_the_place_of_a_name_is_read_as_that_state(said: dict[str, Any], fact: Fact) -> None:
    found = facts_for(event("web_trouble", said, service="web"))
    assert fact in found
    assert found.isdisjoint({Fact.BAD_NAME, Fact.BACKED})  # a stranger's line is no manager


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


def test_what_fields_of_their_own_say_stands_against_such_a_line() -> None:
    said = {"unit": "failed (Result: exit-code)", "active_state": "active", "sub_state": "running"}
    assert Fact.DOWN not in facts_for(event("web_trouble", said, service="web"))


def test_a_node_is_not_down_that_answers_for_its_daemon() -> None:
    answer = {"systemctl status web": "inactive (dead)"}
    assert RESTART in allows("node_down", answer, service="web", severity="error").actions
    other = {"systemctl status munge": "inactive (dead)"}
    assert allows("node_down", other, service="web", severity="error").actions == {NOTIFY}
