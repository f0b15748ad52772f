"""What the executor does in the folders: each approved file is claimed, ended or put aside once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from folders_rig import approved, outcome_for, pending, proposal_for

from mesh_core.approvals.action_folders import writable_by
from mesh_core.approvals.proposal_files import ActionName, digest_of
from mesh_core.models.proposals import Folder
from mesh_core.storage.files import read_regular
from mesh_core.testing import AllFolders


def test_approved_names_come_in_the_order_of_the_moves_and_without_notes(actions: AllFolders) -> None:
    first, second = pending(actions, proposal_for(2)), pending(actions, proposal_for(1))
    for name in (second, first):  # the older file is approved later
        assert actions.approve(name, "anna")
        time.sleep(0.02)
    (actions.folder(Folder.APPROVED) / ".x.json.abc.tmp").touch()
    assert actions.approved_names() == [second.file, first.file]


def test_a_claim_moves_the_file_and_keeps_what_was_written_ahead(actions: AllFolders) -> None:
    name = pending(actions, proposal_for())
    assert actions.approve(name, "anna")
    run = actions.claim(name, {"intent.json": b"{}"})
    assert run == actions.folder(Folder.RUNNING) / name.id
    assert sorted(path.name for path in run.iterdir()) == ["by.txt", "claimed.json", "intent.json"]
    assert list(actions.folder(Folder.APPROVED).iterdir()) == []
    assert actions.claim(name) is None
    assert (run / "intent.json").read_bytes() == b"{}"


def test_a_claim_of_what_is_gone_leaves_nothing(actions: AllFolders) -> None:
    name = ActionName(proposal_for().id, "0" * 16)
    assert actions.claim(name, {"intent.json": b"{}"}) is None
    assert actions.running() == []


def test_a_claim_on_a_full_disk_leaves_the_file_where_it_was(
    actions: AllFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = approved(actions)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        actions.claim(name, {"intent.json": b"{}"})
    assert actions.approved_names() == [name.file]
    assert actions.running() == []


def test_a_second_file_of_the_same_id_cannot_be_claimed(actions: AllFolders) -> None:
    one, two = approved(actions), approved(actions, reason="other bytes, same id")
    assert one.id == two.id
    run = actions.claim(one)
    assert run is not None
    assert actions.claim(two) is None
    assert actions.executed_before(two.id) is Folder.RUNNING
    assert digest_of((run / "claimed.json").read_bytes()) == one.digest


def test_an_empty_folder_that_a_crash_left_does_not_block_the_claim(actions: AllFolders) -> None:
    name = approved(actions)
    run = actions.folder(Folder.RUNNING) / name.id
    run.mkdir()
    assert actions.claim(name) is None  # it may be another executor's, of this moment
    assert run.exists()
    os.utime(run, (0, 0))
    assert actions.claim(name) is None
    assert actions.claim(name) is not None


def test_a_run_moves_on_as_a_whole_and_only_once(actions: AllFolders) -> None:
    name = approved(actions)
    run = actions.claim(name)
    assert run is not None
    (run / "outcome.json").write_bytes(outcome_for(name).wire())
    done = actions.finish(run, Folder.DONE)
    assert actions.finish(run, Folder.DONE) == done
    assert actions.outcome_at(done) == outcome_for(name)
    assert actions.executed_before(name.id) is Folder.DONE
    assert actions.proposal_at(done) == proposal_for()
    run.mkdir()
    with pytest.raises(FileExistsError):
        actions.finish(run, Folder.DONE)


def test_a_claimed_file_can_be_given_back(actions: AllFolders) -> None:
    name = approved(actions)
    run = actions.claim(name, {"intent.json": b"{}"})
    assert run is not None
    (run / "stages" / "look-1").mkdir(parents=True)  # as a look at its target leaves it
    (run / "project").mkdir()
    (run / "project" / "look.yml").write_text("- hosts: a\n")
    back = actions.give_back(run, name, Folder.EXPIRED, "too late")
    assert back == actions.folder(Folder.EXPIRED) / name.file
    assert not run.exists()
    assert actions.executed_before(name.id) is None


def test_quarantine_keeps_the_file_as_it_came_and_numbers_the_next_of_its_name(actions: AllFolders) -> None:
    for number in range(3):
        (actions.folder(Folder.APPROVED) / "bad.json").write_text(str(number))
        assert actions.quarantine(actions.folder(Folder.APPROVED) / "bad.json", f"reason {number}")
    quarantine = actions.folder(Folder.QUARANTINE)
    for number, name in enumerate(("bad.json", "bad.json.2", "bad.json.3")):
        assert (quarantine / name).read_text() == str(number)
        assert (quarantine / f"{name}.reason.txt").read_text() == f"reason {number}\n"
    assert actions.quarantine(actions.folder(Folder.APPROVED) / "bad.json", "gone") is None
    assert len(list(quarantine.iterdir())) == 6


def test_quarantine_takes_links_folders_pipes_and_the_longest_name(actions: AllFolders) -> None:
    box = actions.folder(Folder.APPROVED)
    (box / "link").symlink_to("/dev/zero")
    (box / "folder").mkdir()
    os.mkfifo(box / "pipe")
    (box / ("n" * 255)).touch()
    (box / os.fsdecode(b"\xff\xfe.json")).touch()
    for path in list(box.iterdir()):
        assert actions.quarantine(path, "not a plain file") is not None
    assert list(box.iterdir()) == []
    assert len(list(actions.folder(Folder.QUARANTINE).iterdir())) == 10


def test_reading_is_bounded_and_never_follows_or_blocks(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    assert read_regular(tmp_path / "file", 100) == b"x" * 100
    for name, limit in (("file", 99), ("link", 100), ("pipe", 100), ("gone", 100)):
        assert read_regular(tmp_path / name, limit) is None


def test_an_old_descriptor_and_a_hard_link_reach_an_approved_file_and_that_is_why_the_digest_counts(
    actions: AllFolders,
) -> None:
    """The trap itself: `mv` keeps the inode."""
    name = pending(actions, proposal_for())
    path = actions.folder(Folder.PENDING) / name.file
    with path.open("r+b") as old:
        assert actions.approve(name, "anna")
        old.write(b"{hostile}")
    raw = read_regular(actions.folder(Folder.APPROVED) / name.file, 100_000)
    assert raw is not None
    assert digest_of(raw) != name.digest


RACER = """
import sys
from pathlib import Path
from mesh_core.approvals.proposal_files import name_of
from mesh_core.testing import AllFolders
actions, won = AllFolders(Path(sys.argv[1])), []
while names := actions.approved_names():
    for file_name in names:
        name = name_of(file_name)
        if actions.claim(name, {"intent.json": sys.argv[2].encode()}):
            won.append(name.id)
print(len(won))
"""


def test_of_four_executors_one_claims_each_of_two_hundred_files(actions: AllFolders) -> None:
    names = [approved(actions, number) for number in range(200)]
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, actions.root.parent, str(n)], stdout=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    won = [int(racer.communicate(timeout=300)[0]) for racer in racers]
    assert sum(won) == 200
    for name in names:
        run = actions.folder(Folder.RUNNING) / name.id
        assert sorted(path.name for path in run.iterdir()) == ["claimed.json", "intent.json"]


def test_who_could_write_is_judged_as_the_kernel_does(tmp_path: Path) -> None:
    folder = tmp_path / "box"
    folder.mkdir()
    mine = folder.stat()
    folder.chmod(0o770)
    assert writable_by(folder, mine.st_uid, frozenset())
    assert writable_by(folder, 54321, frozenset({mine.st_gid}))
    assert not writable_by(folder, 54321, frozenset({54321}))
    folder.chmod(0o707)  # the group's bits count for its members, even where others may more
    assert not writable_by(folder, 54321, frozenset({mine.st_gid}))
    assert writable_by(folder, 54321, frozenset({54321}))
