"""config/remedies: what lies there is in use, what is bad is refused alone, what was shown is what runs."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from remedy_rig import GOOD, SHELL, own_folder, scratch_full, scratch_proposal

from mesh_core.actions.register import SHIPPED, current, playbook_for, what_it_touches, with_digest
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.policy.considered import considered_for
from mesh_core.policy.current_config import ConfigReader, LatestPolicy
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.policy import BadPolicy, Policy
from mesh_core.policy.proposed_playbook.proposal_lint import lint_by_policy
from mesh_core.policy.remedy_folder import MAX_FILES, RemedyFolder
from mesh_core.policy.track_record import NOTHING_KNOWN, TrackRecord


def test_a_file_is_in_use_from_the_moment_it_lies_there_until_it_is_gone(tmp_path: Path) -> None:
    folder = own_folder(tmp_path, mine=GOOD)
    register = current()
    assert register.own == {"mine"}
    assert register.type_names == (*SHIPPED.type_names, "mine")
    assert folder.use() is register, "the very same while nothing changed"
    (folder.folder / "mine.yml").write_text(GOOD.replace("risk: low", "risk: high"))
    assert folder.use().by_name["mine"].risk == "high"
    (folder.folder / "mine.yml").unlink()
    assert folder.use().own == frozenset()
    assert own_folder(tmp_path / "elsewhere").use() is not register
    assert RemedyFolder(tmp_path / "nowhere").use() is SHIPPED


def test_a_name_is_given_once(tmp_path: Path) -> None:
    folder = RemedyFolder(tmp_path)
    folder.folder.mkdir(parents=True)
    for name in ("notify", "restart", "unit_start"):
        (folder.folder / f"{name}.yml").write_text(GOOD)
    for name, instead in (("first", "unit_start"), ("second", "unit_start"), ("third", "redeploy")):
        (folder.folder / f"{name}.yml").write_text(f"replaces: {instead}\n{GOOD}")
    register = folder.use()
    assert register.own == {"first"}
    refused = {
        "notify.yml": "there is an action of the name notify already; give it another name",
        "restart.yml": "there is an action of the name restart already",
        "unit_start.yml": "already; give it another name, or write `replaces: unit_start` in it",
        "second.yml": "first.yml replaces unit_start already",
        "third.yml": "third.yml:1: replaces: no shipped remedy is called redeploy",
    }
    assert register.refused.keys() == refused.keys()
    assert [name for name, why in refused.items() if why not in register.refused[name]] == [], register.refused


def test_one_bad_file_is_refused_alone(tmp_path: Path) -> None:
    heard: list[str] = []
    folder = RemedyFolder(tmp_path, lambda file, why: heard.append(f"{file.name} {why}"))
    folder.folder.mkdir(parents=True)
    for name in ("good.yml", "Bad Name.yml", "good.yaml", "open.yml"):
        (folder.folder / name).write_text(GOOD)
    (folder.folder / "open.yml").chmod(0o666)
    (folder.folder / "bad.yml").write_text("title: [")
    (folder.folder / "looper.yml").write_text(GOOD.replace("[scratch_full]", "[remediation_failed]"))
    (folder.folder / "latin.yml").write_bytes(b"title: \xff")
    (folder.folder / "folder.yml").mkdir()
    (folder.folder / "link.yml").symlink_to(folder.folder / "good.yml")
    os.mkfifo(folder.folder / "pipe.yml")
    (folder.folder / ".good.yml.swp").write_text("nothing")
    (folder.folder / "good.yml~").write_text("nothing")
    register = folder.use()
    assert register.own == {"good"}
    refused = {
        "Bad Name.yml": "is called NAME.yml",
        "good.yaml": "is called NAME.yml",
        "bad.yml": "bad.yml:2: not YAML",
        "looper.yml": "looper.yml:4: when.types: it is for what its own run says",
        "latin.yml": "not UTF-8",
        "folder.yml": "no regular file",
        "link.yml": "it is a link",
        "pipe.yml": "no regular file",
        "open.yml": "everybody may write it",
    }
    assert register.refused.keys() == refused.keys()
    assert [name for name, why in refused.items() if why not in register.refused[name]] == [], register.refused
    assert len(heard) == len(refused), "each once"


def test_a_folder_that_may_not_be_listed_is_said_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = own_folder(tmp_path, mine=GOOD)

    def forbidden(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    (folder.folder / "another.txt").touch()
    monkeypatch.setattr(os, "scandir", forbidden)  # root may list everything
    register = folder.use()
    assert register.own == frozenset()
    assert "remedies: it cannot be read: Permission denied" in register.refused["remedies"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_what_belongs_to_a_service_defines_nothing(tmp_path: Path) -> None:
    folder = own_folder(tmp_path, mine=GOOD, theirs=GOOD)
    for name, user in (("pending", 10101), ("approved", 10102)):
        (tmp_path / "actions" / name).mkdir(parents=True)
        os.chown(tmp_path / "actions" / name, user, -1)
    os.chown(folder.folder / "theirs.yml", 10101, -1)
    assert folder.use().own == {"mine"}
    assert "it belongs to a service (user 10101)" in current().refused["theirs.yml"]
    os.chown(tmp_path / "actions", -1, 10103)
    os.chown(folder.folder / "mine.yml", -1, 10103)
    (folder.folder / "mine.yml").chmod(0o664)
    assert "mine.yml: its group are the services" in folder.use().refused["mine.yml"]
    (folder.folder / "mine.yml").chmod(0o644)
    assert folder.use().own == {"mine"}
    os.chown(folder.folder, 10102, -1)
    assert folder.use().own == frozenset()
    os.chown(folder.folder, 0, -1)
    os.chown(tmp_path / "actions" / "approved", 10101, -1)
    assert folder.use().own == {"mine", "theirs"}, "one user owns everything, as in a checkout"


@pytest.mark.slow
def test_a_folder_of_ten_thousand_files_is_read_up_to_its_bound_and_says_so(tmp_path: Path) -> None:
    folder = own_folder(tmp_path, a_good_one=GOOD)
    for number in range(10_000):
        (folder.folder / f"x{number:05}.txt").touch()
    register = folder.use()
    assert register.own == {"a_good_one"}
    assert "10001 files, and only the first" in register.refused["remedies"]
    assert len(register.refused) == MAX_FILES


def own_policy(runtime: Path, text: str = "") -> Policy:
    (runtime / "config").mkdir(exist_ok=True)
    (runtime / "config" / "policy.yml").write_text(text or "max_restarts_per_hour: 3\n")
    policy = ConfigReader(runtime).policy()
    assert isinstance(policy, Policy), policy
    return policy


def test_dropping_the_file_is_enough_where_policy_knows_nothing_better(tmp_path: Path) -> None:
    own_folder(tmp_path, mine=GOOD)
    policy = own_policy(tmp_path)
    offered = policy.allows(scratch_full())
    assert (offered.actions, offered.preferred, offered.rule) == ({"mine", "notify"}, "mine", "own")
    assert offered.reason.endswith("; your own remedy mine is for this")
    for other in (
        scratch_full(trust=Trust.FOREIGN),
        scratch_full(type="something_else"),
        scratch_full(payload={}),
        scratch_full(severity="info"),  # nothing to mend
        scratch_full(payload={"operator": True, "stopped_by": "operator", "maintenance": True}),
    ):
        assert "mine" not in policy.allows(other).actions
    # What is said in words takes away, and a rule that looks at facts has a reason of its own to tell people.
    worded = scratch_full(payload={**scratch_full().payload, "logs": ["EXT4-fs error: filesystem is corrupt"]})
    assert policy.allows(worded).actions == {"notify"}


def test_one_whose_playbook_may_not_run_is_not_offered_and_the_card_says_why(tmp_path: Path) -> None:
    own_folder(tmp_path, shell=SHELL)
    policy = own_policy(tmp_path)
    allowed = policy.allows(scratch_full())
    assert (allowed.actions, allowed.preferred) == ({"notify"}, "notify")
    assert "not offered: shell (its playbook may not run: apply: the " in allowed.reason
    (lost,) = considered_for(scratch_full(), allowed, "notify", NOTHING_KNOWN)
    assert (lost.choice, "its playbook may not run: apply: the " in lost.why_not) == ("shell", True)
    own_folder(tmp_path, good=GOOD)
    assert own_policy(tmp_path).allows(scratch_full()).preferred == "good", "a good one is there as well"
    named = "rules: [{name: mine, when: {types: [scratch_full]}, allow: [shell, notify], prefer: shell, reason: so}]"
    by_name = own_policy(tmp_path, named).allows(scratch_full())
    assert (by_name.actions, by_name.rule, "its playbook may not run" in by_name.reason) == (
        {"notify"},
        "playbook",
        True,
    )


def test_one_that_a_fence_takes_away_gives_way_to_the_next(tmp_path: Path) -> None:
    own_folder(tmp_path, first=GOOD.replace("interrupts: false", "interrupts: true"), second=GOOD)
    policy = own_policy(tmp_path)
    assert policy.allows(scratch_full(service="web")).preferred == "first"
    fenced = policy.allows(scratch_full())  # of a whole node: nothing that could be away meanwhile
    assert (fenced.preferred, fenced.actions) == ("second", {"second", "notify"})
    tired = policy.allows(scratch_full(), TrackRecord(restarts=3))
    assert (tired.preferred, tired.rule, "your own" in tired.reason) == ("notify", "loop-guard", False)


def disk_space_low(**found: object) -> HealthEvent:
    payload = {**scratch_full().payload, "mount": "/srv", "limit_percent": 90}
    rooms = {"disk": {"used_percent": 97.0}, **found}
    return scratch_full(type="disk_space_low", payload={**payload, "investigation": rooms})


JOURNAL = {"journal": {"bytes": 10**10, "mount": "/srv"}}
FOR_DISKS = GOOD.replace("scratch_full", "disk_space_low")


def test_it_stands_behind_what_a_shipped_rule_allows_and_joins_no_rule_of_a_person(tmp_path: Path) -> None:
    own_folder(tmp_path, mine=FOR_DISKS)
    policy = own_policy(tmp_path)
    assert policy.allows(disk_space_low(**JOURNAL)).preferred == "journal_vacuum"
    assert "mine" in policy.allows(disk_space_low(**JOURNAL)).actions
    assert policy.allows(disk_space_low()).preferred == "mine", "what the rule prefers lacks what it needs"
    rule = "rules: [{{name: disk-space, when: {{types: [disk_space_low]}}, allow: [{0}], prefer: {1}, reason: so}}]"
    for allow, prefer, wanted in (("notify", "notify", "notify"), ("mine, journal_vacuum, notify", "mine", "mine")):
        allowed = own_policy(tmp_path, rule.format(allow, prefer)).allows(disk_space_low(**JOURNAL))
        assert allowed.preferred == wanted
        assert ("mine" in allowed.actions) is ("mine" in allow)


def test_one_that_replaces_a_shipped_one_stands_in_its_place_in_every_rule(tmp_path: Path) -> None:
    own_folder(tmp_path, mine=f"{FOR_DISKS}replaces: journal_vacuum\n")
    allowed = own_policy(tmp_path).allows(disk_space_low(**JOURNAL))
    assert (allowed.preferred, allowed.rule) == ("mine", "disk-space")
    assert "journal_vacuum" not in allowed.actions
    assert "journal_vacuum" in current().type_names, "what waits of it can still be read"
    own_folder(tmp_path / "b", journal_vacuum=f"{FOR_DISKS}replaces: journal_vacuum\n")
    assert own_policy(tmp_path / "b").allows(disk_space_low(**JOURNAL)).preferred == "journal_vacuum"
    assert current().by_name["journal_vacuum"].risk == "low"
    assert "empties the scratch folder" in current().remedies["journal_vacuum"].title


def test_a_policy_that_names_a_bad_file_works_without_it_and_says_why(tmp_path: Path) -> None:
    own_folder(tmp_path, mine=FOR_DISKS.replace("risk: low", "risc: low"))
    rule = (
        "rules: [{name: disk-space, when: {types: [disk_space_low]}, allow: [mine, notify], prefer: mine, reason: so}]"
    )
    allowed = own_policy(tmp_path, rule).allows(disk_space_low())
    assert allowed.preferred == "notify"
    assert "not offered: mine (mine.yml:" in allowed.reason
    own_folder(tmp_path, mine=FOR_DISKS, journal_vacuum="title: [")
    assert own_policy(tmp_path, rule).allows(disk_space_low()).preferred == "mine"
    assert own_policy(tmp_path, "rules: []").allows(disk_space_low(**JOURNAL)).preferred == "journal_vacuum", (
        "a bad file takes nothing away from what is shipped"
    )
    assert own_policy(tmp_path, rule).allows(disk_space_low()).preferred == "mine"
    (tmp_path / "config" / "remedies" / "mine.yml").unlink()
    assert "should be one of" in str(ConfigReader(tmp_path).policy()), "a name that is nowhere is a mistake"


def test_a_planner_keeps_the_last_good_policy_and_takes_the_next_one(tmp_path: Path) -> None:
    own_folder(tmp_path, mine=FOR_DISKS)
    own_policy(tmp_path, "max_restarts_per_hour: 7\n")
    heard: list[str] = []
    latest = LatestPolicy(tmp_path, Lifeline(), lambda file, why: heard.append(file.name))
    assert latest.now().max_restarts_per_hour == 7
    (tmp_path / "config" / "policy.yml").write_text("rules: 7\n")
    assert latest.now().max_restarts_per_hour == 7
    assert heard == ["policy.yml"]
    (tmp_path / "config" / "policy.yml").write_text("max_restarts_per_hour: 8\n")
    assert latest.now().max_restarts_per_hour == 8
    (tmp_path / "config" / "policy.yml").write_text("rules: 7\n")
    with pytest.raises(BadPolicy):
        LatestPolicy(tmp_path, Lifeline(), lambda file, why: None)


def test_what_was_shown_runs_or_nothing(tmp_path: Path) -> None:
    folder = own_folder(tmp_path, mine=GOOD)
    proposal = scratch_proposal()
    assert b'"remedy_sha256": "' in proposal.wire()
    assert "rm" in playbook_for(proposal).apply
    for old, new in (("old]", "new]"), ("used_percent < 90", "used_percent < 99"), ("split)[4]", "split)[3]")):
        (folder.folder / "mine.yml").write_text(GOOD.replace(old, new))
        folder.use()
        with pytest.raises(ValueError, match="the remedy mine was changed since this was proposed; inject the event"):
            playbook_for(proposal)
        assert playbook_for(with_digest(proposal)).sha256 != proposal.remedy_sha256
    (folder.folder / "mine.yml").write_text(GOOD.replace("explain: empty", "# a word\nexplain: clear"))
    folder.use()
    assert playbook_for(proposal), "what does not run may be said otherwise"
    (folder.folder / "mine.yml").unlink()
    folder.use()
    assert "no action of type mine here" in what_it_touches(proposal)
    assert b"remedy_sha256" not in proposal.model_copy(update={"remedy_sha256": None}).wire()


def test_an_own_remedy_is_judged_as_a_shipped_one_is(tmp_path: Path) -> None:
    shell = GOOD.replace("command: {argv: [rm, -rf, --, /srv/scratch/old]}", "shell: {cmd: rm -rf /srv/scratch/old}")
    own_folder(tmp_path, mine=GOOD, shelly=shell)
    policy = own_policy(tmp_path)
    assert lint_by_policy(policy, scratch_proposal()).problems == ()
    (problem,) = lint_by_policy(policy, scratch_proposal("shelly")).problems
    assert problem.startswith("apply: the ")
