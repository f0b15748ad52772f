"""Whose a process is, what hangs, who listens and who takes the memory: read out of /proc and cgroups."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from investigation_rig import FOREVER, KIB, NO_ENGINE, question
from parts.hanging import HANGS

from mesh_core.incidents.own_processes import MESH_PROCESS
from mesh_core.runtime.services import SERVICES
from mesh_core.testing import wait_for
from node_agent.containers.engine import Engine
from node_agent.investigation import hung, listeners, memory
from node_agent.investigation.question import Question


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
