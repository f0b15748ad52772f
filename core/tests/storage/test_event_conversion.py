"""A file an event becomes a line of its day's: nothing is lost, nothing is there twice, wherever it is cut short."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from parts.archive import lines_in, put_old, read_archive

from mesh_core.storage import event_packing
from mesh_core.storage.event_conversion import convert_all, old_days
from mesh_core.storage.event_files import lines_about, node_of
from mesh_core.storage.migrations import convert_events
from mesh_core.storage.reindexing import Filling, IndexFolder
from mesh_core.testing import wait_for

MS, DAY_MS = 1_779_969_600_000, 86_400_000


def filled(events: Path, days: int = 3, nodes: int = 2, each: int = 5) -> dict[str, dict[str, object]]:
    """Old files; what they say."""
    for day in range(days):
        for node in range(nodes):
            for n in range(each):
                event_id = f"n{node}/{MS - day * DAY_MS + n * 7}-{n}"
                event = {
                    "id": event_id,
                    "type": "oom",
                    "node": f"n{node}",
                    "payload": {"log": "ü\u2028 " * n, "f": 0.1},
                }
                decision = {"verdict": "counted", "action_id": None, "reason": f"{n}\n", "ts": "2026-05-28T12:00:00Z"}
                put_old(events, event_id, event if n != 3 else None, decision if n % 2 else None)
    return read_archive(events)


def test_every_event_and_decision_is_a_line_afterwards_and_the_files_are_gone(tmp_path: Path) -> None:
    before, told = filled(tmp_path), list[str]()
    os.utime(next(tmp_path.glob("*/n0/*")), (4e9, 4e9))
    done = convert_all(tmp_path, told.append)
    assert (done.files, done.left) == (30, 0)
    assert told[-1] == "2026-05-28: day 3 of 3, 30 events so far"
    assert read_archive(tmp_path) == before
    assert len(lines_in(tmp_path)) == 30
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir())
    assert names == [f"2026-05-{day}/n{node}.jsonl.gz" for day in (26, 27, 28) for node in (0, 1)]
    assert max(path.stat().st_mtime for path in tmp_path.rglob("*.gz")) == 4e9  # retention goes by it
    assert old_days(tmp_path) == []
    assert convert_all(tmp_path).files == 0


def test_what_came_in_todays_form_meanwhile_counts_after_it(tmp_path: Path) -> None:
    before = filled(tmp_path, days=1)
    event_id = f"n0/{MS + 7}-1"
    (tmp_path / "2026-05-28" / "n0.jsonl").write_text(f'{{"id":"{event_id}","decision":{{"verdict":"proposed"}}}}\n')
    convert_all(tmp_path)
    assert read_archive(tmp_path) == before | {event_id: before[event_id] | {"decision": {"verdict": "proposed"}}}
    said = [json.loads(line) for _, line in lines_about(tmp_path / "2026-05-28", "n0", [event_id])]
    assert [line["decision"]["verdict"] for line in said] == ["counted", "proposed"]


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"event":1,"decision":null}', b'{"event":null,"decision":null}', b"\xff", b"[" * 99_999,
            b'{"event":{"n":1e999},"decision":null}', b'{"event":{},"decision":null,"note":"mine"}']
)  # fmt: skip
def test_what_is_no_event_stays_where_it_is_and_is_told(tmp_path: Path, raw: bytes) -> None:
    filled(tmp_path, days=1, nodes=1)
    folder = tmp_path / "2026-05-28" / "n0"
    (folder / f"evt-{MS + 99}-0.json").write_bytes(raw)
    (folder / "notes.txt").write_text("mine")
    (folder / f".evt-{MS}-0.json.tmp").write_bytes(b"half")
    done = convert_all(tmp_path)
    assert (done.files, done.left) == (5, 1)
    assert {path.name for path in folder.iterdir()} >= {f"evt-{MS + 99}-0.json", "notes.txt"}
    assert len(lines_in(tmp_path)) == 5
    assert convert_all(tmp_path).left == 1
    assert len(lines_in(tmp_path)) == 5


def test_links_and_strangers_are_not_followed(tmp_path: Path) -> None:
    outside, events = tmp_path / "outside", tmp_path / "events"
    filled(outside, days=1, nodes=1)
    (events / "2026-05-28").mkdir(parents=True)
    (events / "2026-05-28" / "n0").symlink_to(outside / "2026-05-28" / "n0")
    (events / "2026-05-29").symlink_to(outside / "2026-05-28")
    assert convert_all(events).files == 0
    assert len(read_archive(outside)) == 5


def test_a_full_disk_changes_nothing(tmp_path: Path, tiny_disk: Path) -> None:
    path = put_old(tiny_disk, f"n0/{MS}-0", {"log": os.urandom(22_000).hex()})
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space"):
        convert_all(tiny_disk)
    assert path.read_bytes() == before
    assert [each.name for each in tiny_disk.rglob("*") if not each.is_dir()] == [path.name]


@pytest.mark.parametrize("cut", ["temporary", "in its place", "half removed"])
def test_cut_short_at_any_step_it_is_whole_after_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    before = filled(tmp_path, days=1)

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    def remove_one_and_die(folder: Path, **_: object) -> None:
        if folder.exists():
            next(folder.iterdir()).unlink()
            raise Killed

    with monkeypatch.context() as patched:
        match cut:
            case "temporary":
                patched.setattr(event_packing.os, "utime", die)
            case "in its place":
                patched.setattr(Path, "rename", die)
            case _:
                patched.setattr("mesh_core.storage.event_conversion.shutil.rmtree", remove_one_and_die)
        with pytest.raises(Killed):
            convert_all(tmp_path)
    assert set(read_archive(tmp_path)) == set(before)
    convert_all(tmp_path)
    assert read_archive(tmp_path) == before
    assert len(lines_in(tmp_path)) == len(before)
    assert not list(tmp_path.glob("*/.*"))


async def test_killed_again_and_again_it_goes_on_where_it_was(tmp_path: Path) -> None:
    before = filled(tmp_path / "events", days=6, each=40)
    command = [sys.executable, "-m", "mesh_core.storage.migrations", str(tmp_path)]
    for kill_at in (2, 6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def begun(kill_at: int = kill_at, process: subprocess.Popen[bytes] = process) -> bool:
            return len(list((tmp_path / "events").glob("*/*.gz"))) >= kill_at or process.poll() is not None

        await wait_for(begun, 30, "it at work")
        process.kill()
        process.wait()
        assert set(read_archive(tmp_path / "events")) == set(before)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "events converted" in done.stdout or "nothing to do" in done.stdout
    assert read_archive(tmp_path / "events") == before
    assert len(lines_in(tmp_path / "events")) == len(before)
    assert not list((tmp_path / "events").glob("*/.*"))


def test_two_at_once_make_one_of_it(tmp_path: Path) -> None:
    before = filled(tmp_path, days=8)
    both = [threading.Thread(target=convert_all, args=(tmp_path,)) for _ in "ab"]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert read_archive(tmp_path) == before
    assert len(lines_in(tmp_path)) == len(before)


def test_an_index_that_was_just_reading_the_old_folders_begins_anew(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path)
    for done in (True, False):
        filled(tmp_path / "events")
        folder.root.mkdir(exist_ok=True)
        folder.tell(Filling(done=done))
        convert_events(tmp_path)
        assert folder.asked() is not done


def test_only_a_nodes_own_file_is_one() -> None:
    names = {"pi4.jsonl": "pi4", "pi4.jsonl.gz": "pi4", "a.jsonl.jsonl": "a.jsonl", "Pi4.jsonl": "Pi4"}
    names |= dict.fromkeys(("_attempts.jsonl", ".pi4.jsonl.gz.tmp", "pi4", "pi4.gz", ".jsonl", "pi 4.jsonl", "x.json"))
    assert {name: node_of(name) for name in names} == names
