"""Whose choice counts: the rules' own, and another one only of a model that has shown that it chooses better."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mesh_core.llm.router import Rejection
from mesh_core.models.attempts import AttemptOutcome, ModelAnswer
from mesh_core.models.events import HealthEvent
from mesh_core.policy.policy import Policy
from planner_agent.prompts.evidence import evidence_for
from planner_agent.prompts.prompts import call_for

POLICY = Policy.load(None)
DIED = HealthEvent(
    type="container_died", node="nas-01", service="jellyfin", payload={"runtime": "docker", "status": "exited"}
)
RESOLVED = HealthEvent(type="service_down", node="nas-01", service="borg", payload={"state": "resolved"})


def asked(event: HealthEvent, *, may_choose: bool) -> dict[str, Any]:
    """The schema that a model is given."""
    call = call_for(event, POLICY.allows(event), evidence_for(event), (), may_choose=lambda: may_choose)
    return dict(call.schema)


def words(event: HealthEvent, *, may_choose: bool) -> list[str]:
    return list(asked(event, may_choose=may_choose)["properties"]["action"]["enum"])


def read(event: HealthEvent, action: str, *turns: bool) -> ModelAnswer | Rejection:
    """`turns`: whether it may choose, each time that this is asked."""
    turn = iter(turns)
    call = call_for(event, POLICY.allows(event), evidence_for(event), (), may_choose=lambda: next(turn, turns[-1]))
    said = {"action": action, "service": event.service, "node": event.node, "confidence": 0.9, "requires_human": True}
    return call.read(json.dumps({**said, "reason": "its program is not there any more"}))


def test_only_who_may_choose_is_offered_a_choice_and_to_be_unsure() -> None:
    """A small model copies words: it would be unsure of everything."""
    assert words(DIED, may_choose=False) == ["restart"]
    assert words(DIED, may_choose=True) == [*POLICY.allows(DIED).order, "not_sure"]


@pytest.mark.parametrize("action", ["notify", "not_sure"])
def test_another_choice_than_the_rules_own_counts_only_of_who_may_choose(action: str) -> None:
    assert POLICY.allows(DIED).preferred == "restart"
    taken = read(DIED, action, True)
    assert isinstance(taken, ModelAnswer)
    assert taken.action == action
    refused = read(DIED, action, False)
    assert isinstance(refused, Rejection)
    assert refused.outcome is AttemptOutcome.UNGROUNDED


def test_a_server_that_has_another_model_by_now_does_not_choose() -> None:
    assert isinstance(read(DIED, "notify", True, False), Rejection)
    assert isinstance(read(DIED, "restart", True, False), ModelAnswer)


@pytest.mark.parametrize("may_choose", [False, True])
def test_that_nothing_is_wrong_only_a_field_says(may_choose: bool) -> None:
    assert POLICY.allows(RESOLVED).preferred == "ignore"
    assert isinstance(read(RESOLVED, "ignore", may_choose), ModelAnswer)
    assert "ignore" not in words(DIED, may_choose=may_choose)
    assert isinstance(read(DIED, "ignore", may_choose), Rejection)


@pytest.mark.parametrize("action", ["redeploy", "node_reboot", "rm -rf"])
def test_what_the_policy_does_not_offer_nobody_may_choose(action: str) -> None:
    assert isinstance(read(DIED, action, True), Rejection)


def test_events_with_one_offer_share_all_of_the_prompt_before_their_own_lines() -> None:
    """A server reads that once: it keeps what it read as far as the next prompt is the same."""
    other = HealthEvent(
        type="service_down", node="pi4", service="mosquitto", payload={"state": "stopped", "port": 1883}
    )
    assert set(POLICY.allows(DIED).order) == set(POLICY.allows(other).order)
    asked_of = (
        call_for(one, POLICY.allows(one), evidence_for(one), (), may_choose=lambda: True) for one in (DIED, other)
    )
    first, second = (call.prompt for call in asked_of)
    assert first.system == second.system
    common = first.user.partition("Event: ")[0]
    assert second.user.startswith(common)
    assert "restart: " in common
    assert "notify: " in common
    assert len(common) > len(first.user) / 3
