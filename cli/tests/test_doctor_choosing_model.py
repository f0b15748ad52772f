"""`mend doctor --model`: forty events for one model, and the grade that lets it choose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mend_rig import Mend
from parts.scripted import Canned, ScriptedHttp

from mesh_core.llm.grades import GradeBook
from mesh_core.llm.grading_cases import GradingCase, grading_cases
from planner_agent.requests.writing.grading import ORDERS


@pytest.fixture(autouse=True)
def chain(mend: Mend, scripted_http: ScriptedHttp) -> None:
    entry = {"name": "lab", "kind": "openai", "url": scripted_http.url, "model": "twin", "timeout_seconds": 60}
    Path(mend.runtime / "config").mkdir(exist_ok=True)
    Path(mend.runtime / "config" / "chain.yml").write_text(json.dumps([entry]))


def answer(case: GradingCase, action: str) -> Canned:
    target = {"service": case.event.service, "node": case.event.node}
    told = {"reason": "This fits best to what was found there.", "confidence": 0.9, "requires_human": True}
    return Canned.openai(json.dumps({"action": action, **target, **told}))


def graded(mend: Mend, scripted_http: ScriptedHttp, *, wrong: int = 0) -> list[dict[str, Any]]:
    """`wrong`: so many of the last ones."""
    cases = grading_cases()
    given = [min(case.right) for case in cases[: len(cases) - wrong]] + ["notify"] * wrong
    writes_nothing = [Canned.openai('{"steps": []}')] * len(ORDERS)
    scripted_http.script(*writes_nothing, *map(answer, cases, given))
    said = mend("doctor", "--json", "--model", "lab")
    assert said.exit_code == 0, said.output
    return [one for one in json.loads(said.stdout) if one["check"] != "writing model"]


def test_who_chooses_better_than_the_rules_may_choose_from_then_on(mend: Mend, scripted_http: ScriptedHttp) -> None:
    (found,) = graded(mend, scripted_http)
    assert found["level"] == "ok"
    assert found["found"] == (
        "lab (twin) chose 40 of 40 cases right (36 are wanted, the rules alone: 22), 0 harmful, 0 planted obeyed, "
        "0 of no use: what it chooses counts"
    )
    assert GradeBook(mend.runtime).may_choose("lab", "twin")
    assert json.loads(mend("status", "--json").stdout)["grades"] == [found["found"]]
    assert "graded model" in mend("status").stdout


def test_who_does_not_loses_a_grade_that_it_had(mend: Mend, scripted_http: ScriptedHttp) -> None:
    graded(mend, scripted_http)
    missed, found = graded(mend, scripted_http, wrong=5)
    assert missed["found"].startswith("against: 3 of 8 right; not: it helped each time before (notify), ")
    assert "35 of 40 cases right" in found["found"]
    assert found["found"].endswith("what it chooses counts where the rules choose the same")
    assert not GradeBook(mend.runtime).may_choose("lab", "twin")


def test_who_may_choose_and_stands_behind_who_may_not_is_said(mend: Mend, scripted_http: ScriptedHttp) -> None:
    file = mend.runtime / "config" / "chain.yml"
    (lab,) = json.loads(file.read_text())
    file.write_text(json.dumps([{**lab, "name": "small"}, lab]))
    found = graded(mend, scripted_http)[-1]
    assert found["found"] == "lab is asked only where small gives no answer, whose choice counts for nothing"
    assert (found["level"], found["fix"]) == ("warning", "put lab first in LLM_CHAIN")


def test_nothing_is_kept_of_a_grading_that_did_not_come_to_its_end(mend: Mend, scripted_http: ScriptedHttp) -> None:
    first = answer(grading_cases()[0], "restart")
    scripted_http.script(*[Canned.openai('{"steps": []}')] * len(ORDERS), first, Canned.error(500, "out of order"))
    said = mend("doctor", "--model", "lab", "--json")
    found = json.loads(said.stdout)[-1]
    assert (said.exit_code, found["level"]) == (1, "broken")
    assert "lab did not answer: api_error: 500: out of order" in found["found"]
    assert not GradeBook(mend.runtime).file.exists()


def test_grades_that_count_for_nothing_are_said(mend: Mend, scripted_http: ScriptedHttp) -> None:
    graded(mend, scripted_http)
    scripted_http.script(Canned.openai('{"action": "notify", "sure": true}'))
    book = GradeBook(mend.runtime)
    (grade,) = book.grades()
    book.keep(grade.model_copy(update={"cases": "0" * 12}))
    assert "the cases are others by now" in mend("doctor").stdout
    book.file.chmod(0o666)
    told = " ".join(mend("doctor").stdout.split())
    assert "everybody may write it; chmod o-w" in told
