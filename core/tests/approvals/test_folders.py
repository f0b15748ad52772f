"""The folders where people say yes: names, drafts, and what a person decides, once."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from folders_rig import approved, pending, proposal_for

from mesh_core.approvals.proposal_files import ActionName, Receipt, approval_at, digest_of, name_of
from mesh_core.models.proposals import Folder
from mesh_core.storage import files
from mesh_core.storage.files import create_whole
from mesh_core.testing import AllFolders


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


def test_what_was_withdrawn_is_found_by_the_very_words(actions: AllFolders) -> None:
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


def test_a_person_finds_a_proposal_by_any_clear_part_of_its_id(actions: AllFolders) -> None:
    name = pending(actions, proposal_for())
    create_whole(actions.folder(Folder.REJECTED) / "plan-other-x-0123456789ab.0123456789abcdef.json", b"{}")
    for words in (name.id, name.id[:12], name.id[-12:]):
        assert [folder for folder, _ in actions.find(words)] == [Folder.PENDING]
    assert [filed.proposal.service for filed in actions.open_proposals()] == ["web"]
