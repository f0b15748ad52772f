"""`mend eval`: labelled events, or one's own history, measured; and what was measured by an end in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from archive_rig import DOWN, archived, decided, proposed
from mend_rig import Mend
from parts.scripted import Canned, ScriptedHttp

from mend.evaluation.html_report import html_report
from mend.evaluation.labels import BadLabel, read_labelled
from mend.evaluation.measuring import Measured, Spent
from mend.evaluation.scoring import Decided
from mesh_core.models.events import DecisionVerdict
from mesh_core.testing import until

EVIL = "<script>alert(1)</script>"


def row(number: int, preferred: str = "restart", **event: Any) -> dict[str, Any]:
    told = {"type": "container_died", "node": "pi4", "service": f"web{number}", "severity": "error", "payload": DOWN}
    return {
        "id": f"r{number}",
        "event": told | event,
        "preferred": preferred,
        "acceptable": [preferred, "notify"],
        "unacceptable": ["ignore"],
        "rationale": f"the {EVIL} runbook says so",
    }


ROWS = [row(1), row(2), row(3, "notify", type="odd_trouble"), row(4, type="odder_trouble", payload={})]


def set_file(mend: Mend, rows: list[dict[str, Any]], name: str = "set.jsonl") -> str:
    file = mend.runtime / name
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return str(file)


def measured(mend: Mend, *words: str) -> list[dict[str, Any]]:
    done = mend("eval", *words, "--json")
    assert done.exit_code == 0, done.output
    told: list[dict[str, Any]] = json.loads(done.stdout)
    return told


@pytest.fixture
def lab(mend: Mend, scripted_http: ScriptedHttp) -> ScriptedHttp:
    price = {"input": 1.0, "output": 2.0}
    entry = {"name": "lab", "kind": "openai", "url": scripted_http.url, "model": "twin", "timeout_seconds": 60}
    (mend.runtime / "config").mkdir(exist_ok=True)
    (mend.runtime / "config" / "chain.yml").write_text(json.dumps([entry | {"price": price}]))
    return scripted_http


def answer(action: str, service: str) -> Canned:
    told = {"reason": "This fits best to what was found there.", "confidence": 0.9, "requires_human": True}
    return Canned.openai(json.dumps({"action": action, "service": service, "node": "pi4", **told}))


def test_the_rules_are_measured_beside_the_best_and_the_worst_that_a_model_could_do(mend: Mend) -> None:
    file = set_file(mend, ROWS)
    rules, ceiling, reach = measured(mend, file)
    assert [one["who"] for one in (rules, ceiling, reach)] == ["rules", "ceiling (perfect)", "reach (hostile)"]
    assert rules["events"] == rules["of"] == 4
    assert rules["unacceptable"]["hits"] == 0
    assert (rules["fix"]["hits"], rules["fix"]["total"]) == (2, 3)
    assert rules["balanced"]["interval"][0] < rules["balanced"]["value"] < rules["balanced"]["interval"][1]
    assert ceiling["fix"]["value"] >= rules["fix"]["value"] > reach["fix"]["value"]
    shown = mend("eval", file).stdout
    assert "r4" in shown
    assert "notify instead of restart, by" in shown
    (alone,) = measured(mend, file, "--rules", "--every", "2")
    assert alone["events"] == 2


def test_another_policy_is_measured_in_the_place_of_the_mesh_s_own(mend: Mend) -> None:
    policy = mend.runtime / "p.yml"
    policy.write_text(
        "rules: [{name: odd, when: {types: [odder_*]}, allow: [restart, notify], prefer: restart, reason: x}]"
    )
    assert measured(mend, set_file(mend, ROWS), "--rules", "--policy", str(policy))[0]["fix"]["hits"] == 3


def test_a_model_is_measured_by_what_it_says_and_by_what_counts(mend: Mend, lab: ScriptedHttp) -> None:
    lab.script(answer("notify", "web1"), answer("restart", "web2"), Canned.error(500, "away"), answer("notify", "web4"))
    rules, chose, counted = measured(mend, set_file(mend, ROWS), "--rules", "--model", "lab")
    assert (chose["what"], counted["what"]) == ("chose", "counted")
    assert (rules["fix"]["hits"], chose["fix"]["hits"], counted["fix"]["hits"]) == (2, 1, 2)
    assert (chose["attempts"], chose["answered"]) == (4, 2)
    assert chose["tokens"] == {"prompt": 30, "completion": 60}
    assert chose["cost_usd"] == pytest.approx((30 + 2 * 60) / 1e6)
    assert chose["latency_ms"]["p95"] >= chose["latency_ms"]["p50"] > 0
    assert mend("eval", set_file(mend, ROWS), "--model", "none").exit_code == 2


def test_of_a_set_that_is_kept_back_only_totals_are_shown(mend: Mend) -> None:
    file, out = set_file(mend, ROWS, "kept_back.jsonl"), mend.runtime / "r.html"
    assert "r4" not in mend("eval", file, "--html", str(out)).stdout
    assert "r4:" not in out.read_text()


def test_a_report_is_one_file_that_runs_and_loads_nothing(mend: Mend) -> None:
    out = mend.runtime / "r.html"
    assert mend("eval", set_file(mend, ROWS), "--html", str(out)).exit_code == 0
    text = out.read_text()
    assert EVIL not in text
    assert "&lt;script&gt;" in text
    assert "r4: odder_trouble of web4" in text
    for word in ("<script", "http://", "https://", "url(", "@import"):
        assert word not in text
    assert text.count("<svg") == text.count("</svg>") == 3


def test_a_report_says_what_a_model_took() -> None:
    spent = Spent((100.0, 200.0, 9000.0), 2, 30, 60, 0.5)
    assert (spent.within_ms(0.5), spent.within_ms(0.95), Spent().within_ms(0.5)) == (200.0, 9000.0, 0.0)
    rows = [{**ROWS[0], "trust": "A", "targets": [{"node": "pi4", "service": "web1"}]}]
    one = Measured("set", "lab", "counted", rows, [Decided("restart", "pi4", "web1")], spent)
    assert "2 of 3 attempts were of use; half were over after 0.20 s, 95 % after 9.00 s" in html_report(
        [one], "t", "now"
    )


def test_one_s_own_history_is_labelled_by_what_was_decided_and_proven(mend: Mend) -> None:
    proposed(mend, archived(mend, 1, service="a"), "done")
    proposed(mend, archived(mend, 2, service="b"), "failed")
    no = proposed(mend, archived(mend, 3, service="c"))
    mend("reject", no.id, "--reason", "it heals itself")
    aside = proposed(mend, archived(mend, 4, service="d"))
    mend("snooze", aside.id, "--for", "1h", "--reason", "later")
    proposed(mend, archived(mend, 5, service="e"))
    decided(mend, archived(mend, 6, service="f"), DecisionVerdict.COUNTED)
    (rules,) = measured(mend, "--history", "--rules")
    assert rules["set"] == "your history"
    assert rules["events"] == 3
    assert (rules["fix"]["hits"], rules["fix"]["total"]) == (1, 1)
    assert rules["unacceptable"]["hits"] == 1, "what was rejected would be proposed again"


def test_of_nothing_there_is_no_share(mend: Mend, tmp_path: Path) -> None:
    told = tmp_path / "told.jsonl"
    told.write_text(json.dumps({"event": {"type": "disk_smells", "node": "nas"}, "preferred": "notify"}) + "\n")
    assert "of none" in mend("eval", str(told), "--rules").stdout


def test_what_cannot_be_measured_says_why(mend: Mend) -> None:
    assert mend("eval").exit_code == 2
    assert mend("eval", "--history").exit_code == 3
    assert mend("eval", "nowhere.jsonl").exit_code == 3
    bad = mend("eval", set_file(mend, [ROWS[0], row(2, "reboot")]))
    assert bad.exit_code == 2
    assert "set.jsonl:2: preferred should be one of restart, redeploy, notify, ignore" in bad.output


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "no JSON"),
        ("[]", "no `event`"),
        ('{"event": {}, "preferred": "notify"}', "event: type"),
        ('{"event": {"type": "x", "node": "n"}, "preferred": "notify", "acceptable": ["ignore"]}', "in acceptable"),
        ('{"event": {"type": "x", "node": "n"}, "preferred": "notify", "unacceptable": "x"}', "unacceptable should"),
        ('{"event": {"type": "x", "node": "n"}, "preferred": "notify", "targets": [{}]}', "targets should"),
    ],
)
def test_a_line_that_is_no_label_is_named(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    file.write_text(f"\n{line}\n")
    with pytest.raises(BadLabel, match=said) as bad:
        read_labelled(file)
    assert str(bad.value).startswith(f"{file}:2: ")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_set_is_read_as_editors_save_it(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    file.write_bytes('{"event": {"type": "x", "node": "pi"}, "preferred": "restart"}\r\n'.encode(encoding))
    (one,) = read_labelled(file)
    assert one["event"]["node"] == "pi"
    file.write_bytes(b'{"event": "\xfc"}')
    with pytest.raises(BadLabel, match=r"not UTF-8: byte 11 .*save it as UTF-8"):
        read_labelled(file)


def test_a_short_label_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    file.write_text('{"event": {"type": "x", "node": "n", "service": "a b"}, "preferred": "restart"}\n')
    (one,) = read_labelled(file)
    assert (one["acceptable"], one["unacceptable"], one["targets"]) == (
        ["restart"],
        [],
        [{"node": "n", "service": None}],
    )


def test_ctrl_c_shows_what_was_measured_until_then(mend: Mend, lab: ScriptedHttp) -> None:
    lab.script(answer("restart", "web1"), Canned(hang=True))
    command = [sys.executable, "-m", "mend", "eval", set_file(mend, ROWS), "--rules", "--model", "lab", "--json"]
    process = subprocess.Popen(
        command,
        env={**os.environ, **mend.environ},
        cwd=mend.runtime,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: len(lab.asked) >= 2, 120, "the second event to be asked about")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    rules, chose, _ = json.loads(out)
    assert (rules["events"], chose["events"], chose["of"]) == (4, 1, 4)
    assert "measured until then" in err
