"""The layout of the files on disk: said once, believed when it can be, changed one step at a time."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest

from mesh_core.storage import files, migrations
from mesh_core.storage.migrations import migrate, services_alive
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
        migrate(tmp_path, "mend")


def test_what_lay_there_before_there_was_a_file_has_the_first_layout(tmp_path: Path) -> None:
    (tmp_path / "actions" / "pending").mkdir(parents=True)
    assert found_version(tmp_path, 4) == 4  # folders alone are an installation, not a mesh that ran
    day = tmp_path / "events" / "2026-11-21" / "pi4"
    day.mkdir(parents=True)
    (day / "evt-1.json").write_text("{}")
    assert found_version(tmp_path, 4) == 1


def test_migrating_writes_the_number_down_and_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    migrate(tmp_path, "mend")
    assert (known := read_schema(tmp_path)) is not None
    assert (known.version, known.by) == (SCHEMA_VERSION, "mend")
    write_schema(tmp_path, "x", version=9)
    with pytest.raises(WrongSchema, match=f"layout 9, this version knows {SCHEMA_VERSION}; use the version that wrote"):
        migrate(tmp_path, "mend")


def test_a_service_lives_while_its_heartbeat_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_schema(tmp_path, "x")
    beat = tmp_path / "state" / "observer.heartbeat"
    beat.touch()
    stop = threading.Event()

    def live() -> None:
        while not stop.wait(0.05):
            beat.touch()

    thread = threading.Thread(target=live)
    thread.start()
    try:
        assert services_alive(tmp_path) == ["observer"]
    finally:
        stop.set()
        thread.join()
    monkeypatch.setattr(migrations, "STILL_SECONDS", 0.3)
    assert services_alive(tmp_path) == []  # its last beat is fresh, but it is still


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
