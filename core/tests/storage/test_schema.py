"""The layout of the files on disk: said once, believed when it can be, changed one step at a time."""

from __future__ import annotations

import json
import stat
import threading
import time
from pathlib import Path

import pytest

from mesh_core.storage import files, migrations
from mesh_core.storage.files import write_whole
from mesh_core.storage.migrations import Step, migrate, migrate_by_itself, steps_due
from mesh_core.storage.schema import (
    SCHEMA_VERSION,
    WrongSchema,
    found_version,
    read_schema,
    schema_file,
    settle,
    why_not,
    write_schema,
)


def say(runtime: Path, text: str) -> None:
    schema_file(runtime).parent.mkdir(parents=True, exist_ok=True)
    schema_file(runtime).write_text(text)


def mark(name: str) -> Step:
    """To layout N by making a file `layout-N`; fails where the one before is missing."""
    number = int(name)

    def run(runtime: Path) -> None:
        assert number == 2 or (runtime / f"layout-{number - 1}").exists()
        write_whole(runtime / f"layout-{number}", b"")

    return Step(number, f"make layout-{number}", run)


STEPS = (mark("3"), mark("2"), mark("4"))


def test_the_first_who_comes_writes_it_and_the_next_reads_it(tmp_path: Path) -> None:
    assert settle(tmp_path, "planner-agent").version == SCHEMA_VERSION
    assert settle(tmp_path, "observer").by == "planner-agent"
    assert json.loads(schema_file(tmp_path).read_text())["version"] == SCHEMA_VERSION
    assert schema_file(tmp_path).stat().st_mode & 0o777 == 0o644  # every service has a user of its own


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    assert settle(tmp_path, "x").version == SCHEMA_VERSION


def test_a_newer_layout_is_refused_with_who_wrote_it(tmp_path: Path) -> None:
    write_schema(tmp_path, "observer", version=SCHEMA_VERSION + 1)
    with pytest.raises(WrongSchema, match=r"newer version \(observer, layout 2; this one knows 1\); start that"):
        settle(tmp_path, "x")
    assert "newer version" in why_not(tmp_path)
    assert read_schema(tmp_path) is not None  # and nothing was changed


def test_an_older_layout_names_the_command_that_changes_it(tmp_path: Path) -> None:
    write_schema(tmp_path, "observer", version=1)
    with pytest.raises(WrongSchema, match=r"has layout 1 and this version needs 2; stop the mesh.*`mend migrate`"):
        settle(tmp_path, "x", version=2)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"version": "1"}', '{"version": true}', '{"version": 0}', "[" * 100_000, "x" * 70_000],
)
def test_a_damaged_file_stops_everything_and_is_not_overwritten(text: str, tmp_path: Path) -> None:
    say(tmp_path, text)
    with pytest.raises(WrongSchema, match=r"schema\.json"):
        settle(tmp_path, "x")
    assert schema_file(tmp_path).read_text() == text


def test_half_a_restore_stops_everything_until_it_is_repeated(tmp_path: Path) -> None:
    write_schema(tmp_path, "mend", unfinished="a restore")
    with pytest.raises(WrongSchema, match=r"a restore, begun .*, did not end; .* repeat it"):
        settle(tmp_path, "x")
    with pytest.raises(WrongSchema, match="did not end"):
        steps_due(tmp_path, STEPS, 4)


def test_what_lay_there_before_there_was_a_file_has_the_first_layout(tmp_path: Path) -> None:
    (tmp_path / "actions" / "pending").mkdir(parents=True)
    assert found_version(tmp_path, 4) == 4  # folders alone are an installation, not a mesh that ran
    day = tmp_path / "events" / "2026-11-21" / "pi4"
    day.mkdir(parents=True)
    (day / "evt-1.json").write_text("{}")
    assert found_version(tmp_path, 4) == 1


def test_steps_run_in_order_once_and_each_is_written_down(tmp_path: Path) -> None:
    write_schema(tmp_path, "x", version=1)
    told: list[str] = []
    assert migrate(tmp_path, "mend", told.append, steps=STEPS, version=4) == 3
    assert told == [f"layout {n}: make layout-{n}" for n in (2, 3, 4)]
    assert settle(tmp_path, "x", version=4).version == 4
    assert migrate(tmp_path, "mend", told.append, steps=STEPS, version=4) == 0
    assert len(told) == 3


def test_a_step_that_fails_leaves_those_before_it_done_and_is_run_again(tmp_path: Path) -> None:
    write_schema(tmp_path, "x", version=1)

    def full(runtime: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        migrate(tmp_path, "mend", steps=(mark("2"), Step(3, "breaks", full)), version=3)
    assert (known := read_schema(tmp_path)) is not None
    assert known.version == 2
    assert migrate(tmp_path, "mend", steps=STEPS, version=4) == 2


def test_no_step_is_skipped(tmp_path: Path) -> None:
    write_schema(tmp_path, "x", version=1)
    with pytest.raises(WrongSchema, match="no way leads from layout 1 to 3"):
        migrate(tmp_path, "mend", steps=(mark("3"),), version=3)
    write_schema(tmp_path, "x", version=9)
    with pytest.raises(WrongSchema, match="layout 9, this version knows 4"):
        steps_due(tmp_path, STEPS, 4)


def test_a_service_does_only_what_is_meant_to_be_done_by_itself(tmp_path: Path) -> None:
    write_schema(tmp_path, "x", version=1)
    easy = Step(2, "easy", mark("2").run, by_itself=True)
    assert migrate_by_itself(tmp_path, "observer", steps=(easy, mark("3")), version=3) == 0
    assert not (tmp_path / "layout-2").exists()
    assert migrate_by_itself(tmp_path, "observer", steps=(easy,), version=2) == 1
    assert settle(tmp_path, "x", version=2).by == "observer"


def test_two_at_once_do_each_step_once(tmp_path: Path) -> None:
    write_schema(tmp_path, "x", version=1)
    done: list[int] = []

    def slow(runtime: Path) -> None:
        time.sleep(0.2)
        done.append(2)

    steps = (Step(2, "slow", slow),)
    both = [threading.Thread(target=migrate, args=(tmp_path, "x"), kwargs={"steps": steps, "version": 2}) for _ in "ab"]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert done == [2]


def test_nothing_is_migrated_under_a_service_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_schema(tmp_path, "x", version=1)
    beat = tmp_path / "state" / "observer.heartbeat"
    beat.touch()
    stop = threading.Event()

    def live() -> None:
        while not stop.wait(0.05):
            beat.touch()

    thread = threading.Thread(target=live)
    thread.start()
    try:
        with pytest.raises(WrongSchema, match="observer still run"):
            migrate(tmp_path, "mend", steps=STEPS, version=4)
    finally:
        stop.set()
        thread.join()
    monkeypatch.setattr(migrations, "STILL_SECONDS", 0.3)
    assert migrate(tmp_path, "mend", steps=STEPS, version=4) == 3  # its last beat is fresh, but it is still


def test_showing_it_to_all_services_shows_them_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every service may write into state/: a link in the place of the new file had root open what it points at."""
    secret, synced = tmp_path / "secret", files.fsync_folder
    secret.touch(0o600)

    def swapping(folder: Path) -> None:
        (folder / "schema.json").rename(folder / "moved")
        (folder / "schema.json").symlink_to(secret)
        synced(folder)

    monkeypatch.setattr(files, "fsync_folder", swapping)
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o775)
    write_schema(tmp_path, "mend")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state" / "moved").stat().st_mode) == 0o644
