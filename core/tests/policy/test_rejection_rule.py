"""A rejection becomes a rule: the file stays as it is around it, and what was rejected is not offered again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from policy_rig import COMPOSE, DOCKER, IGNORE, NOTIFY, RESTART, event

from mesh_core.models.proposals import ModelRef, Proposal, Risk, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.policy.policy import Policy
from mesh_core.policy.policy_file import read_policy
from mesh_core.policy.rejection_rule import NoRule, rule_against, rule_change, with_rule, write_rule

DAY = date(2026, 5, 5)
SICK = event("container_unhealthy", DOCKER, severity="error", id="n1/1-0")


def proposal(told: Any = SICK, **changes: Any) -> Proposal:
    moment = datetime.now(UTC)
    fields: dict[str, Any] = {
        "id": proposal_id(told.id or "", told.node, told.service),
        "type": "container_restart",
        "action": "restart",
        "risk_level": Risk.LOW,
        "node": told.node,
        "service": told.service,
        "reason": "it is sick",
        "confidence": 0.8,
        "created_at": rfc3339(moment),
        "expires_at": rfc3339(moment + timedelta(hours=1)),
        "event": told,
        "evidence": (),
        "model": ModelRef(name="floor", provider="floor", position=0, latency_ms=0.0),
    }
    return Proposal.model_validate(fields | changes)


def changed(folder: Path, text: str | None, told: Proposal | None = None, reason: str = "it is fine as it is") -> str:
    file = folder / "config" / "policy.yml"
    file.parent.mkdir(exist_ok=True)
    if text is not None:
        file.write_bytes(text.encode())
    change = rule_change(folder, told or proposal(), reason, "ann", DAY)
    write_rule(change)
    return file.read_bytes().decode()


def allows(folder: Path, told: Any = SICK) -> Any:
    return Policy.load(folder / "config" / "policy.yml").allows(told)


def test_what_was_rejected_is_told_from_then_on_in_that_place_for_that_trouble(tmp_path: Path) -> None:
    text = changed(tmp_path, None)
    assert text.startswith("rules:\n  - name: rejected-web-container_unhealthy\n")
    told = allows(tmp_path)
    assert (told.actions, told.preferred) == ({NOTIFY}, NOTIFY)
    assert "ann rejected restart here on 2026-05-05: it is fine as it is" in told.reason
    for other in ({"service": "db"}, {"node": "n2"}, {"type": "container_died"}):
        assert allows(tmp_path, SICK.model_copy(update=other)).rule != told.rule, other
    over = event("container_unhealthy", DOCKER | {"status": "resolved", "test": True})
    assert allows(tmp_path, over).preferred == IGNORE, "what says that it is over says so as before"


def test_who_does_not_want_to_be_told_hears_nothing(tmp_path: Path) -> None:
    changed(tmp_path, None, proposal(type="notify", action="notify"))
    assert allows(tmp_path).preferred == IGNORE


FILES = {
    "empty": "",
    "comments": "# mine\n",
    "other keys": "# mine\nmax_restarts_per_hour: 2  # few\n",
    "no last line end": "max_restarts_per_hour: 2",
    "block": "# head\nrules:  # mine\n    # the first\n    - name: a\n      allow: [notify]\n      prefer: notify\n"
    "      reason: x\n# end\nnever: {services: [x]}\n",
    "block without indent": "rules:\n- {name: a, allow: [notify], prefer: notify, reason: ż}\nnever: {}\n",
    "flow": "rules: [{name: a, allow: [notify], prefer: notify, reason: ż}]  # one line\n",
    "empty flow": "never: {services: [x]}\nrules: []\n",
    "windows": "# a\r\nrules:\r\n- {name: a, allow: [notify], prefer: notify, reason: x}\r\n",
}


@pytest.mark.parametrize("name", FILES)
def test_the_file_stays_as_it_is_around_the_rule(name: str, tmp_path: Path) -> None:
    before = FILES[name]
    after = changed(tmp_path, before)
    rules = read_policy(after, "x").rules
    assert rules[0].name == "rejected-web-container_unhealthy"
    assert rules[1:] == read_policy(before, "x").rules
    if name == "flow":
        assert after.endswith("]  # one line\n")
    else:
        kept = after.splitlines()
        assert all(line in kept for line in before.splitlines() if line != "rules: []")
    assert ("\r\n" in after) == (name == "windows")
    assert after.count("\n") == after.count("\r\n") or name != "windows"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("mark", "charset"),
    [
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"", "utf-16-le"),
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe\0\0", "utf-32-le"),
    ],
)
def test_a_file_is_written_in_the_form_in_which_it_was_saved(
    mark: bytes, charset: str, end: str, tmp_path: Path
) -> None:
    file = tmp_path / "config" / "policy.yml"
    file.parent.mkdir()
    lines = ["# meine Regeln für später", "max_restarts_per_hour: 2  # wenige", "never: {services: [x]}", ""]
    file.write_bytes(mark + end.join(lines).encode(charset))
    write_rule(rule_change(tmp_path, proposal(), "es ist gut so", "ann", DAY))
    raw = file.read_bytes()
    assert raw.startswith(mark)
    after = raw[len(mark) :].decode(charset)
    assert after.startswith(end.join(lines))
    assert after.count("\n") == after.count(end) == len(lines) - 1 + 6
    told = allows(tmp_path)
    assert (told.actions, told.preferred) == ({NOTIFY}, NOTIFY)
    write_rule(rule_change(tmp_path, proposal(action="redeploy", type="redeploy"), "auch das", "ann", DAY))
    assert file.read_bytes().startswith(mark)
    assert len(read_policy(file.read_bytes(), "x").rules) == 2


def test_line_ends_of_several_kinds_stay_what_they_are(tmp_path: Path) -> None:
    before = "# a\r\n# b\nrules:\r\n- {name: a, allow: [notify], prefer: notify, reason: x}\nnever: {}"
    after = changed(tmp_path, before)
    head, _, tail = before.partition("rules:\r\n")
    assert after.startswith(f"{head}rules:\r\n- name: rejected-")
    assert after.rstrip("\r\n").endswith(tail)


@pytest.mark.parametrize("text", ["rules: ~\n", "rules:\n", "--- \nnever: {}\n...\n", "[", "rulez: 1"])
def test_a_file_that_takes_no_rule_stays_and_the_fix_is_told(text: str, tmp_path: Path) -> None:
    with pytest.raises(NoRule, match=r"name: rejected-web|correct it first"):
        changed(tmp_path, text)
    assert (tmp_path / "config" / "policy.yml").read_text() == text


def test_a_second_rejection_has_a_name_of_its_own(tmp_path: Path) -> None:
    changed(tmp_path, None)
    again = changed(tmp_path, None, proposal(action="redeploy", type="redeploy"))
    assert [rule.name for rule in read_policy(again, "x").rules] == [
        "rejected-web-container_unhealthy-2",
        "rejected-web-container_unhealthy",
    ]


def test_a_reason_of_any_kind_is_only_text(tmp_path: Path) -> None:
    nasty = 'no: "x" # {a} \\ \u2028 \x07 \N{PILE OF POO} ' + "y" * 500
    changed(tmp_path, None, reason=nasty)
    (rule,) = read_policy((tmp_path / "config/policy.yml").read_text(), "x").rules
    assert 'no: "x" # {a} \\ \N{PILE OF POO} yyy' in rule.reason
    assert len(rule.reason) == 300


def test_names_that_look_like_numbers_or_patterns_are_those_names() -> None:
    told = event("shop_slow", {"alertname": "Shop [EU] *"}, service="on", node="1e3")
    rule = rule_against(proposal(told), "x", "ann", DAY)
    assert rule.when.alerts == ()
    assert read_policy(with_rule("", rule, "x"), "x").rules == (rule,)
    named = rule_against(proposal(event("alert", {"alertname": "ShopSlow"} | COMPOSE)), "x", "ann", DAY)
    assert named.when.alerts == ("ShopSlow",)


def test_what_a_person_asked_for_becomes_no_rule() -> None:
    asked = proposal(event("playbook_requested", {"request": "req-1", "text": "x", "by": "ann"}))
    with pytest.raises(NoRule, match="a person asked for this"):
        rule_against(asked, "x", "ann", DAY)


def test_a_file_that_changed_since_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "config" / "policy.yml"
    file.parent.mkdir()
    change = rule_change(tmp_path, proposal(), "x", "ann", DAY)
    assert change.diff.startswith("--- config/policy.yml\n+++ config/policy.yml\n")
    assert "+  - name: rejected-web-container_unhealthy" in change.diff
    file.write_text("# another hand\n")
    with pytest.raises(NoRule, match="was changed since"):
        write_rule(change)
    assert file.read_text() == "# another hand\n"
    assert RESTART in allows(tmp_path).actions
    file.chmod(0o604)
    changed(tmp_path, None)
    assert file.stat().st_mode & 0o777 == 0o604
