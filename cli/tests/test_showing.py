"""mend pending and mend show: what waits, and all that a person has to see before a yes."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis
from mend_rig import NODE, Mend, finish, proposal_of
from remedy_rig import GOOD, own_folder, scratch_proposal
from rich.console import Console

from mend.output.listing import listing
from mend.views.waiting import COLUMNS, _rows
from mesh_core.actions.register import playbook_for
from mesh_core.approvals.proposal_files import digest_of, name_of, short_id
from mesh_core.llm.sent import SentPrompt, note_sent
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
    assert f"a yes       restarts 1 container on {NODE}: {proposal.service}" in said.stdout
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


def test_show_sent_prints_what_each_model_got_and_says_where_nothing_is_kept(mend: Mend) -> None:
    proposal = mend.propose()
    said = mend("show", proposal.id, "--sent")
    assert (said.exit_code, said.stdout.startswith("Nothing is kept")) == (0, True), said.output
    (mend.runtime / "requests").mkdir(mode=0o700, exist_ok=True)
    about = proposal.event.id or ""
    sent = SentPrompt("2026-11-29T09:00:00Z", "haiku", "anthropic", "claude", True, "Be brief.", "What now?\n  logs")
    note_sent(mend.runtime, about, sent)
    note_sent(mend.runtime, about, replace(sent, to="lab", outside=False))
    said = mend("show", proposal.id, "--sent")
    assert "to haiku (claude), outside the house" in said.stdout
    assert "to lab (claude), in the house" in said.stdout
    assert "    What now?\n      logs\n" in said.stdout
    assert json.loads(mend("show", proposal.id, "--sent", "--json").stdout)[0] == asdict(sent)


def test_show_says_whether_before_what_runs_and_ids_last(mend: Mend) -> None:
    for number in range(5):
        _ran_before(mend, number)
    world = {"places": {f"{NODE}/mail": _sick("mail"), "db01/mail": {**_sick("mail"), "node": "db01"}}}
    (mend.runtime / "state").mkdir(exist_ok=True)
    (mend.runtime / "state" / "world.json").write_text(json.dumps(world))
    considered = ({"choice": "redeploy", "why_not": "possible as well; it risks more (guarded)"},)
    rule = {"name": "unhealthy", "says": "its own health check fails"}
    now = mend.propose(rule=rule, considered=considered)
    shown = mend("show", now.id).stdout
    lines = (
        f"nginx on {NODE} is unhealthy, since ",
        f"a yes       restarts 1 container on {NODE}: nginx; nginx is away meanwhile, the last time 7 s at most (",
        'because     model smollm2 says: "',
        "rule        unhealthy: its own health check fails",
        "instead     redeploy: possible as well; it risks more (guarded)",
        "also there  mail (unit failed, ",
        "seen before container restart helped (5 of 5 runs, the last ",
        "suggestion  container restart: the last 5 runs here were all proven; approve on sight?",
        "waiting     the proposal expires in 23h",
        "Evidence",
        "Approval runs this playbook",
        f"id {now.id}",
        "mend approve",
    )
    assert [shown.index(line) for line in lines] == sorted(shown.index(line) for line in lines)
    assert shown.count("also there") == 1
    assert "db01" not in shown
    card = json.loads(mend("show", now.id, "--json").stdout)["card"]
    assert [place["service"] for place in card["others"]] == ["mail"]
    assert "approve on sight?" in mend("pending").stdout


def test_what_is_decided_waits_for_nobody(mend: Mend) -> None:
    proposal = mend.propose()
    assert "waiting     " in mend("show", proposal.id).stdout
    assert mend("reject", proposal.id, "--reason", "not now").exit_code == 0
    shown = mend("show", proposal.id).stdout
    assert "waiting     " not in shown
    assert "decided     " in shown


def test_a_proposal_under_another_name_is_said_with_its_own(mend: Mend) -> None:
    listed, renamed = mend.propose("one"), mend.propose("two")
    pending = mend.actions.folder(Folder.PENDING)
    own, kept = (pending / mend.name_of(one).file for one in (renamed, listed))
    kept.with_name(f"{kept.name}~").write_bytes(kept.read_bytes())
    (pending / "notes.txt").write_text("call the vendor\n")
    own.rename(pending / "two-is-for-ann.json")
    told = mend("pending")
    assert (
        f"two-is-for-ann.json in pending/ is a proposal under another name, and nobody sees it: call it {own.name}"
        in (" ".join(told.stdout.split()))
    )
    assert told.stdout.count("under another name") == 1
    assert json.loads(mend("status", "--json").stdout)["folders"]["pending"] == 1
    (pending / "two-is-for-ann.json").rename(own)
    assert "under another name" not in mend("pending").stdout
    assert {row["id"] for row in json.loads(mend("pending", "--json").stdout)} == {listed.id, renamed.id}


def test_a_run_that_did_not_help_takes_the_suggestion_back(mend: Mend) -> None:
    for number in range(5):
        _ran_before(mend, number)
    _ran_before(mend, 5, "failed")
    now = mend.propose()
    assert "container restart did not help the last time (5 of 6 runs" in mend("show", now.id).stdout
    assert "approve on sight" not in mend("show", now.id).stdout + mend("pending").stdout


def _ran_before(mend: Mend, number: int, result: str = "done") -> None:
    """A run of `number` days ago, the newest the one that did not help."""
    days = 2 + number if result == "done" else 1
    ended = datetime.now(UTC) - timedelta(days=days)
    event = {"id": f"{NODE}/{1763000000000 + number}-0", "timestamp": rfc3339(ended)}
    proposal = mend.propose(event=event)
    mend("approve", proposal.id)
    run = finish(mend, proposal, result)
    outcome = mend.actions.outcome_at(run)
    assert outcome is not None
    times = {"started_at": rfc3339(ended - timedelta(seconds=7)), "finished_at": rfc3339(ended)}
    (run / "outcome.json").write_bytes(outcome.model_copy(update=times).wire())


def _sick(service: str) -> dict[str, object]:
    since = rfc3339(datetime.now(UTC) - timedelta(minutes=5))
    return {"node": NODE, "service": service, "own_state": "sick", "event_type": "unit_failed", "since": since}


def test_show_says_which_of_the_nodes_that_fell_silent_are_not_back(mend: Mend) -> None:
    since = rfc3339(datetime.now(UTC) - timedelta(minutes=5))
    places = {"nas/": {"node": "nas", "service": None, "state": "offline", "own_state": "healthy", "since": since}}
    (mend.runtime / "state").mkdir(exist_ok=True)
    (mend.runtime / "state" / "world.json").write_text(json.dumps({"places": places}))
    together = {"in_common": "silent", "nodes": ["nas", "pi4", "web01"]}
    storm = mend.propose(type="notify", action="notify", event={"type": "trouble_storm", "payload": together})
    assert "waiting     1 of 3 nodes still silent: nas; the proposal expires" in mend("show", storm.id).stdout


def test_pending_counts_how_often_the_trouble_was_seen(mend_online: Mend) -> None:
    proposal = mend_online.propose()
    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        client.hset("mesh:occurrences", proposal.event.id, 4)
    [row] = json.loads(mend_online("pending", "--json").stdout)
    assert row["occurrences"] == 5  # the first time, and four more


def test_show_names_what_the_trouble_explains(mend_online: Mend) -> None:
    proposal = mend_online.propose()
    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        client.hset(f"mesh:explained:{proposal.id}", f"{proposal.node}/api", "container_unhealthy")
    assert "explains    api (container unhealthy)" in mend_online("show", proposal.id).stdout
    explained = json.loads(mend_online("show", "--json", proposal.id).stdout)["explains"]
    assert explained == [{"node": proposal.node, "service": "api", "type": "container_unhealthy"}]
