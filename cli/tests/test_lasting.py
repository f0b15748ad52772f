"""What lasts for years: events in their older form converted, a day compressed under a backup, a disk that fills."""

from __future__ import annotations

import gzip
import json
import os
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from mend_rig import Mend
from parts.archive import lines_in, put_old, read_archive

from mend.backup import contents
from mend.doctor import archive as doctor_archive
from mend.doctor.finding import Finding, Level
from mesh_core.storage.event_packing import pack

TODAY = datetime.now(UTC).date()


def day_ms(days_ago: int) -> int:
    moment = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - timedelta(days=days_ago)
    return int(moment.timestamp() * 1000)


def lines(runtime: Path, days_ago: int, size: int, *, packed: bool = False) -> Path:
    """A day of about so many bytes on disk."""
    folder = runtime / "events" / str(TODAY - timedelta(days=days_ago))
    folder.mkdir(parents=True)
    line = f'{{"id":"pi4/{day_ms(days_ago)}-0","event":{{"log":"{"x" * (0 if packed else size)}"}}}}\n'.encode()
    path = folder / ("pi4.jsonl.gz" if packed else "pi4.jsonl")
    path.write_bytes(gzip.compress(line, 0) + os.urandom(size) if packed else line)
    return path


def old_form(runtime: Path, days: int = 4) -> None:
    for day in range(days):
        for n in range(5):
            put_old(runtime / "events", f"pi4/{day_ms(day) + n}-0", {"type": "oom", "node": "pi4", "n": n})


def test_migrate_converts_while_the_mesh_runs_and_says_what_it_did(mend: Mend) -> None:
    old_form(mend.runtime)
    (mend.runtime / "state").mkdir(exist_ok=True)
    (mend.runtime / "state" / "observer.heartbeat").touch()
    before = read_archive(mend.runtime / "events")
    asked = mend("migrate", "--dry-run")
    assert (asked.exit_code, asked.stdout) == (
        0,
        "whenever you like: 4 day(s) of events, a file each, into a file a day and node\n",
    )
    assert not lines_in(mend.runtime / "events")
    done = mend("migrate")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "layout 1: 20 events converted"
    assert f"{TODAY}: day 4 of 4, 20 events so far" in done.stdout
    assert read_archive(mend.runtime / "events") == before
    for words in (("migrate",), ("migrate", "--dry-run")):
        assert mend(*words).stdout == "layout 1: nothing to do\n"


@pytest.mark.parametrize("form", ["old", "today's"])
def test_a_backup_of_either_form_comes_back(mend: Mend, tmp_path_factory: pytest.TempPathFactory, form: str) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    old_form(mend.runtime)
    if form == "today's":
        assert mend("migrate").exit_code == 0
        lines(mend.runtime, 30, 10)
        with next((mend.runtime / "events").glob("*/pi4.jsonl")).open("ab") as growing:
            growing.write(b'{"id":"pi4/half')
    before = read_archive(mend.runtime / "events")
    assert mend("backup", "--to", str(elsewhere / "m.tar.gz"), "--without-redis").exit_code == 0
    put = mend("restore", str(elsewhere / "m.tar.gz"), "--without-redis", RUNTIME_PATH=str(elsewhere / "new"))
    assert put.exit_code == 0, put.output
    assert read_archive(elsewhere / "new" / "events") == before


def test_a_day_that_is_compressed_under_a_backup_is_in_it(mend: Mend, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = lines(mend.runtime, 9, 100)
    read = contents.read_archived

    def compressed_first(source: Path, path: object, skip: object) -> object:
        if source == plain and plain.exists():
            pack(plain, threading.Lock())
        return read(source, path, skip)  # type: ignore[arg-type]

    monkeypatch.setattr(contents, "read_archived", compressed_first)
    kept = [str(found.path) for found in contents.tree(mend.runtime, contents.PurePosixPath("events"), print)]
    day = TODAY - timedelta(days=9)
    assert kept == ["events", f"events/{day}", f"events/{day}/pi4.jsonl.gz"]


def check(mend: Mend, monkeypatch: pytest.MonkeyPatch, free: int, **environ: str) -> list[Finding]:
    monkeypatch.setattr(doctor_archive.shutil, "disk_usage", lambda path: type("Usage", (), {"free": free}))
    return list(doctor_archive.check_archive(mend.runtime, environ, TODAY))


def test_doctor_foretells_when_the_disk_is_full(mend: Mend, monkeypatch: pytest.MonkeyPatch) -> None:
    mb = 1_000_000
    for days_ago in range(8):
        lines(mend.runtime, days_ago, 10 * mb)
    for days_ago in range(8, 18):
        lines(mend.runtime, days_ago, 1 * mb, packed=True)
    (room,) = check(mend, monkeypatch, 400 * mb)  # a day leaves 1 MB: what it is once it is compressed
    assert room.level is Level.OK
    assert "1.0 MB a day) this mesh fills the disk in about 39" in room.found
    (room,) = check(mend, monkeypatch, 200 * mb)
    assert room.level is Level.WARNING
    assert "sooner than EVENTS_KEEP_DAYS (365)" in room.found
    assert check(mend, monkeypatch, 200 * mb, EVENTS_KEEP_DAYS="180")[0].level is Level.OK
    run = mend.runtime / "actions" / "done" / "plan-x"
    (run / "logs").mkdir(parents=True)
    (run / "logs" / "02_apply.log").write_bytes(b"x" * 7 * mb)
    assert "2.0 MB a day" in check(mend, monkeypatch, 400 * mb)[0].found


def test_doctor_says_nothing_of_a_mesh_without_events_and_little_of_a_young_one(
    mend: Mend, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(mend, monkeypatch, 1) == []
    lines(mend.runtime, 0, 10)
    (room,) = check(mend, monkeypatch, 1)
    assert (room.level, "too few" in room.found) == (Level.OK, True)


def test_doctor_names_the_older_form(mend: Mend) -> None:
    old_form(mend.runtime)
    said = json.loads(mend("doctor", "--json", "--no-models").stdout)
    (finding,) = [one for one in said if one["check"] == "old events"]
    assert (finding["level"], "4 day(s)" in finding["found"], "mend migrate" in finding["fix"]) == (
        "warning",
        True,
        True,
    )
    assert mend("migrate").exit_code == 0
    said = json.loads(mend("doctor", "--json", "--no-models").stdout)
    assert not [one for one in said if one["check"] == "old events"]
    assert date.fromisoformat(next(iter((mend.runtime / "events").iterdir())).name)
