"""A runtime folder of one user is closed, an old one too; one that several users share stays as it is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh_core.models.proposals import Folder
from mesh_core.runtime.services import ServiceUser
from mesh_core.security import private_folder as private_place
from mesh_core.security.private_folder import close_to_others, write_privately
from mesh_core.storage.schema import schema_file, settle
from mesh_core.testing import AllFolders


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def now_umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def open_to_others(place: Path) -> list[str]:
    found = [place, *place.rglob("*")]
    return [str(path) for path in found if not path.is_symlink() and path.stat().st_mode & 0o077]


def old_mesh(place: Path) -> Path:
    """As an earlier version left it."""
    AllFolders(place).prepare()
    for name in ("redis/valkey/appendonlydir/x.aof", "events/2026-01-01/pi4/evt-1.json", "log/planner-agent.log"):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_text("a secret")
    settle(place, "test")
    return place


def test_what_an_earlier_version_left_open_is_closed_once_and_counted(tmp_path: Path) -> None:
    place = old_mesh(tmp_path / "var")
    outside = tmp_path / "outside"
    outside.write_text("not ours")
    (place / "events" / "link").symlink_to(outside)
    tool = place / "actions" / "tool"
    tool.write_text("#!/bin/sh")
    tool.chmod(0o755)
    assert close_to_others(place) > 15
    assert open_to_others(place) == []
    assert stat.S_IMODE(tool.stat().st_mode) == 0o700
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644
    assert close_to_others(place) == 0


def test_what_is_written_from_then_on_is_closed_too(tmp_path: Path) -> None:
    place = tmp_path / "new" / "var"
    write_privately(place)
    assert now_umask() == 0o077
    old_mesh(place)
    assert schema_file(place).exists()
    assert open_to_others(place) == []


def test_a_folder_with_other_things_in_it_is_not_closed_but_ours_below_it_are(tmp_path: Path) -> None:
    place = old_mesh(tmp_path / "everything")
    theirs = place / "photos"
    theirs.mkdir()
    before = stat.S_IMODE(place.stat().st_mode), stat.S_IMODE(theirs.stat().st_mode)
    assert close_to_others(place) > 15
    assert (stat.S_IMODE(place.stat().st_mode), stat.S_IMODE(theirs.stat().st_mode)) == before
    assert open_to_others(place / "events") == open_to_others(place / "redis") == []


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_name_that_becomes_a_link_between_look_and_deed_closes_nothing_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    place, outside = old_mesh(tmp_path / "var"), tmp_path / "outside"
    outside.mkdir(mode=0o755)
    trap = place / "events" / "trap"
    trap.mkdir() if what == "folder" else trap.touch()
    number, looked_at = trap.lstat().st_ino, private_place._is_open

    def swapping(status: os.stat_result) -> bool:
        if status.st_ino == number and not trap.is_symlink():
            trap.rename(place / "events" / "moved")
            trap.symlink_to(outside)
        return looked_at(status)

    monkeypatch.setattr(private_place, "_is_open", swapping)
    assert close_to_others(place) > 15
    assert trap.is_symlink()
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="a link is only followed by who is not root")
def test_root_closes_no_folder_that_a_link_names(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (tmp_path / "run").symlink_to(outside)
    with pytest.raises(NotADirectoryError):
        private_place.make_private(tmp_path / "run")
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755
    private_place.make_private(tmp_path / "log")
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to other users: root only")
def test_a_second_name_of_roots_file_in_another_users_folder_is_left_alone(tmp_path: Path) -> None:
    place, roots = old_mesh(tmp_path / "var"), tmp_path / "roots"
    roots.write_text("everybody reads this")
    (place / "events" / "mine").hardlink_to(roots)
    for path in (place, *place.rglob("*")):
        if path.name != "mine":
            os.chown(path, 65534, 65534)
    assert close_to_others(place) > 15
    assert stat.S_IMODE(roots.stat().st_mode) == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="gives folders to other users: root only")
@pytest.mark.parametrize("laid", ["owner", "secrets"])
def test_a_deployment_keeps_its_modes_and_its_umask(tmp_path: Path, laid: str) -> None:
    place = old_mesh(tmp_path / "homelab")
    if laid == "owner":
        os.chown(place / "actions" / Folder.APPROVED, ServiceUser.EXECUTOR, -1)
    else:
        (place / "secrets" / "node-agent").mkdir(parents=True)
    (place / "actions" / Folder.APPROVED).chmod(0o2770)
    before = open_to_others(place)
    assert close_to_others(place) == 0
    write_privately(place)
    assert open_to_others(place) == before
    assert now_umask() == 0o022


def test_an_approved_folder_that_everybody_could_write_into_is_left_for_the_executor_to_refuse(tmp_path: Path) -> None:
    place = old_mesh(tmp_path / "var")
    (place / "actions" / Folder.APPROVED).chmod(0o777)
    close_to_others(place)
    assert stat.S_IMODE((place / "actions" / Folder.APPROVED).stat().st_mode) == 0o777
    assert open_to_others(place / "redis") == []
