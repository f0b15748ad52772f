"""`mend replay`: a past event once more, as if it came now; beside what was decided then. Nothing comes of it."""

from __future__ import annotations

import json
from typing import Any

from archive_rig import archived, proposed
from mend_rig import Mend
from parts.scripted import Canned, ScriptedHttp


def replayed(mend: Mend, *words: str) -> dict[str, Any]:
    done = mend("replay", *words, "--json")
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_an_event_is_judged_once_more_beside_what_was_decided_then(mend: Mend) -> None:
    event = archived(mend, incident="pi4/nginx/1")
    proposal = proposed(mend, event, "done")
    before = sorted(str(path) for path in mend.runtime.rglob("*"))
    for said in (event.id or "", "pi4/nginx/1", proposal.id):
        told = replayed(mend, said)
        assert told["event"]["id"] == event.id
        assert (told["then"]["action"], told["now"]["action"]) == ("restart", "restart")
        assert told["attempts"] == []
        assert told["prompt"] is None
    assert sorted(str(path) for path in mend.runtime.rglob("*")) == before
    policy = mend.runtime / "p.yml"
    policy.write_text(
        "rules: [{name: look, when: {services: [nginx]}, allow: [notify], prefer: notify, reason: we look}]"
    )
    assert replayed(mend, proposal.id, "--policy", str(policy))["now"]["action"] == "notify"
    shown = mend("replay", proposal.id, "--policy", str(policy)).stdout
    assert "then   restart, by the rules" in shown
    assert "now    notify: container died: we look" in shown
    assert mend("replay", "pi4/nothing/2").exit_code == 3


def test_a_model_of_the_chain_is_asked_and_its_prompt_shown(mend: Mend, scripted_http: ScriptedHttp) -> None:
    entry = {"name": "lab", "kind": "openai", "url": scripted_http.url, "model": "twin", "timeout_seconds": 60}
    (mend.runtime / "config").mkdir(exist_ok=True)
    (mend.runtime / "config" / "chain.yml").write_text(json.dumps([entry]))
    told = {"action": "restart", "service": "nginx", "node": "pi4", "confidence": 0.9, "requires_human": True}
    scripted_http.script(Canned.openai(json.dumps(told | {"reason": "The container ended with exit code 1."})))
    proposal = proposed(mend, archived(mend))
    said = replayed(mend, proposal.id, "--model", "lab", "--prompt")
    assert (said["now"]["model"], said["attempts"][0]["outcome"]) == ("twin", "ok")
    assert "exit_code" in said["prompt"]["user"]
    unasked = replayed(mend, proposal.id, "--prompt")
    assert unasked["prompt"] == said["prompt"]
    assert (unasked["attempts"], unasked["now"]["model"]) == ([], "floor")
    assert len(scripted_http.asked) == 1


def test_an_event_that_no_planner_asks_about_says_so(mend: Mend) -> None:
    event = archived(mend, type="service_recovered", payload={})
    assert replayed(mend, event.id or "")["now"] is None
    assert "no planner asks about it" in mend("replay", event.id or "").stdout


def test_a_model_outside_the_house_is_told_no_more_than_by_a_planner(mend: Mend, scripted_http: ScriptedHttp) -> None:
    entry = {"kind": "openai", "url": scripted_http.url, "timeout_seconds": 60}
    chain = [entry | {"name": "house", "model": "twin"}, entry | {"name": "away", "model": "twin-cloud"}]
    (mend.runtime / "config").mkdir(exist_ok=True)
    (mend.runtime / "config" / "chain.yml").write_text(json.dumps(chain))
    scripted_http.script(Canned.openai("nothing of use"))
    event = archived(mend, payload={"status": "exited", "runtime": "docker", "our_plan": "attack at dawn"})
    house, away = (replayed(mend, event.id or "", "--model", name, "--prompt") for name in ("house", "away"))
    assert "attack at dawn" in house["prompt"]["user"]
    assert "attack at dawn" not in away["prompt"]["user"]
    assert b"attack at dawn" not in scripted_http.asked[-1].raw
    refused = mend("replay", event.id or "", "--model", "away", LLM_PRIVACY="local")
    assert refused.exit_code == 2
    assert "LLM_PRIVACY=local" in refused.output
    assert len(scripted_http.asked) == 2
