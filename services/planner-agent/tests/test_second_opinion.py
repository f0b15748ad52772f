"""Another model is asked where the first is not sure or against a runbook, and the more careful answer counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from planner_rig import Mesh, SayingProvider, first_choice

from mesh_core.llm.rules_fallback import Answered
from mesh_core.models.attempts import ModelAnswer
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import ModelRef
from mesh_core.policy.policy import Policy
from planner_agent.diagnosis.second_opinion import is_wanted, settled

DIED = HealthEvent(type="container_died", node="nas-01", service="jellyfin", payload={"status": "exited"})
ALLOWED = Policy.load(None).allows(DIED)


def answer(action: str) -> ModelAnswer:
    return ModelAnswer(
        action=action, service="jellyfin", node="nas-01", reason="so it looks", confidence=0.9, requires_human=True
    )


def said(who: str, action: str) -> Answered[ModelAnswer]:
    return Answered(answer(action), ModelRef(name=who, provider="openai", position=1, latency_ms=1))


@pytest.mark.parametrize(
    ("action", "wanted"), [("not_sure", True), ("restart", False), ("notify", True), ("redeploy", True)]
)
def test_a_second_is_wanted_where_the_first_is_not_sure_or_a_certain_runbook_says_otherwise(
    action: str, wanted: bool
) -> None:
    assert ALLOWED.runbook is not None
    assert "restart" in ALLOWED.runbook.runbook.helps
    assert is_wanted(answer(action), ALLOWED) is wanted


def test_without_a_runbook_only_who_is_not_sure_needs_a_second() -> None:
    unknown = replace(ALLOWED, runbook=None)
    assert not is_wanted(answer("notify"), unknown)
    assert is_wanted(answer("not_sure"), unknown)


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        ("redeploy", "restart", "second"),
        ("redeploy", "notify", "second"),
        ("restart", "not_sure", "second"),
        ("restart", "redeploy", "first"),
        ("notify", "restart", "first"),
        ("restart", "restart", "first"),
        ("not_sure", "restart", "second"),  # what the rules prefer as well
        ("not_sure", "redeploy", "first"),
        ("not_sure", "notify", "first"),
    ],
)
def test_the_more_careful_answer_counts_and_none_that_would_be_a_guess(first: str, second: str, counts: str) -> None:
    one, other = settled(said("first", first), said("second", second), ALLOWED)
    assert one.model.name == counts
    assert {one.model.name, other.model.name} == {"first", "second"}


def models(*actions: str) -> list[Any]:
    """Each answers with its action, and is called after it."""
    made = []
    for number, action in enumerate(actions):
        one = SayingProvider(lambda schema, action=action: first_choice(schema, action))  # type: ignore[misc]
        one.name = one.model = f"{action}-{number}"
        made.append(one)
    return made


async def test_a_doubt_and_a_second_that_agrees_with_the_rules_restart_and_both_stand_on_the_card(mesh: Mesh) -> None:
    asked = models("not_sure", "restart", "restart")
    await mesh.start(asked, may_choose=True)
    await mesh.happens()
    (filed,) = await mesh.proposed()
    p = filed.proposal
    assert (p.action, p.model.name, p.model.position, p.rules_choice) == ("restart", "restart-1", 2, None)
    (other,) = (piece.text for piece in p.evidence if piece.source == "another model")
    assert other == 'chose not sure; model not_sure-0 says: "the container does not run any more"'
    assert [one.asked for one in asked] == [1, 1, 0]
    assert [attempt["position"] for attempt in await mesh.stream("mesh:llm_attempts")] == [1, 2]


async def test_nobody_is_asked_twice_where_the_first_is_sure(mesh: Mesh) -> None:
    asked = models("restart", "restart")
    await mesh.start(asked, may_choose=True)
    await mesh.happens()
    await mesh.proposed()
    assert [one.asked for one in asked] == [1, 0]


async def test_a_second_that_gives_no_answer_leaves_the_first_as_it_is(mesh: Mesh) -> None:
    broken = SayingProvider(lambda schema: "Sure! I would restart it.")
    await mesh.start([*models("not_sure"), broken], may_choose=True)
    await mesh.happens()
    (filed,) = await mesh.proposed()
    assert (filed.proposal.action, filed.proposal.model.name) == ("notify", "not_sure-0")
    assert not [piece for piece in filed.proposal.evidence if piece.source == "another model"]
