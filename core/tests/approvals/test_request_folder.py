"""requests/: a file for each request, whole, in the order in which they came; foreign files are left alone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mesh_core.approvals import request_folder
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.models.requests import Request, RequestState, RequestStatus
from mesh_core.storage.files import read_regular


def status(number: int, entry: str) -> RequestStatus:
    asked = Request(id=f"req-{number:012x}", ts="2026-01-02T08:00:00Z", text="install nginx", hosts=("web01",))
    return RequestStatus(request=asked, entry=entry, state=RequestState.FILED, updated_at="2026-01-02T08:00:00Z")


def test_the_newest_comes_first_and_foreign_files_are_left_alone(tmp_path: Path) -> None:
    folder = RequestFolder(tmp_path)
    assert folder.all() == ()
    folder.prepare()
    made = [status(1, "1767340800000-9"), status(2, "1767340800000-10"), status(3, "1767340800001-1")]
    for one in made:
        folder.put(one)
    for name, raw in (("req-0000000000ff.json", b"\xff{"), ("notes.txt", b"hello"), ("x.json", b"{}")):
        (folder.root / name).write_bytes(raw)
    (folder.root / "req-0000000000ee.json").symlink_to("/etc/hostname")
    assert folder.all() == tuple(reversed(made))
    assert folder.get("req-000000000002") == made[1]


@pytest.mark.parametrize(
    "name", ["", "../x", "req-0\0", "req-000000000002\n", "req-\udcff", "x" * 5000, "req-0000000000ff"]
)
def test_what_is_no_id_names_no_request(tmp_path: Path, name: str) -> None:
    folder = RequestFolder(tmp_path)
    folder.prepare()
    folder.put(status(2, "1-1"))
    assert folder.get(name) is None


def test_what_nobody_spoke_of_for_long_is_forgotten(tmp_path: Path) -> None:
    folder = RequestFolder(tmp_path)
    folder.prepare()
    for number in (1, 2):
        folder.put(status(number, f"{number}-1"))
    os.utime(folder.root / "req-000000000001.json", (1000, 1000))
    folder.forget(2000)
    assert [one.request.id for one in folder.all()] == ["req-000000000002"]


def test_a_file_is_read_again_only_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, read = RequestFolder(tmp_path), list[str]()
    folder.prepare()

    def noted(path: Path, limit: int) -> bytes | None:
        read.append(path.name)
        return read_regular(path, limit)

    monkeypatch.setattr(request_folder, "read_regular", noted)
    for number in (1, 2):
        folder.put(status(number, f"{number}-1"))
    (folder.root / "req-0000000000ff.json").write_bytes(b"{")
    assert len(folder.all()) == 2
    assert (folder.all(), len(read)) == ((status(2, "2-1"), status(1, "1-1")), 3)
    folder.put(status(2, "3-1"))
    (folder.root / "req-000000000001.json").unlink()
    assert (folder.all(), read[3:]) == ((status(2, "3-1"),), ["req-000000000002.json"])


def test_of_two_replies_to_the_same_question_one_is_taken_whoever_reads_it_again(tmp_path: Path) -> None:
    folder, other = RequestFolder(tmp_path), RequestFolder(tmp_path)
    folder.prepare()
    asks = status(1, "1-9").model_copy(update={"state": RequestState.ASKS})
    assert [folder.claim_reply(asks, "2-1"), other.claim_reply(asks, "2-2"), other.claim_reply(asks, "2-1")] == [
        True,
        False,
        True,
    ]
    later = asks.model_copy(update={"answered_by": "2-1"})
    assert other.claim_reply(later, "2-2"), "it asks again, and that is another question"
    assert folder.all() == ()
    folder.forget(time.time() + 60)
    assert not [*folder.root.iterdir()]
