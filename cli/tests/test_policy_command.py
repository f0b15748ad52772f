"""`mend policy`: why the rules say what they say, what is wrong in a policy file, and what it would change."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from archive_rig import DOWN, archived, decided, proposed
from mend_rig import NODE, Mend

from mend.policies.covered_rules import covered
from mesh_core.models.events import DecisionVerdict, HealthEvent
from mesh_core.models.proposals import ModelRef
from mesh_core.policy.classifier.classifier import BOTH, NO_HARM, shipped_classifiers
from mesh_core.policy.policy import Policy

LEAVE_IT = """rules:
# ours
- {name: leave, when: {types: [container_died], services: [nginx]}, allow: [notify], prefer: notify, reason: we look}
"""
LATE = """- name: late
  when: {types: [container_died], services: [nginx], any: [down]}
  allow: [restart]
  prefer: restart
  reason: x
"""


def policy_file(mend: Mend, text: str, name: str = "config/policy.yml") -> str:
    file = mend.runtime / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return str(file)


def event_file(mend: Mend, **fields: Any) -> str:
    file = mend.runtime / "event.json"
    file.write_text(json.dumps({"type": "container_died", "node": "pi4", "service": "nginx", "payload": DOWN} | fields))
    return str(file)


def explained(mend: Mend, *words: str) -> dict[str, Any]:
    done = mend("policy", "explain", *words, "--json")
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_an_explanation_names_the_rule_the_fields_and_what_was_held_back(mend: Mend) -> None:
    file = event_file(mend, service="redis", payload=DOWN | {"log_tail": "no space left on device"})
    told = explained(mend, file)
    shown = mend("policy", "explain", file).stdout
    for words in ("container_died of redis on pi4", "space (payload.log_tail)", "prefers     notify"):
        assert words in shown
    assert (told["preferred"], told["route"]) == ("notify", "asked")
    assert told["facts"]["down"] == ["payload.status"]
    assert told["cues"]["space"] == ["payload.log_tail"]
    assert told["where"].startswith("default_policy.yml:")
    assert not re.search(r"\bby  ?\(", shown), "a kind of names that no word says has no empty list of words"
    assert len(re.findall("held back", shown)) == len({(one["by"], one["why"]) for one in told["held_back"]})
    plain = explained(mend, event_file(mend, service="redis"))
    assert "restart" in plain["trace"][0]["added"]
    held = next(one for one in plain["held_back"] if one["choice"] == "restart")
    assert held["by"] == "never"
    assert "on the never list" in held["why"]


def test_what_people_chose_is_told_with_what_weighed_most(mend: Mend) -> None:
    file = event_file(
        mend,
        type="sync_hung",
        service="press",
        severity="error",
        payload={"container": "press", "state": "running", "last_sync": "3 h ago"},
    )
    told, shown = explained(mend, file), mend("policy", "explain", file).stdout
    assert (told["decided_by"], told["preferred"]) == ("classifier", "restart")
    assert told["weighed"]["known says_stuck"] > 0
    assert [*told["weighed"].values()] == sorted(told["weighed"].values(), key=abs, reverse=True)
    most, weight = next(iter(told["weighed"].items()))
    assert f"by weight {most} {weight:+.2f}" in " ".join(shown.split())
    policy = policy_file(mend, "classifier: false", "off.yml")
    assert explained(mend, file, "--policy", policy)["weighed"] == {}
    assert "by weight" not in mend("policy", "explain", file, "--policy", policy).stdout


def is_cue(word: str) -> bool:
    sent = {"type": "odd", "node": NODE, "severity": "error", "payload": {"note": word}}
    return bool(Policy.load(None).cues_in(HealthEvent.model_validate(sent)))


def test_of_what_people_called_harm_what_weighed_most_is_told(mend: Mend) -> None:
    harms = shipped_classifiers().harms
    words = [word for word in harms.speaking(harms.weights, BOTH, NO_HARM) if word.isalpha() and len(word) > 3]
    alarm = [word for word in words[:400] if harms.speaking([word], BOTH, NO_HARM)[word] > 0 and not is_cue(word)]
    notes = {f"note {at}": " ".join(alarm[at::8]) for at in range(8)}
    payload = {"container": "press", "state": "exited", **notes}
    file = event_file(mend, type="container_died", service="press", severity="error", payload=payload)
    told = explained(mend, file)
    assert told["preferred"] == "notify"
    assert "harm is done by a restart (" in told["reason"]
    assert told["weighed"][alarm[0]] > 0
    assert "by weight" in mend("policy", "explain", file).stdout


def test_the_names_that_were_heard_are_told_with_the_word_and_the_field(mend: Mend) -> None:
    labels = {"labels": {"alertname": "ShopWorkerStuck"}, "rule_name": "shop is not responding"}
    file = event_file(mend, type="alert", service="shop", payload=labels)
    told = explained(mend, file)["names"]["says_down"]
    assert told["words"] == ["stuck", "not responding"]
    assert told["fields"] == ["payload.labels.alertname", "payload.rule_name"]
    shown = " ".join(mend("policy", "explain", file).stdout.split())
    assert "names says_down by 'stuck', 'not responding' (payload.labels.alertname, payload.rule_name)" in shown
    by_its_type = explained(mend, event_file(mend, type="worker_down", service="eth0", payload={}))["names"]
    assert by_its_type["says_down"] == {"words": ["down"], "fields": ["its type, service or node"]}
    assert by_its_type["about_network"]["words"] == ["eth"]


def test_fields_that_say_something_only_together_are_named_together(mend: Mend) -> None:
    drifted = {
        "declared_image": "a",
        "live_image": "b",
        "declared_port": 1,
        "live_port": 2,
        "more": [{"x": 1}, {"y": 2}],
    }
    told = explained(mend, event_file(mend, payload=drifted))["facts"]["drifted"]
    assert told in (["payload.declared_image", "payload.live_image"], ["payload.declared_port", "payload.live_port"])
    assert explained(mend, event_file(mend, service=None))["facts"]["whole_node"] == ["its type, service or node"]


def test_a_rule_of_ones_own_is_named_with_its_line_and_another_file_can_be_asked(mend: Mend) -> None:
    file, other = event_file(mend), policy_file(mend, LEAVE_IT, "other.yml")
    assert explained(mend, file)["preferred"] == "restart"
    told = explained(mend, file, "--policy", other)
    assert (told["rule"], told["preferred"]) == ("leave", "notify")
    assert told["where"].endswith("other.yml:3")
    policy_file(mend, LEAVE_IT)
    assert explained(mend, file)["where"] == "config/policy.yml:3"


def test_an_event_is_found_by_its_id_by_its_proposal_and_on_stdin_with_what_was_decided_then(mend: Mend) -> None:
    event = archived(mend)
    proposal = proposed(mend, event, reason="it does not run")
    policy_file(mend, LEAVE_IT)
    for said in (event.id or "", proposal.id, proposal.id[-12:]):
        told = explained(mend, said)
        assert told["event"]["id"] == event.id
        assert (told["preferred"], told["then"]["action"], told["then"]["action_id"]) == (
            "notify",
            "restart",
            proposal.id,
        )
    assert "restart, by the rules (pending): it does not run" in mend("policy", "explain", proposal.id).stdout
    piped = mend("policy", "explain", "-", "--json", input=event.wire().decode())
    assert json.loads(piped.stdout)["then"] is None
    for encoding in ("utf-8-sig", "utf-16"):  # as a file that PowerShell wrote
        saved = mend("policy", "explain", "-", "--json", input=event.wire().decode().encode(encoding))
        assert json.loads(saved.stdout) == json.loads(piped.stdout)


def test_what_is_no_event_is_refused_with_what_it_should_be(mend: Mend) -> None:
    for text, words in (("{", "is no JSON"), ('{"type": "X y", "node": "n"}', "type"), ("{}\n{}", "has 2 lines")):
        done = mend("policy", "explain", "-", input=text)
        assert done.exit_code == 2
        assert words in done.output
    for said in ("pi4/1763698351022-0", "plan-none"):
        assert mend("policy", "explain", said).exit_code == 3


def test_an_event_that_no_rule_is_asked_about_says_so(mend: Mend) -> None:
    assert explained(mend, event_file(mend, type="service_recovered", payload={}))["route"] == "recovery"


def test_what_an_event_waits_for_is_said_before_all_else(mend: Mend) -> None:
    at_work = [{"kind": "backup", "what": "restic backup", "since": "2026-05-05T11:50:00Z"}]
    payload = DOWN | {"at_work": at_work, "opened_at": "2026-05-05T11:55:00Z"}
    file = event_file(mend, payload=payload, trust="node", timestamp="2026-05-05T12:00:00Z")
    assert explained(mend, file)["waits_for"] == "restic backup has been at work for 10 min (backup)"
    assert "waits for   restic backup has been at work for 10 min" in mend("policy", "explain", file).stdout
    assert explained(mend, event_file(mend, payload=payload))["waits_for"] == "", "only its agent knows"


def test_a_check_names_everything_that_is_wrong_with_its_line(mend: Mend) -> None:
    assert "shipped rules hold" in mend("policy", "check").stdout
    policy_file(mend, "max_restarts_per_hour: -1\nrules:\n- {name: a, allow: [rstart], prefer: notify, reason: x}\n")
    done = mend("policy", "check")
    assert done.exit_code == 1
    assert "policy.yml:1: max_restarts_per_hour" in done.stdout
    assert "policy.yml:3: rules.0.allow.0" in done.stdout
    assert "'rstart' looks like restart" in done.stdout
    policy_file(mend, "rules:\n- {name: a, when: {any: [dwon]}, allow: [notify], prefer: notify, reason: x}\n")
    assert "policy.yml:2: rules: a: when: 'dwon' is neither" in mend("policy", "check").stdout
    assert mend("policy", "explain", event_file(mend)).exit_code == 1


def test_a_check_warns_of_a_rule_that_never_speaks(mend: Mend) -> None:
    policy_file(mend, LEAVE_IT + LATE)
    done = mend("policy", "check")
    assert done.exit_code == 0
    assert "config/policy.yml:4: late can never speak: leave (config/policy.yml:3)" in done.stdout
    assert "2 rules of yours" in done.stdout


def test_a_check_warns_of_a_type_that_is_nearly_a_known_one(mend: Mend) -> None:
    """It only warns: whoever posts to a hook may call a type so."""
    policy_file(mend, LEAVE_IT.replace("container_died", "container_die"))
    done = mend("policy", "check")
    assert done.exit_code == 0
    assert (
        "policy.yml:3: no agent of ours tells 'container_die'; 'container_die' looks like container_died"
        in " ".join(done.output.split())
    )


@pytest.mark.parametrize(
    ("first", "second", "never"),
    [
        ("{}", "{types: [x]}", True),
        ("{types: ['disk_*']}", "{types: [disk_full]}", True),
        ("{types: ['disk_*']}", "{types: ['disk*']}", False),
        ("{types: [x]}", "{}", False),
        ("{any: [down, gone]}", "{any: [down]}", True),
        ("{any: [down]}", "{all: [down, backed]}", True),
        ("{any: [down]}", "{any: [down, gone]}", False),
        ("{all: [down]}", "{any: [down, gone]}", False),
        ("{none: [resolved]}", "{types: [x]}", False),
        ("{none: [resolved]}", "{none: [resolved, test]}", True),
        ("{severities: [error]}", "{severities: [error, critical]}", False),
        ("{nodes: ['*']}", "{types: [x]}", False),
    ],
)
def test_a_rule_is_covered_where_all_it_asks_for_holds_before(first: str, second: str, never: bool) -> None:
    rest = "allow: [notify], prefer: notify, reason: x"
    policy = Policy.from_text(f"rules: [{{name: a, when: {first}, {rest}}}, {{name: b, when: {second}, {rest}}}]")
    assert [(rule.name, by.name) for rule, by in covered(policy.rules)] == ([("b", "a")] if never else [])


def test_the_past_is_asked_again_and_what_would_differ_is_named(mend: Mend) -> None:
    proposed(mend, archived(mend, 1))
    proposed(mend, archived(mend, 2, service="shop"), "done")
    model = ModelRef(name="smollm2", provider="llamacpp", position=1, latency_ms=812.5)
    proposed(mend, archived(mend, 3, service="wiki"), model=model, type="notify", action="notify")
    decided(mend, archived(mend, 4, type="test_alert"), DecisionVerdict.IGNORED)
    decided(mend, archived(mend, 5, service="blog"), DecisionVerdict.COUNTED)
    proposed(mend, archived(mend, 6, days_ago=40, service="old"))
    same = json.loads(mend("policy", "test", "--json").stdout)
    assert (same["decisions"], same["different"]) == (4, 0)
    file = policy_file(mend, LEAVE_IT, "other.yml")
    done = mend("policy", "test", "--policy", file, "--strict")
    assert done.exit_code == 1
    assert "1 x restart -> notify" in done.stdout
    assert "4 decisions within 30d, 1 of them a model's: 1 differ now." in done.stdout
    told = json.loads(mend("policy", "test", "--policy", file, "--json").stdout)
    (row,) = [row for row in told["rows"] if row["different"]]
    assert (row["service"], row["then"]["action"], row["now"], row["rule"]) == ("nginx", "restart", "notify", "leave")
    assert row["where"].endswith("other.yml:3")
    assert json.loads(mend("policy", "test", "--since", "60d", "--json").stdout)["decisions"] == 5
    assert mend("policy", "test", "--strict").exit_code == 0
    assert mend("policy", "test", "--since", "soon").exit_code == 2


def test_the_runs_of_then_count_as_they_did_then(mend: Mend) -> None:
    for number in range(3):
        proposed(mend, archived(mend, number, days_ago=0, service=f"shop{number}"), "failed")
    told = json.loads(mend("policy", "test", "--json").stdout)
    assert told["different"] == 0, "what ran afterwards was not known when it was proposed"


def test_a_host_that_the_inventory_does_not_name_is_judged_as_the_planner_judges_it(mend: Mend) -> None:
    event = archived(mend)
    proposed(mend, event)
    (mend.runtime / "config").mkdir(exist_ok=True)
    (mend.runtime / "config" / "inventory.yml").write_text("all: {hosts: {elsewhere: {ansible_connection: local}}}\n")
    (row,) = json.loads(mend("policy", "test", "--json").stdout)["rows"]
    assert (row["now"], row["rule"], row["different"]) == ("notify", "host", True)
    assert f"{NODE} is not in config/inventory.yml" in row["reason"]
    replayed = json.loads(mend("replay", event.id or "", "--json").stdout)
    assert replayed["now"]["action"] == "notify"
