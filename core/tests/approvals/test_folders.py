"""The folders where people say yes: who may move what, once."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mesh_core.approvals.action_folders import writable_by
from mesh_core.approvals.proposal_files import ActionName, Receipt, approval_at, digest_of, name_of
from mesh_core.models.events import HealthEvent
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder, ModelRef, Proposal, proposal_id
from mesh_core.storage import files
from mesh_core.storage.files import create_whole, read_regular
from mesh_core.testing import AllFolders

THEN = "2026-01-01T00:00:00Z"


def proposal_for(number: int = 1, *, reason: str = "it died with 137") -> Proposal:
    event = HealthEvent(id=f"here/{number}-0", type="container_died", node="here", service="web", timestamp=THEN)
    return Proposal(
        id=proposal_id(f"here/{number}-0", "here", "web"),
        type="container_restart",
        action="restart",
        risk_level="low",
        node="here",
        service="web",
        reason=reason,
        confidence=0.5,
        created_at=THEN,
        expires_at="2036-01-01T00:00:00Z",
        event=event,
        model=ModelRef(name="floor", provider="floor", position=1, latency_ms=0),
    )


@pytest.fixture
def actions(tmp_path: Path) -> AllFolders:
    actions = AllFolders(tmp_path)
    actions.prepare()
    return actions


def pending(actions: AllFolders, proposal: Proposal) -> ActionName:
    actions.draft(proposal, "t1")
    name = actions.file_draft(proposal.id, Receipt("t1", b"{}"))
    assert name is not None
    return name


def approved(actions: AllFolders, number: int = 1, **changes: str) -> ActionName:
    name = pending(actions, proposal_for(number, **changes))
    (actions.folder(Folder.PENDING) / name.file).rename(actions.folder(Folder.APPROVED) / name.file)
    return name


def outcome_for(name: ActionName) -> Outcome:
    return Outcome(
        action_id=name.id,
        digest=name.digest,
        result="done",
        verdict="proven",
        reason="green",
        node="here",
        service="web",
        type="container_restart",
        started_at="2026-01-01T00:00:00Z",
        finished_at="2026-01-01T00:00:01Z",
    )


# ---- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "plan-a-b-0123456789ab.json",
        "plan-a-b-0123456789ab.0123456789abcdef.json\n",
        "plan-a-b-0123456789ab.0123456789ABCDEF.json",
        "plan-a-b-0123456789ab.0123456789abcdef.JSON",
        "plan-a/../b-0123456789ab.0123456789abcdef.json",
        ".plan-a-b-0123456789ab.0123456789abcdef.json",
        "plan--b-0123456789ab.0123456789abcdef.json~",
        "",
    ],
)
def test_a_name_that_is_not_exactly_right_is_none(name: str) -> None:
    assert name_of(name) is None


def test_a_name_carries_id_and_digest() -> None:
    name = ActionName("plan-a-b-0123456789ab", digest_of(b"x"))
    assert name_of(name.file) == name


# ---- planner and people ------------------------------------------------------------------------------------------


def test_a_draft_is_filed_once_and_never_made_again(actions: AllFolders) -> None:
    name = pending(actions, proposal_for())
    assert name.digest == digest_of((actions.folder(Folder.PENDING) / name.file).read_bytes())
    assert actions.file_draft(name.id, Receipt("t1", b"{}")) is None
    assert len(actions.pending()) == 1


def test_a_receipt_stays_until_it_is_too_old_and_a_draft_that_is_not_there_leaves_none(actions: AllFolders) -> None:
    name = pending(actions, proposal_for())
    assert actions.receipt(name.id) == Receipt("t1", b"{}")
    assert list(actions.drafts()) == []
    assert actions.file_draft("plan-a-b-0123456789ab", Receipt("t1", b"")) is None
    assert actions.receipt("plan-a-b-0123456789ab") is None
    actions.drop_receipts(older_than=0.0)
    assert actions.receipt(name.id) is not None
    actions.drop_receipts(older_than=time.time() + 60)
    assert actions.receipt(name.id) is None


def test_approving_leaves_a_note_that_names_the_owner_of_the_hand(actions: AllFolders) -> None:
    name = pending(actions, proposal_for())
    assert actions.approve(name, "anna\nroot (uid 0)\x1b[31m")
    assert actions.approver(name) == f"annaroot (uid 0)[31m (uid {os.getuid()})"
    assert not actions.approve(name, "berta")
    assert actions.approved_names() == [name.file]


def test_a_move_by_hand_needs_no_note(actions: AllFolders) -> None:
    name = approved(actions)
    assert actions.approver(name) == "mv"
    assert approval_at(actions.folder(Folder.APPROVED) / "nothing").uid is None


def test_rejecting_withdrawing_and_expiring_leave_a_reason(actions: AllFolders) -> None:
    one, two, three = (pending(actions, proposal_for(n)) for n in (1, 2, 3))
    assert actions.reject(one, "not now", "anna")
    assert actions.withdraw(two, "well again")
    assert actions.expire(three)
    assert "not now" in (actions.folder(Folder.REJECTED) / f"{one.file}.reason.txt").read_text()
    assert (actions.folder(Folder.WITHDRAWN) / two.file).exists()
    assert (actions.folder(Folder.EXPIRED) / three.file).exists()
    assert not actions.reject(one, "again", "anna")


VERBS: dict[str, tuple[Folder, Callable[[AllFolders, ActionName], bool]]] = {
    "reject": (Folder.REJECTED, lambda actions, name: actions.reject(name, "not now", "anna")),
    "withdraw": (Folder.WITHDRAWN, lambda actions, name: actions.withdraw(name, "well again")),
    "expire": (Folder.EXPIRED, lambda actions, name: actions.expire(name)),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_full_disk_refuses_a_decision_before_anything_is_moved(
    actions: AllFolders, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    name = pending(actions, proposal_for())
    folder, decide = VERBS[verb]
    with monkeypatch.context() as full:
        full.setattr(files, "_write_temporary", _no_space)
        with pytest.raises(OSError, match="No space left"):
            decide(actions, name)
    assert [filed.name for filed in actions.pending()] == [name]
    assert decide(actions, name)
    lies = sorted(path.name for path in actions.folder(folder).iterdir())
    assert lies == [name.file, name.file + ".reason.txt"]
    assert not decide(actions, name)
    assert sorted(path.name for path in actions.folder(folder).iterdir()) == lies


def test_of_two_decisions_the_one_that_was_late_leaves_no_words(
    actions: AllFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = pending(actions, proposal_for())
    rename = files.rename_exclusive

    def faster(source: Path, target: Path) -> bool:
        (actions.folder(Folder.PENDING) / name.file).rename(actions.folder(Folder.APPROVED) / name.file)
        return rename(source, target)

    monkeypatch.setattr(files, "rename_exclusive", faster)
    assert not actions.withdraw(name, "well again")
    assert list(actions.folder(Folder.WITHDRAWN).iterdir()) == []
    assert actions.approved_names() == [name.file]


def test_what_was_taken_back_is_found_by_the_very_words(actions: AllFolders) -> None:
    one, two, other = (pending(actions, proposal_for(number)) for number in (1, 2, 3))
    assert actions.withdraw(one, "well again at ten")
    assert actions.withdraw(two, "well again at one")
    assert [filed.name for filed in actions.withdrawn("here", "web", "well again at ten")] == [one]
    assert list(actions.withdrawn("here", "api", "well again at ten")) == []
    assert [filed.name for filed in actions.pending()] == [other]


def _no_space(path: Path, data: bytes, *more: Any) -> Path:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_an_edited_proposal_takes_the_place_of_the_old_one(actions: AllFolders) -> None:
    old = pending(actions, proposal_for())
    new = actions.refile(old, proposal_for(reason="edited by a person"))
    assert new is not None
    assert (new.id, new.digest == old.digest) == (old.id, False)
    assert [filed.name for filed in actions.pending()] == [new]
    assert actions.refile(old, proposal_for(reason="edited once more")) is None


def test_a_full_disk_refuses_an_edit_before_anything_is_moved(actions: AllFolders) -> None:
    old = pending(actions, proposal_for())
    with file_size_limit(0), pytest.raises(OSError, match="File too large"):
        actions.refile(old, proposal_for(reason="edited by a person"))
    assert [filed.name for filed in actions.pending()] == [old]
    assert list((actions.folder(Folder.PENDING) / ".wip").glob("*.json")) == []
    assert actions.refile(old, proposal_for(reason="edited by a person")) is not None


def test_an_edit_that_was_late_takes_nothing_back(actions: AllFolders) -> None:
    old = pending(actions, proposal_for())
    assert actions.approve(old, "anna")
    assert actions.refile(old, proposal_for(reason="edited by a person")) is None
    assert actions.find(old.id) == [(Folder.APPROVED, actions.folder(Folder.APPROVED) / old.file)]
    assert list((actions.folder(Folder.PENDING) / ".wip").glob("*.json")) == []


VERBS_OF_A_PERSON = {
    "edit": lambda actions, name: actions.refile(name, proposal_for(reason="edited by a person")),
    "approve": lambda actions, name: actions.approve(name, "anna"),
    "reject": lambda actions, name: actions.reject(name, "not tonight", "anna"),
    "withdraw": lambda actions, name: actions.withdraw(name, "well again"),
    "expire": lambda actions, name: actions.expire(name),
}


@pytest.mark.parametrize("verb", VERBS_OF_A_PERSON)
def test_killed_anywhere_in_a_verb_the_proposal_is_found_and_at_most_one_can_be_approved(
    tmp_path: Path, verb: str
) -> None:
    steps = 0
    while True:
        actions = AllFolders(tmp_path / str(steps))
        actions.prepare()
        old = pending(actions, proposal_for())
        ended = killed_before_system_call(steps, VERBS_OF_A_PERSON[verb], actions, old)
        found = [(folder, path) for folder, path in actions.find(old.id) if actions.proposal_at(path)]
        assert len(found) == 1, (steps, found)
        whole = [
            path for _, path in found if (name := name_of(path.name)) and digest_of(path.read_bytes()) == name.digest
        ]
        assert len(whole) <= 1
        if ended:
            assert whole == [found[0][1]]
            break
        steps += 1
    assert steps > 3


CHANGING = ("open", "os.rename", "os.remove", "os.link")  # each of our renames is followed by an open, for its fsync


def killed_before_system_call(number: int, verb: Callable[[AllFolders, ActionName], object], *given: Any) -> bool:
    """In a child that gets SIGKILL right before its call of that number which opens, renames or removes a name.
    True: it came to its end before."""
    child = os.fork()
    if child == 0:
        left = [number]

        def count(event: str, _: object) -> None:
            if event in CHANGING:
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1

        sys.addaudithook(count)
        verb(*given)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@contextmanager
def file_size_limit(most: int) -> Iterator[None]:
    """The kernel itself refuses to write more into a file than that, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# ---- executor ----------------------------------------------------------------------------------------------------


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
    won = [int(racer.communicate(timeout=60)[0]) for racer in racers]
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


def test_a_person_finds_a_proposal_by_any_clear_part_of_its_id(actions: AllFolders) -> None:
    name = pending(actions, proposal_for())
    create_whole(actions.folder(Folder.REJECTED) / "plan-other-x-0123456789ab.0123456789abcdef.json", b"{}")
    for words in (name.id, name.id[:12], name.id[-12:]):
        assert [folder for folder, _ in actions.find(words)] == [Folder.PENDING]
    assert [filed.proposal.service for filed in actions.open_proposals()] == ["web"]
