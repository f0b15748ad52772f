"""Whole files, exclusive renames: what a reader sees, who wins, what a full disk leaves behind."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesh_core.storage import files
from mesh_core.storage.files import create_whole, drop_unfinished, exchange, rename_exclusive, write_whole


def test_a_whole_file_replaces_and_an_exclusive_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert not create_whole(path, b"three")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_what_a_killed_writer_left_is_dropped_and_nothing_else(tmp_path: Path) -> None:
    for name in (".x.0123456789ab.tmp", "x", "x.tmp", ".hidden"):
        (tmp_path / name).touch()
    assert drop_unfinished(tmp_path) == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".hidden", "x", "x.tmp"]


def test_a_whole_file_has_an_inode_of_its_own_so_an_old_descriptor_cannot_change_it(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_whole(path, b"reviewed")
    with path.open("r+b") as old:
        write_whole(path, b"ours")
        old.write(b"hostile")
    assert path.read_bytes() == b"ours"


def test_os_rename_overwrites_and_ours_does_not(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).write_text(name)
    (tmp_path / "a").rename(tmp_path / "b")
    assert (tmp_path / "b").read_text() == "a"
    assert not rename_exclusive(tmp_path / "c", tmp_path / "d")
    assert ((tmp_path / "c").read_text(), (tmp_path / "d").read_text()) == ("c", "d")


def test_a_source_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        rename_exclusive(tmp_path / "gone", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_link_is_moved_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    assert rename_exclusive(tmp_path / "link", tmp_path / "moved")
    assert (tmp_path / "moved").readlink() == Path("/dev/zero")


@pytest.mark.parametrize("name", ["n" * 255, "🔥" * 63, os.fsdecode(b"\xff" * 200)])
def test_the_longest_name_can_be_written(tmp_path: Path, name: str) -> None:
    write_whole(tmp_path / name, b"x")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_without_rename_noreplace_nothing_is_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on some network mounts: renameat2 says EINVAL."""

    class Old:
        @staticmethod
        def renameat2(*_: object) -> int:
            return -1

    monkeypatch.setattr(files, "_libc", Old)
    monkeypatch.setattr("ctypes.get_errno", lambda: errno.EINVAL)
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    for name in ("folder", "full", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "x").touch()
    assert not rename_exclusive(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "b"
    assert rename_exclusive(tmp_path / "a", tmp_path / "new")
    assert not (tmp_path / "a").exists()
    assert not rename_exclusive(tmp_path / "folder", tmp_path / "full")
    assert rename_exclusive(tmp_path / "folder", tmp_path / "moved")
    assert (tmp_path / "moved").is_dir()
    exchange(tmp_path / "new", tmp_path / "c")
    assert (tmp_path / "c").read_text() == "a"
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "c", tmp_path / "gone")


def test_two_files_exchange_their_names_and_one_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    exchange(one, two)
    assert (one.read_text(), two.read_text()) == ("2", "1")
    with pytest.raises(FileNotFoundError):
        exchange(one, tmp_path / "gone")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_disk_that_is_full_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    """In a child, because a limit on the size of files is for the whole process."""
    path = tmp_path / "x"
    write_whole(path, b"old")
    child = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from mesh_core.storage.files import create_whole, write_whole\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "for function, name in ((write_whole, 'x'), (create_whole, 'y')):\n"
        "    try:\n"
        "        function(Path(sys.argv[1]) / name, b'n' * 5000)\n"
        "    except OSError:\n"
        "        print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", child, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused", "refused"]
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("x", b"old")]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def _claim_all(folder: Path, number: int) -> int:
    won = 0
    for name in range(500):
        try:
            won += rename_exclusive(folder / "from" / str(name), folder / "to" / f"{name}")
        except FileNotFoundError:
            continue
    (folder / f"won-{number}").write_text(str(won))
    return won


def test_of_four_processes_one_wins_each_file(tmp_path: Path) -> None:
    for folder in ("from", "to"):
        (tmp_path / folder).mkdir()
    for name in range(500):
        (tmp_path / "from" / str(name)).write_text(str(name))
    context = multiprocessing.get_context("spawn")
    racers = [context.Process(target=_claim_all, args=(tmp_path, number)) for number in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(300)
    assert sum(int((tmp_path / f"won-{number}").read_text()) for number in range(4)) == 500
    assert len(list((tmp_path / "to").iterdir())) == 500


@pytest.mark.parametrize("write", [write_whole, create_whole])
def test_a_file_that_others_must_read_has_its_mode_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., Any]
) -> None:
    """Afterwards the name could mean another file: a link of whoever else may write into that folder."""
    outside = tmp_path / "outside"
    outside.touch(0o600)
    synced = files.fsync_folder

    def swapping(folder: Path) -> None:
        (folder / "shown").rename(folder / "moved")
        (folder / "shown").symlink_to(outside)
        synced(folder)

    monkeypatch.setattr(files, "fsync_folder", swapping)
    before = os.umask(0o077)
    try:
        write(tmp_path / "shown", b"x", mode=0o644, exact=True)
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("moved", "outside")] == [0o644, 0o600]
