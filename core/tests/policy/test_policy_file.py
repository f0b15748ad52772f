"""An operator's own policy file: it lies over the shipped one, and a bad one is refused with its key and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest
from policy_rig import NOTIFY, RESTART, event

from mesh_core.models.config_document import ConfigDocument
from mesh_core.policy.policy import BadPolicy, Policy
from mesh_core.policy.policy_file import Document, rule_lines
from mesh_core.policy.track_record import TrackRecord

RULE = "{name: a, when: {types: [x]}, allow: [notify], prefer: notify, reason: so}"


def policy_file(folder: Path, text: str) -> Policy:
    file = folder / "policy.yml"
    file.write_text(text, encoding="utf-8")
    return Policy.load(file)


def test_an_operators_file_lies_over_the_shipped_one(tmp_path: Path) -> None:
    policy = policy_file(
        tmp_path,
        """
max_restarts_per_hour: 1
never: {services: [Jellyfin], nodes: [vault1]}
unprotect: [redis]
cues: {certificate: [kaputt]}
rules:
  - {name: unhealthy, when: {types: [container_unhealthy]}, allow: [notify], prefer: notify, reason: we look first}
  - {name: mine, when: {types: [lamp_*], severities: [warning]}, allow: [restart], prefer: restart, reason: it helps}
  - {name: only-information, enabled: false, allow: [notify], prefer: notify, reason: unused}
""",
    )
    assert policy.allows(event("container_unhealthy")).actions == {NOTIFY}
    assert policy.allows(event("lamp_dark")).preferred == RESTART
    assert policy.allows(event("lamp_dark", severity="error")).preferred == NOTIFY
    assert policy.allows(event("lamp_dark"), TrackRecord(restarts=1)).preferred == NOTIFY
    assert policy.is_protected("jellyfin", "n1")
    assert policy.is_protected("anything", "VAULT1")
    assert not policy.is_protected("redis", "n1")
    assert policy.is_protected("sshd", "n1")
    assert policy.allows(event("container_died", {"log": "certificate"}, severity="error")).preferred == RESTART
    assert policy.allows(event("container_died", {"log": "KAPUTT"}, severity="error")).preferred == NOTIFY
    assert policy.allows(event("strange", severity="info")).rule == "none"


def test_a_rule_may_be_for_some_services_or_nodes_only(tmp_path: Path) -> None:
    quiet = "allow: [notify], prefer: notify, reason: leave it"
    policy = policy_file(
        tmp_path,
        f"rules: [{{name: mine, when: {{types: [container_unhealthy], services: ['Web*'], nodes: [n1]}}, {quiet}}}]",
    )
    assert policy.allows(event("container_unhealthy", service="web")).rule == "mine"
    assert policy.allows(event("container_unhealthy", service="WEB-2")).rule == "mine"
    for other in ({"service": "db"}, {"service": None}, {"node": "n2"}):
        assert policy.allows(event("container_unhealthy", **other)).rule != "mine", other


def test_everything_that_does_not_fit_is_told_with_its_line() -> None:
    text = "max_restarts_per_hour: -1\nrules:\n- {name: r, when: {type: x}, allow: [notify], prefer: notify}\n"
    document = ConfigDocument(text, "policy.yml", BadPolicy)
    told = [str(one) for one in document.misfits(Document)]
    assert [one.partition(" ")[0] for one in told] == ["policy.yml:3:", "policy.yml:1:", "policy.yml:3:"]
    assert "no such key" in told[0]
    assert rule_lines(document) == {"r": 3}
    assert rule_lines(ConfigDocument("rules: 1", "policy.yml", BadPolicy)) == {}


def test_a_policy_is_read_as_editors_save_it(tmp_path: Path) -> None:
    file = tmp_path / "policy.yml"
    file.write_text("# Größe\nmax_restarts_per_hour: 7\n", encoding="utf-16")
    assert Policy.load(file).max_restarts_per_hour == 7


def test_without_a_file_the_shipped_policy_speaks(tmp_path: Path) -> None:
    assert Policy.load(tmp_path / "absent.yml").allows(event("container_unhealthy")).preferred == RESTART
    assert policy_file(tmp_path, "# nothing yet\n").max_restarts_per_hour == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rules: [", "not YAML"),
        (
            "never: {services: [mydb]}\ncues: {}\nnever: {nodes: [nas]}",
            r"policy\.yml:3: never stands there twice; take one out",
        ),
        ("never: {services: mydb}", "never.services: write it as a list"),
        ("[" * 5000, "not YAML: nested deeper than 100"),
        ("{a: " * 60_000, "not YAML: nested deeper than 100"),
        ("- 1", r"policy\.yml:1: write it as a mapping"),
        ("rulez: []", "rulez: no such key"),
        ("max_restarts_per_hour: -1", "max_restarts_per_hour: .*at least 0"),
        ("max_restarts_per_hour: true", "max_restarts_per_hour"),
        ("rules: [{name: r, allow: [reboot], prefer: notify, reason: x}]", r"rules\.0\.allow\.0: should be"),
        ("rules: [{name: r, allow: [rstart], prefer: notify, reason: x}]", "'rstart' looks like restart"),
        ("rules: [{name: r, allow: [], prefer: notify, reason: x}]", r"rules\.0\.allow"),
        ("rules: [{name: r, allow: [notify], prefer: restart, reason: x}]", "not in allow; add it there"),
        (
            "rules: [{name: r, when: {type: x}, allow: [notify], prefer: notify, reason: x}]",
            r"rules\.0\.when\.type: no such",
        ),
        (
            "rules: [{name: r, when: {any: [sad]}, allow: [notify], prefer: notify, reason: x}]",
            r"policy\.yml:1: rules: r: when: 'sad' is neither a fact nor a cue",
        ),
        (
            "rules:\n- {name: a, allow: [notify], prefer: notify, reason: x}\n"
            "- {name: b, when: {none: [resolvd]}, allow: [notify], prefer: notify, reason: x}",
            r"policy\.yml:3: rules: b: .* 'resolvd' looks like resolved",
        ),
        (
            "rules: [{name: r, when: {any: [space]}, allow: [ignore], prefer: ignore, reason: x}]",
            "prefer must be notify",
        ),
        (
            "rules: [{name: r, when: {severities: [warning]}, allow: [notify, ignore], prefer: notify, reason: x}]",
            "rules: r: allow: ignore needs a reason that stands in a field: .*take ignore out of allow",
        ),
        ("rules: [{name: r, allow: [ignore], prefer: ignore, reason: x}]", "rules: r: allow: ignore needs a reason"),
        (
            "rules: [{name: r, when: {types: ['*']}, allow: [ignore], prefer: ignore, reason: x}]",
            "rules: r: allow: ignore needs a reason",
        ),
        (
            "rules: [{name: r, when: {any: [test, down]}, allow: [ignore], prefer: ignore, reason: x}]",
            "rules: r: allow: ignore needs a reason",
        ),
        (
            "rules: [{name: r, when: {severities: [info, error]}, allow: [ignore], prefer: ignore, reason: x}]",
            "rules: r: allow: ignore needs a reason",
        ),
        (
            "rules: [{name: r, when: {any: [test]}, allow: [notify, ignore], prefer: notify, reason: x}]",
            "rules: r: allow: ignore is not for choosing.*take it out of allow, or write prefer: ignore",
        ),
        (
            "max_restarts_per_hour: 1\nrequests:\n  max_risk: some",
            r"policy\.yml:3: requests\.max_risk: should be",
        ),
        (
            "requests:\n  modules:\n    ansible.builtin.shell: [cmd]\n    community.general.pacman: [name]\n",
            r"policy\.yml:4: requests: modules: community\.general\.pacman: .* the executor does not have it",
        ),
        (
            "requests:\n  modules:\n    ansible.builtin.debug: [var]\n",
            r"policy\.yml:3: requests: modules: ansible\.builtin\.debug: var of .* can never be allowed",
        ),
        ("cues: {down: [x]}", "is the name of a fact"),
        ("unprotect: [rediss]", "'rediss' is on no never list"),
        (
            "rules:\n- {name: r, allow: [notify], prefer: notify, reason: x}\n"
            "- {name: r, allow: [notify], prefer: notify, reason: x}",
            "'r' is there twice",
        ),
    ],
)
def test_a_bad_file_is_refused_with_the_key_and_the_fix(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match=complaint) as refused:
        policy_file(tmp_path, text)
    assert "policy.yml" in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match="cannot be read"):
        Policy.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("\ngrave: [spce]\n", ":2: grave.0: 'spce' is no cue; cues are "),
        ("topics: {databse: [foo]}\n", "topics.databse: no rule asks for this cue"),
        ("at_work: {progres: [foo]}\n", "at_work.progres: no rule asks for this cue"),
        ("unless:\n  corupt: [x]\n", ":2: unless.corupt: 'corupt' is a word of no cue; 'corupt' looks like corrupt"),
        ("names: {says_don: [kaputt]}\n", "no rule asks for this kind of names; 'says_don' looks like says_down"),
        ("unprotect: [redsi]\n", "'redsi' looks like redis"),
        (f"requests: {{max_risk: hgh}}\nrules: [{RULE}]\n", "'hgh' looks like high"),
        (f"rules: [{RULE.replace('when: {', 'when: {severities: [eror], ')}]\n", "'eror' looks like error"),
    ],
)
def test_a_name_that_means_nothing_is_refused_with_its_line_and_the_nearest(
    text: str, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(BadPolicy) as refused:
        policy_file(tmp_path, text)
    assert complaint in str(refused.value)
    assert f"{tmp_path / 'policy.yml'}:" in str(refused.value)


def test_a_word_of_each_list_may_be_taken_back(tmp_path: Path) -> None:
    for word in ("corrupt", "please wait"):
        assert policy_file(tmp_path, f"unless: {{{word}: [nothing]}}\n")


def test_a_cue_and_a_kind_of_names_of_ones_own_are_good_where_a_rule_asks_for_them(tmp_path: Path) -> None:
    rule = RULE.replace("when: {", "when: {any: [mine], none: [says_mine], ")
    assert policy_file(tmp_path, f"cues: {{mine: [foo]}}\nnames: {{says_mine: [bar]}}\nrules: [{rule}]\n")
