"""What changed on a host lately, and whether what runs has read its configuration since."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

import pytest
from investigation_rig import FOREVER, question

from node_agent.investigation import changed, config
from node_agent.investigation.question import Question


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
