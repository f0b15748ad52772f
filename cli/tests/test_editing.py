"""mend edit: what a person changes is judged as the executor will, and filed under a new digest."""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mend_rig import Mend, editor
from remedy_rig import GOOD, SET_DAYS, own_folder, scratch_proposal

from mesh_core.approvals.proposal_files import Receipt, digest_of
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.models.records import rfc3339


def test_edit_files_new_bytes_under_a_new_digest_with_the_editors_name(mend: Mend, tmp_path: Path) -> None:
    proposal = mend.propose()
    said = mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, "doc['action'] = 'notify'"))
    assert said.exit_code == 0, said.output
    [filed] = mend.actions.pending()
    assert filed.proposal.id == proposal.id
    assert filed.proposal.edited_by
    assert (filed.proposal.type, filed.proposal.action) == ("notify", "notify")
    assert filed.name.digest == digest_of(filed.path.read_bytes()) != digest_of(proposal.wire())
    assert mend("approve", proposal.id).exit_code == 0


@pytest.mark.parametrize("layout", ["r + b'\\n'", "r.replace(b'\\n', b'\\r\\n')", "json.dumps(json.loads(r)).encode()"])
def test_an_editor_that_only_lays_it_out_anew_has_changed_nothing(mend: Mend, tmp_path: Path, layout: str) -> None:
    proposal = mend.propose()
    script = tmp_path / "ed.py"
    script.write_text(
        f"import json, pathlib, sys\np = pathlib.Path(sys.argv[1])\nr = p.read_bytes()\np.write_bytes({layout})\n"
    )
    said = mend("edit", proposal.id, VISUAL="", EDITOR=f"{sys.executable} {script}")
    assert "Nothing was changed" in said.stdout, said.output
    assert [filed.name.digest for filed in mend.actions.pending()] == [digest_of(proposal.wire())]
    assert mend.actions.pending()[0].proposal.edited_by is None


def test_edit_without_a_change_says_so_and_leaves_the_file(mend: Mend) -> None:
    proposal = mend.propose()
    said = mend("edit", proposal.id, VISUAL="", EDITOR="true")
    assert said.exit_code == 0
    assert "Nothing was changed" in said.stdout
    assert mend.actions.pending()[0].proposal == proposal


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_edit_takes_what_an_editor_saves_with_a_mark(mend: Mend, tmp_path: Path, encoding: str) -> None:
    proposal = mend.propose()
    script = tmp_path / "editor.py"
    script.write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "text = file.read_text('utf-8').replace('does not answer', 'schläft')\n"
        f"file.write_text(text, '{encoding}')\n",
        encoding="utf-8",
    )
    said = mend("edit", proposal.id, VISUAL="", EDITOR=f"{sys.executable} {script}")
    assert said.exit_code == 0, said.output
    assert "schläft" in mend.actions.pending()[0].proposal.reason


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("doc['node'] = 'other'", "node cannot be changed"),
        ("doc['event']['payload'] = {}", "event cannot be changed"),
        ("doc['action'] = 'redeploy'", "does not allow redeploy"),
        ("doc['action'] = 'ignore'", "reject"),
        ("doc['extra'] = 1", "no proposal"),
        ("doc['confidence'] = 7", "no proposal"),
        ("doc['action'] = 'playbook'", "needs a playbook"),
    ],
)
def test_edit_lets_nothing_through_that_the_executor_would_refuse(
    mend: Mend, tmp_path: Path, code: str, why: str
) -> None:
    proposal = mend.propose()
    said = mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, code))
    assert said.exit_code == 1
    assert why in said.output
    assert mend.actions.pending()[0].proposal == proposal


def test_edit_makes_a_file_sound_again_that_was_changed_in_place(mend: Mend) -> None:
    proposal = mend.propose()
    path = mend.actions.folder(Folder.PENDING) / mend.name_of(proposal).file
    path.write_bytes(path.read_bytes().replace(b"does not answer", b"does not listen"))
    assert mend("edit", proposal.id, VISUAL="", EDITOR="true").exit_code == 0
    [filed] = mend.actions.pending()
    assert "does not listen" in filed.proposal.reason
    assert mend("approve", proposal.id).exit_code == 0


def test_edit_takes_a_file_out_of_quarantine_into_pending(mend: Mend, tmp_path: Path) -> None:
    proposal = mend.propose(risk_level="high")
    assert mend("approve", proposal.id).exit_code == 0
    [filed] = mend.actions.filed(Folder.APPROVED)
    assert mend.actions.quarantine(filed.path, "its risk_level must be low") is not None
    said = mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, "pass"))
    assert said.exit_code == 0, said.output
    [waiting] = mend.actions.pending()
    assert waiting.proposal.risk_level == "low"
    assert [f for f, _ in mend.actions.find(proposal.id)] == [Folder.PENDING, Folder.QUARANTINE]


def test_a_persons_own_playbook_gets_its_sha256_and_is_judged(mend: Mend, tmp_path: Path) -> None:
    proposal = mend.propose()
    playbook = """doc['action'] = 'playbook'
text = '- hosts: pi4\\n  gather_facts: false\\n  tasks:\\n  - ansible.builtin.ping: {}\\n'
doc['playbook'] = {'name': 'mine', 'sha256': '0' * 64, 'text': text}"""
    said = mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, playbook))
    assert said.exit_code == 0, said.output
    mine = mend.actions.pending()[0].proposal
    assert (mine.type, mine.risk_level) == ("playbook", "high")
    assert mine.playbook is not None
    assert mine.playbook.sha256 == hashlib.sha256(mine.playbook.text.encode()).hexdigest()
    evil = "doc['playbook']['text'] = '- hosts: all\\n  tasks: []\\n'"
    said = mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, evil))
    assert said.exit_code == 1
    assert "may not run" in said.output


def test_what_a_playbook_takes_away_or_shuts_is_said_when_it_is_shown_and_when_it_is_approved(
    mend: Mend, tmp_path: Path
) -> None:
    proposal = mend.propose()
    code = """doc['action'] = 'playbook'
tasks = '  - file: {path: /srv/data, state: absent}\\n  - systemd: {name: sshd, state: stopped}\\n'
text = '- hosts: pi4\\n  tasks:\\n' + tasks
doc['playbook'] = {'name': 'mine', 'sha256': '0' * 64, 'text': text}"""
    said = mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, code))
    assert said.exit_code == 0, said.output
    for words in ("show", "approve"):
        told = " ".join(mend(words, proposal.id).output.split())
        assert "mind: it removes a whole tree of the host: file /srv/data state=absent" in told
        assert "mind: it stops sshd, which the mesh or the way in depends on" in told


def test_an_attachment_gets_its_sha256_and_what_only_the_policy_allows_is_said_in_red(
    mend: Mend, tmp_path: Path
) -> None:
    proposal = mend.propose()
    code = """doc['action'] = 'playbook'
text = '- hosts: pi4\\n  tasks:\\n  - copy: {src: files/' + '0' * 64 + ', dest: /etc/motd}\\n  - shell: rm -rf /\\n'
files = [{'name': 'motd', 'sha256': '0' * 64, 'text': 'be welcome\\n'}]
doc['playbook'] = {'name': 'mine', 'sha256': '0' * 64, 'text': text, 'attachments': files}"""
    said = mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, code))
    assert said.exit_code == 1
    assert "shell may not be used" in said.output
    policy = mend.runtime / "config" / "policy.yml"
    policy.parent.mkdir(exist_ok=True)
    policy.write_text("requests: {modules: {ansible.builtin.shell: [cmd]}}\n")
    said = mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, code))
    assert said.exit_code == 0, said.output
    mine = mend.actions.pending()[0].proposal.playbook
    assert mine is not None
    (motd,) = mine.attachments
    assert motd.sha256 == hashlib.sha256(b"be welcome\n").hexdigest()
    assert f"src: files/{motd.sha256}" in mine.text
    assert mine.sha256 == hashlib.sha256(mine.text.encode()).hexdigest()
    shown = mend("show", proposal.id).stdout
    assert "allowed only by your policy (config/policy.yml): ansible.builtin.shell: cmd" in shown
    assert "removes a whole tree" in shown
    assert "    be welcome" in shown
    assert "would refuse" not in shown
    policy.unlink()
    assert "the executor would refuse it: the module shell may not be used" in mend("show", proposal.id).stdout
    assert json.loads(mend("show", proposal.id, "--json").stdout)["lint"]["problems"]


def test_a_remedy_that_was_changed_is_told_and_an_edit_or_a_retry_shows_the_new_one(mend: Mend, tmp_path: Path) -> None:
    proposal = waits(mend, mine=GOOD)
    mine = mend.runtime / "config" / "remedies" / "mine.yml"
    assert "was changed" not in mend("pending").stdout
    assert "Nothing was changed" in mend("edit", proposal.id, VISUAL="", EDITOR="true").stdout
    mine.write_text(GOOD.replace("/srv/scratch/old", "/srv/scratch/older"))
    for look in (("pending",), ("show", proposal.id)):
        assert "the remedy mine was changed since this was proposed" in " ".join(mend(*look).stdout.split())
    edited = mend("edit", proposal.id, VISUAL="", EDITOR="true")
    assert edited.exit_code == 0, edited.output
    [filed] = mend.actions.pending()
    assert filed.proposal.remedy_sha256 not in (None, proposal.remedy_sha256)
    assert "/srv/scratch/older" in mend("show", proposal.id).stdout
    assert mend.actions.expire(filed.name)
    mine.write_text(GOOD)
    assert mend("retry", proposal.id).exit_code == 0
    [again] = mend.actions.pending()
    assert (again.proposal.attempt, again.proposal.remedy_sha256) == (2, proposal.remedy_sha256)
    mine.unlink()
    assert "there is no action of type mine here" in " ".join(mend("show", again.proposal.id).stdout.split())
    assert mend("history", "--json").exit_code == 0
    kept = mend("edit", again.proposal.id, VISUAL="", EDITOR=editor(tmp_path, "pass"))
    assert "there is no action mine; it should be one of restart" in " ".join(kept.output.split())
    told = mend("edit", again.proposal.id, VISUAL="", EDITOR=editor(tmp_path, "doc['action'] = 'notify'"))
    assert told.exit_code == 0, told.output
    [notify] = mend.actions.pending()
    assert (notify.proposal.type, notify.proposal.remedy_sha256) == ("notify", None)


def waits(mend: Mend, **files: str) -> Proposal:
    """A proposal of the remedy `mine`, with these files in config/remedies."""
    own_folder(mend.runtime, **files)
    (mend.runtime / "config" / "inventory.yml").write_text("all: {hosts: {n1: {ansible_host: 192.0.2.7}}}\n")
    later = {"expires_at": rfc3339(datetime.now(UTC) + timedelta(hours=1))}
    proposal = scratch_proposal().model_copy(update=later)
    mend.actions.draft(proposal, "t")
    assert mend.actions.file_draft(proposal.id, Receipt("t", b"")) is not None
    return proposal


def in_one_line(said: str) -> str:
    return " ".join(said.split())


def test_what_a_remedy_leaves_to_a_person_is_set_without_an_editor_and_waits_under_a_new_digest(
    mend: Mend, tmp_path: Path
) -> None:
    proposal = waits(mend, mine=SET_DAYS)
    shown = in_one_line(mend("show", proposal.id).stdout)
    assert "you may set days: a whole number from 1 to 30; 7 now (mend edit" in shown, shown
    said = mend("edit", proposal.id, "--set", "days=3", VISUAL="", EDITOR="false")
    assert said.exit_code == 0, said.output
    assert "a yes now: empties the scratch folder on n1; empties what is older than 3 days" in in_one_line(said.stdout)
    [filed] = mend.actions.pending()
    chosen = filed.proposal
    assert (chosen.params, bool(chosen.edited_by), chosen.id) == ({"days": 3}, True, proposal.id)
    assert filed.name.digest == digest_of(filed.path.read_bytes()) != digest_of(proposal.wire())
    assert chosen.remedy_sha256 not in (None, proposal.remedy_sha256)
    shown = in_one_line(mend("show", proposal.id).stdout)
    for words in ("older than 3 days; 97 % full", "days: a whole number from 1 to 30; 3 now", "days: 3 "):
        assert words in shown, shown
    told = mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, "doc['action'] = 'notify'"))
    assert told.exit_code == 0, told.output
    assert (mend.actions.pending()[0].proposal.params, "you may set" in mend("show", proposal.id).stdout) == ({}, False)


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["--set", "days=31"], 1, "days may not be '31'; set it to a whole number from 1 to 30"),
        (["--set", "days=many"], 1, "days may not be 'many'"),
        (["--set", "day=3"], 1, "nobody may set 'day' here; a person may set days, a whole number from 1 to 30"),
        (["--set", "days=3", "--set", "mount=/etc"], 1, "nobody may set 'mount' here"),
        (["--set", "days"], 2, "--set days: write NAME=VALUE"),
        (["--set", "days="], 2, "--set days=: write NAME=VALUE"),
    ],
)
def test_a_value_that_may_not_be_is_refused_with_what_may_and_the_old_file_waits(
    mend: Mend, words: list[str], code: int, why: str
) -> None:
    proposal = waits(mend, mine=SET_DAYS)
    said = mend("edit", proposal.id, *words)
    assert (said.exit_code, why in in_one_line(said.output)) == (code, True), said.output
    assert mend.actions.pending()[0].proposal == proposal


def test_in_the_editor_a_value_is_judged_as_well(mend: Mend, tmp_path: Path) -> None:
    proposal = waits(mend, mine=SET_DAYS)
    said = mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, "doc['params'] = {'days': 31}"))
    assert (said.exit_code, "days may not be '31'" in in_one_line(said.output)) == (1, True), said.output
    said = mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, "doc['params'] = {'days': 30}"))
    assert (said.exit_code, mend.actions.pending()[0].proposal.params) == (0, {"days": 30}), said.output


def test_what_is_decided_is_not_set_any_more_and_what_leaves_nothing_says_so(mend: Mend) -> None:
    proposal = waits(mend, mine=SET_DAYS)
    assert mend("approve", proposal.id).exit_code == 0
    said = mend("edit", proposal.id, "--set", "days=3")
    assert (said.exit_code, "is decided already: it lies in approved/" in in_one_line(said.output)) == (3, True)
    other = mend.propose()
    said = mend("edit", other.id, "--set", "days=3")
    assert (said.exit_code, "a person sets nothing of this action" in in_one_line(said.output)) == (1, True)


def test_where_the_file_allows_less_by_then_nothing_runs_until_somebody_sets_what_it_allows(mend: Mend) -> None:
    proposal = waits(mend, mine=SET_DAYS)
    assert mend("edit", proposal.id, "--set", "days=20").exit_code == 0
    own_folder(mend.runtime, mine=SET_DAYS.replace("max: 30", "max: 14"))
    shown = in_one_line(mend("show", proposal.id).stdout)
    assert "days may not be '20'; set it to a whole number from 1 to 14" in shown, shown
    assert mend("edit", proposal.id, "--set", "days=14").exit_code == 0
    assert "may not be" not in mend("show", proposal.id).stdout
