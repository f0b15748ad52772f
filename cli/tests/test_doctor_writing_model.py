"""`mend doctor --model`: ten orders for one model, graded as the planner would take them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mend_rig import Mend
from parts.scripted import Canned, ScriptedHttp

from planner_agent.requests.writing.grading import ORDERS


def chain(mend: Mend, url: str, *, writes: bool) -> None:
    entry = {"name": "lab", "kind": "openai", "url": url, "model": "twin", "timeout_seconds": 60, "writes": writes}
    (mend.runtime / "config").mkdir(exist_ok=True)
    Path(mend.runtime / "config" / "chain.yml").write_text(json.dumps([entry]))


def answers(module: str, wanted: Mapping[str, Any]) -> list[Canned]:
    values = {name: said for name, said in wanted.items() if name != "remote_src"}
    said = ({"steps": [module]}, {"steps": [{"step": module, "values": values}]})
    return [Canned.openai(json.dumps(one)) for one in said]


def graded(mend: Mend, right: int, scripted_http: ScriptedHttp) -> tuple[int, list[dict[str, Any]]]:
    good = [one for _, module, wanted in ORDERS[:right] for one in answers(module, wanted)]
    scripted_http.script(*good, Canned.openai('{"steps": []}'))
    said = mend("doctor", "--json", "--model", "lab")
    return said.exit_code, [one for one in json.loads(said.stdout) if one["check"] == "writing model"]


@pytest.mark.parametrize(
    ("right", "writes", "level", "words"),
    [
        (8, True, "ok", "wrote 8 of 10 orders as they were meant; 8 are wanted; it may write"),
        (10, False, "ok", "10 of 10 orders as they were meant; 8 are wanted; writes: true in config/chain.yml lets it"),
        (7, True, "warning", "wrote 7 of 10 orders as they were meant; 8 are wanted, and it may write"),
        (0, False, "ok", "wrote 0 of 10 orders as they were meant; 8 are wanted; it may not write, and should not"),
    ],
)
def test_a_model_is_graded_and_one_that_is_marked_without_reason_is_warned_about(
    mend: Mend, scripted_http: ScriptedHttp, right: int, writes: bool, level: str, words: str
) -> None:
    chain(mend, scripted_http.url, writes=writes)
    code, found = graded(mend, right, scripted_http)
    assert code == 0
    assert len(found) == 1 + len(ORDERS) - right
    assert (found[-1]["level"], words in found[-1]["found"]) == (level, True), found[-1]
    assert all("it says that nothing of the table does this" in one["found"] for one in found[:-1])


def test_a_model_that_is_not_there_is_said_with_those_that_are(mend: Mend, scripted_http: ScriptedHttp) -> None:
    chain(mend, scripted_http.url, writes=True)
    said = mend("doctor", "--json", "--model", "nobody")
    (found,) = json.loads(said.stdout)
    assert (said.exit_code, found["level"], found["fix"]) == (1, "broken", "name one of it: lab")
    assert scripted_http.asked == []
