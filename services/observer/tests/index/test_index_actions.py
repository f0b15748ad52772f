"""actions/ in the index: each proposal where it lies now, with its times, whatever else lies there."""

from __future__ import annotations

import itertools
import os

import pytest
from index_rig import BASE_MS, Shelf
from sqlalchemy import select

from mesh_core.models.proposals import Folder
from mesh_core.models.streams import MOVES_STREAM
from observer.index.keys import time_of
from observer.index.tables import updates


def test_a_proposal_is_followed_from_pending_to_done(shelf: Shelf) -> None:
    event = shelf.event()
    name = shelf.propose(event)
    shelf.settle()
    assert shelf.history().items == ()
    (waiting,) = shelf.history(open=True).items
    assert (waiting.result, waiting.proposed_at, waiting.decided_at) == ("pending", time_of(BASE_MS + 1000), None)
    assert waiting.symptom_at == time_of(BASE_MS)

    shelf.run(name, at=5000)
    shelf.settle()
    (done,) = shelf.history(open=True).items
    assert (done.id, done.result, done.verdict, done.by) == (name.id, "done", "proven", "ann (uid 0)")
    assert (done.decided_at, done.started_at) == (time_of(BASE_MS + 5000), time_of(BASE_MS + 5100))
    assert (done.finished_at, done.at, done.run_seconds) == (time_of(BASE_MS + 9100), time_of(BASE_MS + 9100), 4.0)
    assert (done.model, done.provider, done.position, done.confidence) == ("smol", "llamacpp", 1, 0.7)


def test_the_moment_of_a_decision_is_what_was_told_of_it(shelf: Shelf) -> None:
    name = shelf.propose(shelf.event())
    shelf.moved(name.id, "pending", "approved", at=3000)
    shelf.run(name, at=5000)
    shelf.settle()
    assert shelf.history().items[0].decided_at == time_of(BASE_MS + 3000)


def test_what_the_executor_and_the_observer_say_in_entries_of_the_same_id_are_two_things(shelf: Shelf) -> None:
    name = shelf.propose(shelf.event())
    shelf.entries = itertools.repeat(7)
    shelf.moved(name.id, "pending", "approved", at=3000, by="ann", stream=MOVES_STREAM)
    shelf.moved(name.id, "approved", "running", at=3000, by="executor")
    shelf.settle()
    incident = shelf.incident(name.id)
    assert incident is not None
    assert [(step.title, step.by) for step in incident.steps if step.kind == "choice"] == [("approved", "ann")]
    told = shelf.ask(lambda c: c.execute(select(updates.c.target).order_by(updates.c.target)).scalars().all())
    assert told == ["approved", "running"]


def test_a_rejection_tells_who_and_why_also_when_the_reason_comes_later(shelf: Shelf) -> None:
    first, second = (shelf.propose(shelf.event(at=n)) for n in (1, 2))
    assert shelf.actions.reject(first, "backup is running", "ann")
    pending, rejected = (shelf.actions.folder(f) for f in (Folder.PENDING, Folder.REJECTED))
    (pending / second.file).rename(rejected / second.file)
    shelf.settle()
    by_id = {row.id: row for row in shelf.history(result="rejected").items}
    assert (by_id[first.id].by, by_id[first.id].reason) == ("ann", "backup is running")
    assert by_id[second.id].reason == 'model smol says: "it died and does not run any more"'
    (rejected / f"{second.file}.reason.txt").write_text("because\n-- bob\n")
    shelf.settle()
    by_id = {row.id: row for row in shelf.history(result="rejected").items}
    assert (by_id[second.id].by, by_id[second.id].reason) == ("bob", "because")


def test_filters_and_pages_of_the_history(shelf: Shelf) -> None:
    for number in range(6):
        node = "pi4" if number % 2 else "pi5"
        name = shelf.propose(shelf.event(at=number, node=node), at=number)
        good = number < 4
        result, verdict = ("done", "proven") if good else ("failed", "not_helped")
        shelf.run(name, at=1000 * number, result=result, verdict=verdict)
    shelf.settle()
    times = [row.at for row in shelf.history().items]
    assert times == sorted(times, reverse=True)
    assert len(times) == 6
    for wanted, count in (
        ({"node": "pi4"}, 3),
        ({"service": "web"}, 6),
        ({"service": "db"}, 0),
        ({"result": "failed"}, 2),
        ({"verdict": "proven", "node": "pi5"}, 2),
        ({"type": "redeploy"}, 0),
        ({"action": "restart"}, 6),
        ({"since_ms": BASE_MS + 4100 + 3000, "until_ms": BASE_MS + 4100 + 5000}, 2),
    ):
        assert len(shelf.history(**wanted).items) == count, wanted
    seen, cursor = [], None
    while True:
        page = shelf.history(limit=2, cursor=cursor)
        seen += [row.at for row in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == times


def test_what_is_no_proposal_is_told_with_its_name_or_left_out(shelf: Shelf) -> None:
    pending, done, quarantine = (shelf.actions.folder(f) for f in (Folder.PENDING, Folder.DONE, Folder.QUARANTINE))
    (pending / "link.json").symlink_to("/etc/passwd")
    (pending / "to-folder").symlink_to("/etc")
    os.mkfifo(pending / "pipe.json")
    (pending / "half.json").write_bytes(b'{"id": "pl')
    with (pending / "huge.json").open("wb") as handle:
        handle.truncate(10 * 2**30)
    (pending / "zero.json").symlink_to("/dev/zero")
    (quarantine / os.fsdecode(b"\xff\xfe.json")).write_bytes(b"\x00")
    (quarantine / f"{'n' * 241}.99").write_bytes(b"{}")
    (done / "plan-x").mkdir()
    (done / "plan-x" / "outcome.json").write_bytes(b"[" * 5000)
    (done / "plan-x" / "intent.json").write_bytes(b'{"approver": "\\ud800", "claimed_at": "never"}')
    (done / "plan-x" / "proposal.json").mkdir()
    name = shelf.propose(shelf.event())
    shelf.settle()
    found = {(row.id[:20], row.result) for row in shelf.history(open=True).items}
    assert found == {
        ("half.json", "pending"),
        ("huge.json", "pending"),
        ("??.json", "quarantine"),
        ("n" * 20, "quarantine"),
        ("plan-x", "done"),
        (name.id[:20], "pending"),
    }
    assert {row.node for row in shelf.history(open=True).items} == {None, "pi4"}


def test_whatever_was_put_into_quarantine_is_told_with_its_reason_and_never_opened(shelf: Shelf) -> None:
    quarantine = shelf.actions.folder(Folder.QUARANTINE)
    (quarantine / "link.json").symlink_to("/dev/zero")
    os.mkfifo(quarantine / "pipe.json")
    (quarantine / "folder.json").mkdir()
    (quarantine / "folder.json" / "outcome.json").write_text('{"verdict": "proven"}')
    names = {"link.json", "pipe.json", "folder.json"}
    for name in names:
        (quarantine / f"{name}.reason.txt").write_text(f"{name} is no proposal")
    shelf.settle()
    found = {row.id: (row.reason, row.verdict) for row in shelf.history(open=True).items}
    assert found == {name: (f"{name} is no proposal", None) for name in names}


def test_what_a_person_removes_is_gone_from_the_index(shelf: Shelf) -> None:
    name = shelf.propose(shelf.event())
    shelf.settle()
    (shelf.actions.folder(Folder.PENDING) / name.file).unlink()
    shelf.settle()
    assert shelf.history(open=True).items == ()


def test_a_folder_that_is_not_there_for_a_while_leaves_what_was_known(shelf: Shelf) -> None:
    shelf.run(shelf.propose(shelf.event()))
    shelf.settle()
    done = shelf.actions.folder(Folder.DONE)
    done.rename(done.with_name("moved"))
    shelf.settle()
    assert len(shelf.history().items) == 1


def test_more_than_one_step_of_proposals_is_read(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observer.index.actions_scan.STEP", 20)
    for number in range(45):
        shelf.propose(shelf.event(at=number))
    shelf.settle()
    seen, cursor = 0, None
    while True:
        page = shelf.history(open=True, limit=30, cursor=cursor)
        seen += len(page.items)
        cursor = page.next
        if cursor is None:
            break
    assert seen == 45
