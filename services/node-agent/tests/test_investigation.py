"""What an agent looks up on its host at the moment of an event: on real file systems, and where a look never ends."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesh_core.testing import wait_for
from node_agent.checks import CheckResult, Condition
from node_agent.confirmation import ConfirmationRule
from node_agent.investigation import docker, journal, packages
from node_agent.investigation.folder_sizes import biggest_folders, biggest_of
from node_agent.investigation.host_files import sees_host_files
from node_agent.investigation.investigator import Investigator
from node_agent.investigation.options import InvestigationOptions
from node_agent.investigation.question import Question, Room
from node_agent.investigation.table import rooms
from node_agent.mounts import Mount, mount_of, mounts_in
from node_agent.probes.disk import DiskOptions, DiskProbe

NO_ENGINE = "unix:///nowhere/docker.sock"
FOREVER = float("inf")
KIB = 1024


def question(type_: str = "disk_space_low", deadline: float = FOREVER, **facts: Any) -> Question:
    return Question(type_, facts, deadline)


def result(type_: str = "disk_space_low", **facts: Any) -> CheckResult:
    return CheckResult("disk:/x", None, Condition.UNHEALTHY, ConfirmationRule(), type_, facts=facts)


def investigator(rooms: dict[str, Room], seconds: float = 2) -> Investigator:
    return Investigator(InvestigationOptions(seconds=seconds), rooms)


def room(look: Callable[[Question], dict[str, Any]]) -> Room:
    return Room(lambda asked: True, look)


async def test_the_event_of_a_full_disk_says_what_fills_it(
    tiny_disk: Path, tmp_path: Path, watching: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"tiny {tiny_disk} ext4 rw,relatime 0 0\n")
    secret = tiny_disk / "token=orbit-Velvet42"
    for folder, size in ((tiny_disk / "log" / "old", 24), (secret, 8)):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * size * KIB)
    monkeypatch.setattr("node_agent.investigation.investigator.sees_host_files", lambda mounts: True)
    probe = DiskProbe(DiskOptions(every_seconds=0.2), mounts)
    with (tiny_disk / "gone").open("wb", buffering=0) as held:
        held.write(b"x" * 28 * KIB)
        (tiny_disk / "gone").unlink()
        async with watching(
            probe, investigate=Investigator(InvestigationOptions(seconds=4), rooms(NO_ENGINE)).look
        ) as watched:
            event = await watched.see(None, "node_online", "disk_space_low")
    found = event.payload["investigation"]
    assert isinstance(found["took_ms"], int)
    disk = found["disk"]
    assert disk["mount"] == str(tiny_disk)
    assert (disk["size_bytes"], disk["free_bytes"]) == (64 * KIB, 4 * KIB)
    assert disk["used_percent"] == 94
    assert disk["biggest"][0] == {"path": str(tiny_disk / "log/old")[-120:], "bytes": 24 * KIB}
    assert "Velvet" not in event.wire().decode()
    assert disk["complete"] is True
    assert [(row["pid"], row["bytes"]) for row in disk["deleted_open"]] == [(os.getpid(), 28 * KIB)]
    assert not {"journal", "packages"} & found.keys(), "they lie on another disk"


def test_journal_and_packages_count_where_they_lie_on_the_full_disk(tiny_disk: Path) -> None:
    for folder, size in (("journal/machine", 20), ("apt/archives", 8), ("dnf", 4)):
        (tiny_disk / folder).mkdir(parents=True)
        (tiny_disk / folder / "file").write_bytes(b"x" * size * KIB)
    full, elsewhere = question(mount=str(tiny_disk)), question(mount="/proc")
    kept = str(tiny_disk / "journal")
    assert journal.look(full, kept) == {"bytes": 20 * KIB, "mount": str(tiny_disk)}
    assert journal.look(elsewhere, kept) == {}
    assert journal.look(full, str(tiny_disk / "none")) == {}
    caches = {"apt": (str(tiny_disk / "apt/archives"),), "dnf": (str(tiny_disk / "no"), str(tiny_disk / "dnf"))}
    assert packages.look(full, caches) == {"cache_bytes": 8 * KIB, "manager": "apt", "mount": str(tiny_disk)}
    assert packages.look(elsewhere, caches) == {}
    assert journal.fits(full)
    assert not journal.fits(question("memory_low"))
    assert not journal.fits(Question("disk_space_low", {"mount": "/"}, FOREVER, host_files=False))


def test_the_biggest_are_named_where_most_of_them_lies() -> None:
    sums = {
        "/": 5,
        **{"/var": 100, "/var/lib": 90, "/var/lib/docker": 80, "/var/lib/docker/a": 40, "/var/lib/docker/b": 40},
        **{"/home": 50, "/home/a": 25, "/home/b": 25},
        **{f"/small{n}": n for n in range(5)},
    }
    assert biggest_of(sums, "/") == {"/var/lib/docker": 80, "/home": 50, "/": 5, "/small4": 4, "/small3": 3}
    assert biggest_of({}, "/srv") == {}


def test_a_walk_leaves_alone_what_is_mounted_below_and_ends_in_time(tiny_disk: Path, tmp_path: Path) -> None:
    for name in ("a/b", "other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(b"x" * 8 * KIB)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tiny_disk / "big").write_bytes(b"x" * 32 * KIB)
    base = str(tmp_path)
    found, complete = biggest_folders(base, {str(tiny_disk)}, question())
    assert (found, complete) == ({f"{base}/a/b": 8 * KIB, f"{base}/other": 8 * KIB}, True)
    found, complete = biggest_folders(base, {str(tiny_disk)}, question(deadline=0.0))
    assert (found, complete) == ({}, False)


async def test_a_look_that_never_ends_holds_up_nothing_and_no_other_begins_beside_it() -> None:
    released, looks = threading.Event(), []

    def hang(asked: Question) -> dict[str, Any]:
        looks.append(asked.type)
        released.wait()
        return {"late": 1}

    asked = investigator({"first": room(lambda asked: {"a": 1}), "hangs": room(hang)}, seconds=1)
    try:
        found = (await asked.look(result()))["investigation"]
        assert found == {"first": {"a": 1}, "took_ms": found["took_ms"]}
        assert await asked.look(result()) == {}
        assert len(looks) == 1
    finally:
        released.set()
    await wait_for(lambda: not asked._looks, 30, "the look is back")
    found = (await asked.look(result()))["investigation"]
    assert found["hangs"] == {"late": 1}
    assert len(looks) == 2


async def test_a_room_that_fails_takes_nothing_from_the_others() -> None:
    def broken(asked: Question) -> dict[str, Any]:
        raise RuntimeError("no such thing")

    rooms = {"broken": room(broken), "none": room(lambda asked: {}), "good": room(lambda asked: {"a": 1})}
    found = (await investigator(rooms).look(result()))["investigation"]
    assert found.keys() == {"good", "took_ms"}
    assert await investigator({"broken": room(broken)}).look(result()) == {}


async def test_two_events_at_once_are_looked_into_in_turn() -> None:
    inside, most = 0, 0

    def count(asked: Question) -> dict[str, Any]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        inside -= 1
        return {"a": 1}

    asked = investigator({"count": room(count)}, seconds=4)
    found = await asyncio.gather(*(asked.look(result()) for _ in range(5)))
    assert all(each["investigation"]["count"] for each in found)
    assert most == 1


async def test_where_much_breaks_at_once_looking_ends_and_events_go_on() -> None:
    asked = investigator({"some": room(lambda asked: {"a": 1})})
    asked._left = 0.0
    asked._counted_at = time.monotonic() + 3600
    assert await asked.look(result()) == {}


async def test_switched_off_nothing_is_looked_at() -> None:
    assert await Investigator(InvestigationOptions(enabled=False), rooms(NO_ENGINE)).look(result(mount="/")) == {}


@pytest.mark.parametrize(
    ("table", "marks", "seen"),
    [
        ("/dev/sda1 / ext4 rw 0 0", (), True),
        ("overlay / overlay rw 0 0", (), False),
        ("/dev/sda1 / btrfs rw 0 0", (".dockerenv",), False),
        ("/dev/sda1 / zfs rw 0 0", ("run/.containerenv",), False),
        ("overlay / overlay rw 0 0", (".dockerenv", "run/systemd/system/x"), True),
    ],
)
def test_in_a_container_the_files_are_its_images_and_say_nothing_of_the_host(
    table: str, marks: tuple[str, ...], seen: bool, tmp_path: Path
) -> None:
    for mark in marks:
        (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / mark).touch()
    assert sees_host_files(mounts_in(table), tmp_path) is seen


def test_a_path_lies_on_the_innermost_mount_and_of_two_on_one_point_on_the_later() -> None:
    table = "/dev/a / ext4 rw\n/dev/b /var xfs rw\n/dev/c /var xfs rw\n/dev/d /va ext4 rw\nnot a line\n"
    found = mount_of("/var/log/journal", mounts_in(table))
    assert found == Mount("/dev/c", "/var", "xfs", ("rw",))
    assert mount_of("/variable", mounts_in(table)) == Mount("/dev/a", "/", "ext4", ("rw",))


def test_of_the_engines_count_only_what_nothing_uses_would_come_back() -> None:
    told = {
        "Images": [
            {"RepoTags": ["web:1"], "Containers": 0, "Size": 900},
            {"RepoTags": ["<none>:<none>"], "Containers": 0, "Size": 100, "SharedSize": 60},
            {"RepoTags": None, "Containers": 0, "Size": 7, "SharedSize": -1},
            {"RepoTags": None, "Containers": 1, "Size": 500},
        ],
        "BuildCache": [
            {"Size": 30, "InUse": False, "Shared": False},
            {"Size": 50, "InUse": True, "Shared": False},
            {"Size": 70, "InUse": False, "Shared": True},
        ],
    }
    assert docker.space_in(told) == {"dangling_bytes": 47, "build_cache_bytes": 30}
    assert docker.space_in({"Images": None, "BuildCache": None}) == {"dangling_bytes": 0, "build_cache_bytes": 0}
