"""pending, show, approve, reject, edit, retry: a person's verbs, over real folders and without any Redis."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mend_rig import NODE, Mend, finish, proposal_of
from remedy_rig import GOOD, own_folder, scratch_proposal
from rich.console import Console

from mend.commands.pending import COLUMNS, _rows
from mend.listing import listing
from mend.times import now
from mesh_core.actions.register import playbook_for
from mesh_core.approvals.previews import PREVIEW_FILE, playbook_sha256
from mesh_core.approvals.proposal_files import Receipt, digest_of, name_of, short_id
from mesh_core.models.previews import Effect, Preview, TaskPreview
from mesh_core.models.proposals import Folder, ModelRef
from mesh_core.models.records import rfc3339


def test_pending_lists_what_waits_and_says_dash_for_the_count_without_redis(mend: Mend) -> None:
    proposal = mend.propose()
    said = mend("pending")
    assert said.exit_code == 0, said.output
    row = next(line for line in said.stdout.splitlines() if short_id(proposal.id) in line)
    assert "1m3" in row
    assert f"{NODE}/nginx" in row
    assert row.split()[-1] == "-"


def test_a_narrow_terminal_never_cuts_what_one_needs_to_act(mend: Mend) -> None:
    proposal = mend.propose("a-service-with-quite-a-long-name.production")
    for columns in (40, 60, 80, 100):
        table = listing(COLUMNS, _rows(mend.actions.pending(), [None]), columns)
        console = Console(width=columns, file=io.StringIO())
        console.print(table)
        said = console.file.getvalue()  # type: ignore[attr-defined]
        assert short_id(proposal.id) in said, columns
        if columns >= 80:
            assert "pi4/a-service-with-quite-a-long-name.production" in said


def test_pending_as_json_carries_the_whole_id_the_digest_and_the_file(mend: Mend) -> None:
    proposal = mend.propose()
    [row] = json.loads(mend("pending", "--json").stdout)
    assert row["id"] == proposal.id
    assert Path(row["file"]).read_bytes() == proposal.wire()
    assert row["digest"] == digest_of(proposal.wire())
    assert row["occurrences"] is None


def test_nothing_pending_is_no_failure(mend: Mend) -> None:
    assert mend("pending").exit_code == 0
    assert json.loads(mend("pending", "--json").stdout) == []


def test_show_prints_the_playbook_that_would_run_and_an_mv_line_that_approves(mend: Mend) -> None:
    from mesh_core.actions.register import playbook_for

    proposal = mend.propose()
    said = mend("show", short_id(proposal.id))
    assert said.exit_code == 0, said.output
    indented = "\n".join(f"    {line}" for line in playbook_for(proposal).apply.rstrip().splitlines())
    assert indented in said.stdout
    assert f"touches     restarts 1 container on {NODE}: {proposal.service}" in said.stdout
    assert "connection refused" in said.stdout
    [move] = [line.strip() for line in said.stdout.splitlines() if line.strip().startswith("mv ")]
    subprocess.run(shlex.split(move), check=True)
    assert [f.proposal for f in mend.actions.filed(Folder.APPROVED)] == [proposal]


def test_show_marks_a_models_words_as_a_models_and_the_rules_as_theirs(mend: Mend) -> None:
    told = mend.propose(reason='it is down" and the rules say: approve')
    said = mend("show", short_id(told.id)).stdout
    assert 'because     model smollm2 says: "it is down\' and the rules say: approve"' in said
    ruled = mend.propose("other", model=ModelRef(name="floor", provider="floor", position=2, latency_ms=0))
    assert f"because     {ruled.reason}" in mend("show", ruled.id).stdout


def test_show_as_json_holds_the_same_bytes_of_the_playbook(mend: Mend) -> None:
    from mesh_core.actions.register import playbook_for

    proposal = mend.propose()
    shown = json.loads(mend("show", proposal.id, "--json").stdout)
    assert shown["playbooks"]["apply"] == playbook_for(proposal).apply
    assert shown["proposal"] == json.loads(proposal.wire())
    assert shown["folder"] == "pending"


def test_words_of_a_model_or_a_log_cannot_write_to_the_terminal(mend: Mend) -> None:
    evil = "all is well \x1b[2J\x1b[31m[bold red]approve[/] \u202egnp.exe \x07 \x9b31m line\u2028two"
    proposal = mend.propose(reason=evil, evidence=({"source": evil, "text": evil + "\n    mend approve all"},))
    for words in (("show", proposal.id), ("pending",)):
        said = mend.real(*words)
        assert said.returncode == 0, said.stderr
        assert not set(said.stdout) & set("\x1b\x07\x9b\u202e\u2028"), words
    assert "[bold red]approve[/]" in mend.real("show", proposal.id).stdout  # shown, not obeyed


def test_show_tells_what_came_of_a_run_and_why_something_was_refused(mend: Mend) -> None:
    ran, refused, turned_down = mend.propose("ran"), mend.propose("refused"), mend.propose("turned-down")
    mend("approve", ran.id)
    finish(mend, ran, "failed")
    said = mend("show", ran.id)
    assert "failed: not_helped" in said.stdout
    assert "still refuses connections" in said.stdout
    path = mend.actions.folder(Folder.PENDING) / mend.name_of(refused).file
    mend.actions.quarantine(path, "the host is not in the inventory")
    assert "the host is not in the inventory" in mend("show", refused.id).stdout
    mend("reject", turned_down.id, "--reason", "not during the backup")
    assert "not during the backup" in mend("show", turned_down.id).stdout
    (mend.actions.folder(Folder.QUARANTINE) / "scrap").write_text("{")
    (mend.actions.folder(Folder.QUARANTINE) / "scrap.reason.txt").write_text("it is not whole\n")
    said = mend("show", "scrap")
    assert (said.exit_code, "it is not whole" in said.output) == (1, True)
    assert json.loads(mend("show", "scrap", "--json").stdout)["problem"] == "it is not whole"


def test_show_of_a_notification_and_of_what_can_run_nothing_says_so(mend: Mend) -> None:
    told = mend.propose("told", type="notify", action="notify")
    assert "touches no host" in mend("show", told.id).stdout
    nothing = mend.propose("nothing", type="service_restart")  # its event says docker
    assert "would run nothing" in mend("show", nothing.id).stdout


def test_approve_moves_the_very_file_and_notes_who_did_it(mend: Mend) -> None:
    proposal = mend.propose()
    name = mend.name_of(proposal)
    said = mend("approve", short_id(proposal.id))
    assert said.exit_code == 0, said.output
    approved = mend.actions.folder(Folder.APPROVED)
    assert (approved / name.file).read_bytes() == proposal.wire()
    assert "(uid " in mend.actions.approver(name)
    assert not list(mend.actions.folder(Folder.PENDING).glob("*.json"))


def test_approve_takes_a_beginning_a_file_name_or_a_path_copied_from_ls(mend: Mend) -> None:
    for number, said_how in enumerate(("beginning", "file", "path")):
        proposal = mend.propose(f"svc{number}")
        filed = mend.actions.pending()[0]
        word = {"beginning": proposal.id[:15], "file": filed.path.name, "path": str(filed.path)}[said_how]
        assert mend("approve", word).exit_code == 0, said_how
        assert mend.actions.find(proposal.id)[0][0] is Folder.APPROVED


def test_a_decision_that_was_made_is_exit_3_and_an_unknown_id_too(mend: Mend) -> None:
    proposal = mend.propose()
    assert mend("approve", proposal.id).exit_code == 0
    again = mend("approve", proposal.id)
    assert (again.exit_code, "approved/" in again.output) == (3, True)
    assert mend("reject", proposal.id, "--reason", "too late").exit_code == 3
    for words in (
        ("approve", "plan-nobody"),
        ("show", "beef"),
        ("reject", "x", "--reason", "y"),
        ("retry", "x"),
        ("undo", "x"),
        ("edit", "x"),
    ):
        assert mend(*words).exit_code == 3, words


def test_one_bad_id_does_not_hold_back_the_good_ones(mend: Mend) -> None:
    one, two = mend.propose("one"), mend.propose("two")
    said = mend("approve", one.id, "nonsense", two.id)
    assert said.exit_code == 3
    assert {f.proposal.id for f in mend.actions.filed(Folder.APPROVED)} == {one.id, two.id}


def test_an_ambiguous_beginning_is_refused_by_name(mend: Mend) -> None:
    mend.propose("one")
    mend.propose("two")
    said = mend("approve", f"plan-{NODE}-")
    assert said.exit_code == 2
    assert "fits 2 proposals" in said.output
    assert not mend.actions.filed(Folder.APPROVED)


def test_a_file_that_was_edited_in_place_is_not_approved_but_can_be_rejected(mend: Mend) -> None:
    proposal = mend.propose()
    path = mend.actions.folder(Folder.PENDING) / mend.name_of(proposal).file
    path.write_bytes(path.read_bytes().replace(b"does not answer", b"does not listen"))
    said = mend("approve", proposal.id)
    assert said.exit_code == 1
    assert "mend edit" in said.output
    assert mend("reject", proposal.id, "--reason", "changed by hand").exit_code == 0


def test_what_expired_is_not_approved(mend: Mend) -> None:
    proposal = mend.propose(expires_at="2026-01-01T00:00:00Z")
    said = mend("approve", proposal.id)
    assert said.exit_code == 1
    assert "expired" in said.output
    assert not mend.actions.filed(Folder.APPROVED)


@pytest.mark.parametrize(("result", "code"), [("done", 0), ("failed", 1), ("interrupted", 1)])
def test_approve_wait_follows_to_the_end_and_exits_accordingly(mend: Mend, result: str, code: int) -> None:
    proposal = mend.propose()

    def executor() -> None:
        deadline = time.monotonic() + 60
        while not mend.actions.filed(Folder.APPROVED) and time.monotonic() < deadline:
            time.sleep(0.01)
        finish(mend, proposal, result)

    thread = threading.Thread(target=executor)
    thread.start()
    said = mend("approve", proposal.id, "--wait", "--timeout", "120")
    thread.join()
    assert said.exit_code == code, said.output
    assert result in said.stdout


def test_reject_wants_a_reason_and_keeps_it(mend: Mend) -> None:
    proposal = mend.propose()
    assert mend("reject", proposal.id).exit_code == 2
    assert mend("reject", proposal.id, "--reason", "  ").exit_code == 2
    assert mend("reject", proposal.id, "--reason", "backup until 04:00").exit_code == 0
    [past] = json.loads(mend("history", "--json").stdout)
    assert (past["result"], past["reason"]) == ("rejected", "backup until 04:00")
    assert past["by"]


def editor(tmp_path: Path, code: str) -> str:
    """An editor that is a Python program: `doc` is the proposal, what it is afterwards is saved."""
    script = tmp_path / "editor.py"
    script.write_text(
        "import json, sys\npath = sys.argv[1]\ndoc = json.load(open(path))\n"
        f"{code}\njson.dump(doc, open(path, 'w'), indent=2)\n"
    )
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"


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


def test_edit_without_a_change_says_so_and_leaves_the_file(mend: Mend) -> None:
    proposal = mend.propose()
    said = mend("edit", proposal.id, VISUAL="", EDITOR="true")
    assert said.exit_code == 0
    assert "Nothing was changed" in said.stdout
    assert mend.actions.pending()[0].proposal == proposal


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


def test_retry_proposes_a_failed_run_once_more_under_an_id_of_its_own(mend: Mend) -> None:
    proposal = mend.propose()
    assert mend("retry", proposal.id).exit_code == 3  # it still waits
    mend("approve", proposal.id)
    finish(mend, proposal, "failed")
    said = mend("retry", proposal.id)
    assert said.exit_code == 0, said.output
    [again] = mend.actions.pending()
    assert again.proposal.attempt == 2
    assert again.proposal.id != proposal.id
    assert again.proposal.event == proposal.event
    assert not again.proposal.expired(now())
    assert mend("retry", proposal.id).exit_code == 3  # attempt 2 is there already
    mend("approve", again.proposal.id)
    finish(mend, again.proposal, "interrupted")
    assert mend("retry", again.proposal.id, "--approve").exit_code == 0
    [third] = mend.actions.filed(Folder.APPROVED)
    assert third.proposal.attempt == 3


UNIT = {"type": "unit_failed", "payload": {"runtime": "systemd", "investigation": {"unit": {"enabled": True}}}}


def test_undo_proposes_what_takes_a_run_back_with_the_numbers_of_before(mend: Mend) -> None:
    restarted = mend.propose("other")
    mend("approve", restarted.id)
    finish(mend, restarted, "done")
    refused = mend("undo", restarted.id)
    assert (refused.exit_code, "what container_restart does cannot be taken back" in refused.output) == (3, True)
    proposal = mend.propose(type="unit_start", action="unit_start", event=UNIT)
    assert "It can be taken back afterwards, if somebody asks for that: mend undo" in mend("show", proposal.id).stdout
    assert mend("undo", proposal.id).exit_code == 3  # it still waits
    mend("approve", proposal.id)
    finish(mend, proposal, "done", before={"is_running": 0, "restarts": 4, "words": "nginx runs: no"})
    assert f"to take it back: mend undo {proposal.id[-12:]}" in mend("show", proposal.id).stdout
    said = mend("undo", proposal.id)
    assert said.exit_code == 0, said.output
    assert f"takes back on pi4 what {proposal.id} did" in said.output
    [waits] = mend.actions.pending()
    assert (waits.proposal.type, waits.proposal.risk_level) == ("undo_unit_start", "guarded")
    shown = mend("show", waits.name.id).stdout
    for words in ("no model: a person asks for it", "before_restarts: 4", "state: stopped", "nginx runs: no"):
        assert words in shown, shown
    again = mend("undo", proposal.id)
    assert (again.exit_code, f"that is asked for already: {waits.name.id} lies in pending/" in again.output) == (
        3,
        True,
    )
    mend("approve", waits.name.id)
    finish(mend, waits.proposal, "failed")
    assert mend("retry", waits.name.id).exit_code == 0
    assert mend("undo", waits.name.id).exit_code == 3


def test_a_card_shows_what_takes_it_back_by_itself(mend: Mend) -> None:
    undo = "undo: {by_itself: true, tasks: [{name: Put it back, ansible.builtin.file: {path: /srv/x, state: touch}}]}\n"
    own_folder(mend.runtime, mine=GOOD + undo)
    proposal = scratch_proposal()
    (mend.actions.folder(Folder.PENDING) / f"{proposal.id}.{digest_of(proposal.wire())}.json").write_bytes(
        proposal.wire()
    )
    shown = mend("show", proposal.id).stdout
    sentence = "If it does not help, it is taken back by itself, with this playbook, byte for byte"
    assert shown.index("Approval runs this playbook") < shown.index(sentence) < shown.index("Put it back")
    assert "before_used_percent: '{{ mend_before.used_percent }}'" in shown
    assert json.loads(mend("show", proposal.id, "--json").stdout)["playbooks"]["undo"] == playbook_for(proposal).undo


def test_a_proposal_that_expired_while_you_slept_can_be_had_again(mend: Mend) -> None:
    proposal = mend.propose()
    [filed] = mend.actions.pending()
    assert mend.actions.expire(filed.name)
    assert mend("retry", proposal.id).exit_code == 0
    [again] = mend.actions.pending()
    assert again.proposal.attempt == 2
    assert not again.proposal.expired(now())


def test_what_is_done_is_not_retried(mend: Mend) -> None:
    proposal = mend.propose()
    mend("approve", proposal.id)
    finish(mend, proposal, "done")
    assert mend("retry", proposal.id).exit_code == 3


def test_history_tells_every_end_with_result_proof_and_who(mend: Mend) -> None:
    for service, result in (("one", "done"), ("two", "failed")):
        proposal = mend.propose(service)
        mend("approve", proposal.id)
        finish(mend, proposal, result)
    (mend.actions.folder(Folder.QUARANTINE) / "trash").write_text("{")
    (mend.actions.folder(Folder.QUARANTINE) / "trash.reason.txt").write_text("not JSON\n")
    rows = {row["service"]: row for row in json.loads(mend("history", "--json").stdout)}
    assert (rows["one"]["result"], rows["one"]["verdict"], rows["one"]["by"]) == ("done", "proven", "ann")
    assert rows["two"]["result"] == "failed"
    assert rows[None]["reason"] == "not JSON"
    assert [r["service"] for r in json.loads(mend("history", "--service", "two", "--json").stdout)] == ["two"]
    assert "seen well three times" in mend("history").stdout
    assert json.loads(mend("history", "--node", "other", "--json").stdout) == []


def test_history_and_show_survive_a_broken_outcome(mend: Mend) -> None:
    proposal = mend.propose()
    mend("approve", proposal.id)
    run = finish(mend, proposal, "done")
    (run / "outcome.json").write_text("{half")
    assert mend("history").exit_code == 0
    assert mend("show", proposal.id).exit_code == 0


def test_ids_are_completed_by_the_shell(mend: Mend) -> None:
    proposal = mend.propose()
    done = mend.real(_MEND_COMPLETE="complete_bash", COMP_WORDS="mend approve plan-", COMP_CWORD="2")
    assert proposal.id in done.stdout
    for begun, whole in ((short_id(proposal.id)[:4], short_id(proposal.id)), ("pi4/ng", "pi4/nginx")):
        done = mend.real(_MEND_COMPLETE="complete_bash", COMP_WORDS=f"mend approve {begun}", COMP_CWORD="2")
        assert whole in done.stdout.split()


def test_history_on_eighty_columns_drops_nothing(mend: Mend) -> None:
    proposal = mend.propose("a-service-with-a-long-name")
    mend("approve", proposal.id)
    finish(mend, proposal, "failed", reason="the stage apply failed: " + "no such container " * 20)
    other = mend.propose("mail")
    mend("snooze", other.id, "--for", "1h", "--reason", "dinner")
    said = " ".join(mend("history", COLUMNS="80", FORCE_COLOR="1", TERM="dumb").stdout.split())
    for words in (short_id(proposal.id), "pi4/a-service-with-a-long-name", "container_restart", "failed, not_helped"):
        assert words in said, said
    assert "by ann: the stage apply failed: no such container" in said
    assert "snoozed by" in said
    assert "rejected" not in said
    rows = {row["service"]: row for row in json.loads(mend("history", "--json").stdout)}
    assert (rows["mail"]["result"], rows["mail"]["put_aside"]) == ("rejected", "snooze")


def test_the_file_in_the_folder_is_a_well_formed_name() -> None:
    proposal = proposal_of()
    assert name_of(f"{proposal.id}.{digest_of(proposal.wire())}.json") is not None


def test_what_a_yes_touches_beyond_the_one_thing_is_listed_by_name(mend: Mend) -> None:
    guests = [f"guest-of-the-network-{number:02}" for number in range(30)]
    mend.propose("narrow")
    assert "more than one thing" not in mend("pending").stdout
    wide = mend.propose("vpn", event={"payload": {"runtime": "docker", "in_its_network": guests}})
    for words in (("pending",), ("show", wide.id)):
        said = " ".join(mend(*words).stdout.split())
        assert f"restarts 31 containers on {NODE}: vpn, and with it {', '.join(guests)}, which live" in said, words
    touches = {row["service"]: row["touches"] for row in json.loads(mend("pending", "--json").stdout)}
    assert touches["narrow"] == f"restarts 1 container on {NODE}: narrow"
    assert all(name in touches["vpn"] for name in guests)


def test_a_remedy_that_was_changed_is_told_and_an_edit_or_a_retry_shows_the_new_one(mend: Mend, tmp_path: Path) -> None:
    mine = own_folder(mend.runtime, mine=GOOD).folder / "mine.yml"
    (mend.runtime / "config" / "inventory.yml").write_text("all: {hosts: {n1: {ansible_host: 192.0.2.7}}}\n")
    later = {"expires_at": rfc3339(datetime.now(UTC) + timedelta(hours=1))}
    proposal = scratch_proposal().model_copy(update=later)
    mend.actions.draft(proposal, "t")
    assert mend.actions.file_draft(proposal.id, Receipt("t", b"")) is not None
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


def test_preview_waits_for_the_hosts_word_and_show_tells_it_until_an_edit(mend: Mend, tmp_path: Path) -> None:
    proposal = mend.propose()
    none = mend("preview", proposal.id, "--timeout", "1")
    assert none.exit_code == 1
    assert "no executor has run here yet" in none.output
    assert "no answer: asked for" in none.output
    (asked,) = mend.actions.filed(Folder.APPROVED)
    assert "asked for" in mend("show", proposal.id).stdout
    tasks = (
        TaskPreview(
            name="Restart it", module="m", effect=Effect.CHANGES, things=("nginx",), diff="-running\n+restarted\x1b[2J"
        ),
        TaskPreview(name="Ask \x1b[31mit", module="m", effect=Effect.UNKNOWN, why="check mode does not run it"),
    )
    said = Preview(
        **{"action_id": asked.name.id, "of": proposal.id, "digest": mend.name_of(proposal).digest, "node": NODE},
        **{"playbook_sha256": playbook_sha256(proposal), "at": proposal.created_at, "tasks": tasks},
        sentence="1 of 2 tasks would change something: Restart it",
        surprises=("'Restart it' would change db, which the card does not name",),
    )
    run = mend.actions.claim(asked.name, {"proposal.json": asked.proposal.wire()})
    assert run is not None
    (run / PREVIEW_FILE).write_bytes(said.wire())
    mend.actions.finish(run, Folder.DONE)
    shown = mend("show", proposal.id).stdout
    for words in (
        "previewed",
        "would change      Restart it: nginx",
        "+restarted",
        "NOT ON THE CARD  'Restart it' would",
    ):
        assert words in shown, words
    assert "\x1b" not in mend.real("show", proposal.id).stdout
    row = json.loads(mend("show", proposal.id, "--json").stdout)["preview"]
    assert (row["id"], row["holds"], row["preview"]["of"]) == (asked.name.id, True, proposal.id)
    assert "would change      Restart it" in mend("show", asked.name.id).stdout, "its own card says it, too"
    mend("edit", proposal.id, VISUAL="", EDITOR=editor(tmp_path, "doc['confidence'] = 0.7"))
    old = mend("show", proposal.id).stdout
    assert "OLD, of what was there before an edit" in old
    assert "Restart it: nginx" not in old
