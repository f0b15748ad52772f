"""What an agent looks up on its host at the moment of an event: on real file systems, and where a look never ends."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from parts.hanging import HANGS

from mesh_core.incidents.own_processes import MESH_PROCESS
from mesh_core.runtime.services import SERVICES
from mesh_core.testing import wait_for
from node_agent.certificate import read_certificate
from node_agent.checks import CheckResult, Condition
from node_agent.confirmation import ConfirmationRule
from node_agent.engine import Engine
from node_agent.image_history import ImageHistory
from node_agent.investigation import (
    changed,
    config,
    disk,
    docker,
    hung,
    journal,
    listeners,
    logs,
    memory,
    network,
    packages,
)
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


def patient(seconds: float = 60) -> InvestigationOptions:
    """More than an event of a homelab may wait for, as a busy machine needs it."""
    return InvestigationOptions.model_construct(seconds=seconds)


def investigator(looks: dict[str, Callable[[Question], dict[str, Any]]], seconds: float = 60) -> Investigator:
    made = [Room(name, lambda asked: True, look) for name, look in looks.items()]
    return Investigator(patient(seconds), made)


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
            probe, investigate=Investigator(patient(), rooms(NO_ENGINE, ImageHistory())).look
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


def test_a_configuration_is_behind_by_the_newest_of_its_files_and_what_loaded_it_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc, proc = tmp_path / "nginx", tmp_path / "proc"
    for name, at in (("a.conf", 500), ("sites/b.conf", 900), ("sites/.b.conf.swp", 9000), ("c.conf~", 9000)):
        (etc / name).parent.mkdir(parents=True, exist_ok=True)
        (etc / name).touch()
        os.utime(etc / name, (at, at))
    (etc / "d.conf").symlink_to("/nowhere")
    for path in (etc / "d.conf", etc / "sites", etc):
        os.utime(path, (100, 100), follow_symlinks=False)
    assert config.newest_in(etc, question()) == (str(etc / "sites/b.conf"), 900.0)
    assert config.newest_in(tmp_path / "none", question()) is None
    assert config.newest_in(etc, question(deadline=0.0)) is None
    (proc / "7/task/7").mkdir(parents=True)
    (proc / "9").mkdir()
    monkeypatch.setattr(config, "clock_began_at", lambda: 1000.0)
    (proc / "7/task/7/children").write_text("9 10 ")
    ticks = 300 * os.sysconf("SC_CLK_TCK")
    (proc / "9/stat").write_text(f"9 (a ) b) S {' '.join('1' for _ in range(18))} {ticks} 0 0")
    assert config.loaded_at({"StateChangeTimestamp": "Thu 1970-01-01 00:20:00 UTC", "MainPID": "7"}, proc) == 1300
    assert config.loaded_at({"StateChangeTimestamp": "Thu 1970-01-01 00:23:20 UTC", "MainPID": "0"}, proc) == 1400
    for service, asked in (("nginx.service", True), ("web.service", False)):
        assert config.fits(Question("http_probe_failed", {"runtime": "systemd"}, FOREVER, service=service)) is asked


def test_who_listens_is_known_by_the_control_group_of_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        root = next(folder for folder in listeners.GROUPS if folder.is_dir())
        own = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        assert [*listeners._groups_on(socket.AF_INET, port)] == [(root / own[3:].strip("/")).stat().st_ino]
    assert listeners.unit_listening_on(port) == ""
    groups = (
        "system.slice/web.service",
        "system.slice/docker.service",
        "user.slice/a.scope",
        "system.slice/db.service",
    )
    for name in groups:
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(listeners, "GROUPS", (tmp_path,))
    for heard, unit in (([0], "web.service"), ([0, 0], "web.service"), ([1], ""), ([2], ""), ([0, 3], ""), ([], "")):
        numbers = [(tmp_path / groups[one]).stat().st_ino for one in heard]
        monkeypatch.setattr(listeners, "_groups_on", lambda family, port, told=numbers: iter(told))
        assert listeners.unit_listening_on(443) == unit


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

    asked = investigator({"first": lambda asked: {"a": 1}, "hangs": hang}, seconds=2)
    try:
        found = (await asked.look(result()))["investigation"]
        assert found == {"first": {"a": 1}, "took_ms": found["took_ms"]}
        assert await asked.look(result()) == {}
        assert len(looks) == 1
    finally:
        released.set()
    await wait_for(lambda: not asked._thread.looks, 30, "the look is back")
    found = (await asked.look(result()))["investigation"]
    assert found["hangs"] == {"late": 1}
    assert len(looks) == 2


async def test_a_room_that_fails_takes_nothing_from_the_others() -> None:
    def broken(asked: Question) -> dict[str, Any]:
        raise RuntimeError("no such thing")

    rooms = {"broken": broken, "none": lambda asked: {}, "good": lambda asked: {"a": 1}}
    found = (await investigator(rooms).look(result()))["investigation"]
    assert found.keys() == {"good", "took_ms"}
    assert await investigator({"broken": broken}).look(result()) == {}


async def test_two_events_at_once_are_looked_into_in_turn() -> None:
    inside, most = 0, 0

    def count(asked: Question) -> dict[str, Any]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        inside -= 1
        return {"a": 1}

    asked = investigator({"count": count})
    found = await asyncio.gather(*(asked.look(result()) for _ in range(5)))
    assert all(each["investigation"]["count"] for each in found)
    assert most == 1


async def test_where_much_breaks_at_once_looking_ends_and_events_go_on() -> None:
    asked = investigator({"some": lambda asked: {"a": 1}})
    asked._left = 0.0
    asked._counted_at = time.monotonic() + 3600
    assert await asked.look(result()) == {}


async def test_a_host_that_allows_no_more_threads_gets_its_event_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    asked = investigator({"some": lambda asked: {"a": 1}})
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refused)
        assert await asked.look(result()) == {}
    assert (await asked.look(result()))["investigation"]["some"] == {"a": 1}


async def test_switched_off_nothing_is_looked_at() -> None:
    assert (
        await Investigator(InvestigationOptions(enabled=False), rooms(NO_ENGINE, ImageHistory())).look(
            result(mount="/")
        )
        == {}
    )


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


@pytest.mark.parametrize(
    ("cgroup", "group", "unit"),
    [
        ("0::/system.slice/nginx.service", "nginx.service", "nginx.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-u7.scope", "run-u7.scope", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service", "sync.service", ""),
        ("0::/user.slice/user-1000.slice/session-3.scope", "session-3.scope", ""),
        ("0::/system.slice/jobs.service/inner.service", "inner.service", "jobs.service"),
        (f"0::/system.slice/docker-{'a' * 64}.scope", "a" * 64, ""),
        (f"12:memory:/docker/{'b' * 64}\n0::/", "b" * 64, ""),
        (f"0::/machine.slice/libpod-{'c' * 64}.scope/container", "c" * 64, ""),
        ("9:name=systemd:/\n0::/", "", ""),
        ("0::/system.slice", "", ""),
    ],
)
def test_whose_a_process_is_stands_in_its_cgroup(cgroup: str, group: str, unit: str) -> None:
    assert memory.group_of(cgroup) == group
    assert memory.system_unit_of(cgroup) == unit


def test_what_hangs_in_the_kernel_is_told_and_whether_the_mesh_runs_here(tmp_path: Path) -> None:
    """Of the real /proc."""
    group = [subprocess.Popen([sys.executable, "-c", HANGS], start_new_session=True) for _ in range(4)]
    try:
        statuses = [Path(f"/proc/{one.pid}/status") for one in group]
        asyncio.run(wait_for(lambda: all("State:\tD" in one.read_text() for one in statuses), 30, "they hang"))
        found = hung.look(question("load_high", time.monotonic() + 60))
        assert found["processes"] >= 4
        assert "python" in found["programs"]
    finally:
        for one in group:
            os.killpg(one.pid, 9)
            one.wait()
    for number, words in enumerate(
        (b"/usr/bin/python3\0-m\0node_agent\0", b"sh\0-c\0tail executor_agent.log\0", b""), 1
    ):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "cmdline").write_bytes(words)
    assert hung.look(question("load_high"), tmp_path) == {"processes": 0, "carries_mesh": False}
    for words in (
        b"python3\0-m\0executor_agent\0",
        b"/opt/venv/bin/python3\0/opt/venv/bin/planner-agent\0",
        b"python\0-m\0observer\0",
    ):
        (tmp_path / "3" / "cmdline").write_bytes(words)
        assert hung.look(question("load_high"), tmp_path)["carries_mesh"] is True


def test_a_process_of_the_mesh_is_known_by_the_table_of_services() -> None:
    for service in SERVICES.values():
        for name in {service.name, service.module}:
            assert bool(re.match(MESH_PROCESS, f"python\0-m\0{name}\0")) is not service.on_each_node, name


def test_who_takes_the_memory_is_told_by_unit_and_program(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 900 kB\nMemAvailable: 30 kB\nSwapFree: 0 kB\n")
    for pid, program, unit, pages, shared, pss in (
        *((7, "db", "/system.slice/db.service", 500, 300, 400), (8, "db", "/system.slice/db.service", 400, 300, 350)),
        *((9, "web", f"/system.slice/docker-{'a' * 64}.scope", 900, 400, None), (10, "sh", "/", 0, 0, 0)),
    ):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "comm").write_text(f"{program}\n")
        (folder / "cgroup").write_text(f"0::{unit}\n")
        (folder / "statm").write_text(f"1000 {pages} {shared} 1 0 1 0\n")
        if pss is not None:  # else it is another user's
            (folder / "smaps_rollup").write_text(f"00400000-7ffd rollup [x]\nRss: 1 kB\nPss: {pss} kB\n")
    asked = question("memory_low", time.monotonic() + 60)
    assert memory.look(asked, Engine(NO_ENGINE), tmp_path) == {
        "available_bytes": 30 * KIB,
        "swap_free_bytes": 0,
        "top": [
            {"unit_or_container": "a" * 64, "program": "web", "pss_bytes": 500 * os.sysconf("SC_PAGE_SIZE")},
            {"unit_or_container": "db.service", "program": "db", "pss_bytes": 750 * KIB},
        ],
        "holders": [
            {"program": "web", "pss_bytes": 500 * os.sysconf("SC_PAGE_SIZE"), "percent": 222},
            {
                **{"unit_or_container": "db.service", "kind": "unit", "alone": True},
                **{"program": "db", "pss_bytes": 750 * KIB, "percent": 83},
            },
        ],
    }
    here = memory.look(asked, Engine(NO_ENGINE))
    assert here["top"] == sorted(here["top"], key=lambda row: -row["pss_bytes"])
    assert all(row["program"] and row["pss_bytes"] > 0 for row in here["top"])
    assert "top" not in memory.look(Question("memory_low", {}, FOREVER, host_files=False), Engine(NO_ENGINE))
    assert memory.fits(question("unit_failed", oom_killed=True))
    assert not memory.fits(question("unit_failed", oom_killed=False))


def test_what_changed_within_a_day_is_a_row_a_kind_newest_first(tmp_path: Path) -> None:
    now = time.time()

    def line(ago: float, rest: str) -> str:
        return f"{datetime.fromtimestamp(now - ago):%Y-%m-%d %H:%M:%S} {rest}\n"

    log = tmp_path / "dpkg.log"
    log.write_text(
        line(90_000, "upgrade old:amd64 1 2")
        + line(700, "status installed nginx:amd64 1.3")
        + "".join(line(600 - n, f"upgrade lib{n}:amd64 1.2 1.3") for n in range(5))
        + line(60, "install tool:all <none> 2.0")
        + line(50, "remove gone:amd64 3 <none>")
        + "upgrade of what is no line\nno-date at-all upgrade a 1 2\n"
    )
    found = [
        *changed.package_changes(log),
        changed.Change("boot", "", now - 30),
        changed.Change("kernel", "6", now + 99),
    ]
    boot, packages_ = changed.rows_of(found, now)
    assert boot == {"kind": "boot", "name": "", "seconds_ago": 30}
    assert packages_["name"] == "gone 3 removed, tool 2.0, lib4 1.2 -> 1.3 and 4 more"
    assert packages_["seconds_ago"] in (50, 51)
    assert changed.rows_of(found, now, "lib2")[1]["name"] == "lib2 1.2 -> 1.3, gone 3 removed, tool 2.0 and 4 more"
    assert changed.rows_of([], now) == []


@pytest.mark.parametrize("days", [5, 20_000])
def test_a_probe_that_fails_says_whether_name_port_or_certificate_is_to_blame(days: int, tmp_path: Path) -> None:
    """One with its end behind 2049 is written in another form."""
    shown, secret = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=shop -days {days}"
    subprocess.run([*command.split(), "-keyout", secret, "-out", shown], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown, secret)

    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    port = server.server_port

    def found(**facts: Any) -> dict[str, Any]:
        asked = question("http_probe_failed", time.monotonic() + 60, **facts)
        assert network.fits(asked)
        return network.look(asked)

    https, tcp = found(url=f"https://127.0.0.1:{port}/health"), found(address=f"127.0.0.1:{port}")
    server.shutdown()
    server.server_close()
    assert https.pop("certificate_days_left") in (days, days - 1)
    assert https == tcp == {"name_resolves": True, "port_open": True}
    assert found(url=f"http://127.0.0.1:{port}/") == {"name_resolves": True, "port_open": False}
    nowhere = found(address="no-such-host.invalid:80")
    assert nowhere.pop("name_cache", "nscd")  # where this host has one
    assert nowhere == {"name_resolves": False, "host": "no-such-host.invalid"}


def test_a_name_server_that_does_not_answer_is_a_name_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **more: released.wait())
    try:
        asked = question("http_probe_failed", time.monotonic() + 0.2, url="http://shop.example/")
        assert network.look(asked)["name_resolves"] is False
    finally:
        released.set()


def test_an_agent_can_end_while_a_look_hangs() -> None:
    """What hangs in the kernel hangs on; nobody waits for it at the end either."""
    code = """
import asyncio, threading
from node_agent.checks import CheckResult, Condition
from node_agent.confirmation import ConfirmationRule
from node_agent.investigation.investigator import Investigator
from node_agent.investigation.options import InvestigationOptions
from node_agent.investigation.question import Room

hangs = Room("hangs", lambda asked: True, lambda asked: threading.Event().wait())
result = CheckResult("x", None, Condition.UNHEALTHY, ConfirmationRule(), "x")
print(asyncio.run(Investigator(InvestigationOptions(seconds=0.1), [hangs]).look(result)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.splitlines()[-1] == "{}"


@pytest.mark.parametrize(
    "raw", [b"", b"0", b"not a certificate", bytes([0x30, 0x84, 1, 2, 3, 4]), b"\x30\x03\x30\x01\x00"]
)
def test_what_is_no_certificate_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        read_certificate(raw)


def test_what_a_probe_knocked_at_is_read_out_of_its_facts() -> None:
    assert not network.fits(question("disk_space_low", url="http://x/"))
    assert not network.fits(question("http_probe_failed", url="ftp://x"))
    assert not network.fits(question("tcp_probe_failed"))
