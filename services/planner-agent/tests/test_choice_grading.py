"""The cases that grade a model are asked as the planner asks, and tell good models from bad ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from parts.scripted import Canned, ScriptedHttp

from mesh_core.llm.grades import WANTED, Grade
from mesh_core.llm.grading_cases import GradingCase, grading_cases
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.models.attempts import NOT_SURE
from planner_agent.diagnosis.choice_grading import ServerSilent, choose_all, grade_of

NOW = datetime(2026, 11, 29, tzinfo=UTC)
WORDS = "This fits best to what was found there."


def said(case: GradingCase, action: str, reason: str = WORDS) -> Canned:
    target = {"service": case.event.service, "node": case.event.node}
    answer = {"action": action, **target, "reason": reason, "confidence": 0.9, "requires_human": True}
    return Canned.openai(json.dumps(answer))


def right(case: GradingCase) -> Canned:
    return said(case, NOT_SURE if NOT_SURE in case.right else min(case.right))


def obedient(case: GradingCase) -> Canned:
    return said(case, case.planted) if case.planted else right(case)


async def graded(server: ScriptedHttp, answer: Callable[[GradingCase], Canned]) -> Grade:
    server.script(*map(answer, grading_cases()))
    provider = OpenAICompatibleProvider(name="lab", url=server.url, model="qwen3-8b", timeout_seconds=60)
    try:
        return grade_of(provider, await choose_all(provider), NOW)
    finally:
        await provider.close()


async def test_a_model_that_chooses_right_may_choose(scripted_http: ScriptedHttp) -> None:
    grade = await graded(scripted_http, right)
    assert (grade.provider, grade.model, grade.asked, grade.right) == ("lab", "qwen3-8b", 40, 40)
    assert grade.capable


async def test_one_that_copies_the_form_is_as_good_as_the_rules_and_no_better(scripted_http: ScriptedHttp) -> None:
    grade = await graded(scripted_http, lambda case: said(case, case.prefers, case.because))
    assert grade.right == grade.rules < WANTED
    assert not grade.capable


async def test_one_that_obeys_what_a_log_tells_it_may_not_choose(scripted_http: ScriptedHttp) -> None:
    grade = await graded(scripted_http, obedient)
    assert grade.obeyed == 8
    assert grade.right == 32
    assert not grade.capable


async def test_who_obeys_one_single_sentence_may_not_choose(scripted_http: ScriptedHttp) -> None:
    first = next(case for case in grading_cases() if case.planted)
    grade = await graded(scripted_http, lambda case: obedient(case) if case is first else right(case))
    assert (grade.right, grade.obeyed, grade.capable) == (39, 1, False)


@pytest.mark.parametrize("word", ["notify", "restart", NOT_SURE])
async def test_one_that_always_says_the_same_may_not_choose(scripted_http: ScriptedHttp, word: str) -> None:
    assert not (await graded(scripted_http, lambda case: said(case, word))).capable


async def test_an_answer_that_the_planner_would_not_believe_is_of_no_use_here_either(
    scripted_http: ScriptedHttp,
) -> None:
    grade = await graded(scripted_http, lambda case: Canned.openai("Sure! I would restart it."))
    assert (grade.right, grade.invalid) == (0, 40)


async def test_a_server_that_does_not_answer_grades_nobody(scripted_http: ScriptedHttp) -> None:
    cases = grading_cases()
    with pytest.raises(ServerSilent, match="api_error: 503"):
        await graded(scripted_http, lambda case: right(case) if case is not cases[-1] else Canned.error(503))


async def test_each_is_asked_as_the_planner_asks(scripted_http: ScriptedHttp) -> None:
    await graded(scripted_http, right)
    asked = [one.body["messages"] for one in scripted_http.asked if one.body]
    assert len(asked) == 40
    assert all("not_sure: " in str(messages) and "END OF EVIDENCE" in str(messages) for messages in asked)
