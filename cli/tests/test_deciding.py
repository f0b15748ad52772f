"""approve, reject, retry, undo, preview, history: a person's verbs, over real folders and without any Redis."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from mend_rig import NODE, Mend, editor, finish

from mesh_core.approvals.previews import PREVIEW_FILE, playbook_sha256
from mesh_core.approvals.proposal_files import short_id
from mesh_core.models.previews import Effect, Preview, TaskPreview
from mesh_core.models.proposals import Folder
from mesh_core.models.records import utc_now


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
    assert not again.proposal.expired(utc_now())
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


def test_a_proposal_that_expired_while_you_slept_can_be_had_again(mend: Mend) -> None:
    proposal = mend.propose()
    [filed] = mend.actions.pending()
    assert mend.actions.expire(filed.name)
    assert mend("retry", proposal.id).exit_code == 0
    [again] = mend.actions.pending()
    assert again.proposal.attempt == 2
    assert not again.proposal.expired(utc_now())


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


def test_a_no_for_good_becomes_a_rule_that_is_shown_first(mend: Mend) -> None:
    proposal = mend.propose()
    asked = mend("reject", proposal.id, "--reason", "it restarts itself", "--always")
    assert asked.exit_code == 2
    assert "+  - name: rejected-nginx-container_unhealthy" in asked.stdout
    assert "--yes" in asked.output
    file = mend.runtime / "config" / "policy.yml"
    assert not file.exists()
    assert mend.actions.place_of(proposal.id) == "pending"
    done = mend("reject", proposal.id, "--reason", "it restarts itself", "--always", "--yes")
    assert done.exit_code == 0
    assert mend.actions.place_of(proposal.id) == "rejected"
    assert "it restarts itself" in file.read_text()
    assert "rejected-nginx-container_unhealthy" in mend("show", proposal.id).stdout
    told = json.loads(mend("policy", "explain", proposal.id, "--json").stdout)
    assert (told["rule"], told["order"]) == ("rejected-nginx-container_unhealthy", ["notify"])
    again = mend("reject", proposal.id, "--reason", "x", "--always", "--yes")
    assert again.exit_code == 3
    assert file.read_text().count("- name:") == 1


def test_a_policy_that_takes_no_rule_leaves_the_proposal_where_it_is(mend: Mend) -> None:
    proposal = mend.propose()
    file = mend.runtime / "config" / "policy.yml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("rules: [")
    done = mend("reject", proposal.id, "--reason", "x", "--always", "--yes")
    assert done.exit_code == 1
    assert "correct it first" in done.output
    assert mend.actions.place_of(proposal.id) == "pending"
