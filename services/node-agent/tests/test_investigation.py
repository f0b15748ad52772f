"""What fills a disk, as its own agent says in the event: on real file systems."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from investigation_rig import FOREVER, KIB, NO_ENGINE, patient, question

from mesh_core.incidents.known_facts import FACTS
from node_agent.containers.image_history import ImageHistory
from node_agent.host.host_files import sees_host_files
from node_agent.host.mounts import Mount, mount_of, mounts_in
from node_agent.investigation import disk, docker, journal, logs, packages
from node_agent.investigation.folder_sizes import biggest_folders, biggest_of
from node_agent.investigation.gathering import EvidenceGatherer
from node_agent.investigation.investigator import Investigator
from node_agent.investigation.question import Question
from node_agent.investigation.table import rooms
from node_agent.probes.disk import DiskOptions, DiskProbe


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
            probe, evidence=EvidenceGatherer(investigate=Investigator(patient(), rooms(NO_ENGINE, ImageHistory())).look)
        ) as watched:
            event = await watched.see(None, "node_online", "disk_space_low")
    found = event.payload["investigation"]
    assert isinstance(found["took_ms"], int)
    full = found["disk"]
    assert full["mount"] == str(tiny_disk)
    assert (full["size_bytes"], full["free_bytes"]) == (64 * KIB, 4 * KIB)
    assert full["used_percent"] == 94
    assert full["biggest"][0] == {"path": str(tiny_disk / "log/old")[-120:], "bytes": 24 * KIB}
    assert "Velvet" not in event.wire().decode()
    assert full["complete"] is True
    assert [(row["pid"], row["bytes"]) for row in full["deleted_open"]] == [(os.getpid(), 28 * KIB)]
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
    assert journal.look(full, str(tiny_disk / ("a" * 300))) == {}, "as where this user may not look"
    caches = {"apt": (str(tiny_disk / "apt/archives"),), "dnf": (str(tiny_disk / "no"), str(tiny_disk / "dnf"))}
    assert packages.look(full, caches) == {"cache_bytes": 8 * KIB, "manager": "apt", "mount": str(tiny_disk)}
    assert packages.look(elsewhere, caches) == {}
    assert disk.is_of_host_files(full)
    assert not disk.is_of_host_files(question("memory_low"))
    assert not disk.is_of_host_files(Question("disk_space_low", {"mount": "/"}, FOREVER, host_files=False))


def test_plain_logs_count_by_the_rule_that_knows_most_of_them(
    tiny_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in (("web/a.log", 8), ("web/b.log", 8), ("web/a.log.1", 4), ("db.log", 12)):
        (tiny_disk / name).parent.mkdir(exist_ok=True)
        (tiny_disk / name).write_bytes(b"x" * size * KIB)
    (tmp_path / "elsewhere.log").write_bytes(b"x" * 64 * KIB)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "web").write_text(f"{tiny_disk}/web/*.log\n{{ rotate 4\n}}\n")
    (rules / "db").write_text(f"{tiny_disk}/db.log {tmp_path}/elsewhere.log {tiny_disk}/none.log {{\n}}\n")
    found = {"rule": "web", "bytes": 16 * KIB, "mount": str(tiny_disk)}
    assert logs.look(question(mount=str(tiny_disk)), rules) == found
    assert logs.look(question(mount="/proc"), rules) == {}
    for programs, fits in (((rules,), True), ((tmp_path / "none",), False)):
        monkeypatch.setattr(logs, "PROGRAMS", programs)
        assert logs.fits(question(mount=str(tiny_disk))) is fits
    assert logs.look(question(mount=str(tiny_disk)), tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("/a/b.log {\n rotate 4\n}\n", ("/a/b.log",)),
        ("/a/b.log\n/a/*.x\n{\n}\n", ("/a/b.log", "/a/*.x")),
        ("\"/a b.log\" '/c.log' /d.log {\n}\n", ("/a b.log", "/c.log", "/d.log")),
        ("# /no {\nweekly\ninclude /etc/x\nsu root adm\n/a {\n}\n/b{\n}\n", ("/a", "/b")),
        ("/a {\n postrotate\n  [ ! -f /run/x ] || kill ${PID}\n endscript\n}\n/b {\n}\n", ("/a", "/b")),
        ("relative.log {\n}\n/a", ()),
        ("}}}\n{{{", ()),
    ],
)
def test_a_rule_speaks_of_the_files_in_front_of_its_brace(text: str, patterns: tuple[str, ...]) -> None:
    assert logs.patterns_in(text) == patterns


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


def test_remedies_may_ask_for_just_the_rooms_that_are_looked_at() -> None:
    assert {room.name for room in rooms(NO_ENGINE, ImageHistory())} == FACTS.keys()
