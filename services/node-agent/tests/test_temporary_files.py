"""What is old enough in /tmp to go, by tmpfiles.d's own lines; and which program of the host remembers names."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from node_agent.investigation import temporary
from node_agent.investigation.name_cache import name_cache
from node_agent.investigation.question import Question
from node_agent.investigation.temporary import Ages, ages_in

DAY = 86400


@pytest.mark.parametrize(
    ("told", "ages"),
    [
        ("q /tmp 1777 root root 10d\n", Ages(10 * DAY, "amc", ())),
        ("# /usr/lib/tmpfiles.d/tmp.conf\nD! /tmp/ 1777 root root ~1w2d\n", Ages(9 * DAY, "amc", ())),
        ("d /tmp 1777 - - m:12h30min\n", Ages(45000, "m", ())),
        (
            "d /tmp 1777 - - 0\nx /tmp/ssh-*\nX /tmp/systemd-private-%b-*\n",
            Ages(0, "amc", ("/tmp/ssh-*", "/tmp/systemd-private-*-*")),
        ),
        ("D /tmp 1777 root root -\n", None),  # as Debian 12 has it
        ("D /tmp 1777 root root\n", None),
        ("d /tmp 1777 - - AM:3d\n", None),  # of folders alone
        ("d /tmp 1777 - - soon\n", None),
        ("d /tmp/other 1777 - - 3d\nx\n\n", None),
    ],
)
def test_the_age_of_a_folder_is_what_tmpfiles_says(told: str, ages: Ages | None) -> None:
    assert ages_in(told, "/tmp") == ages


def test_what_is_old_on_the_full_disk_is_counted_and_what_is_spared_is_not(tiny_disk: Path) -> None:
    long_ago = time.time() - 5 * DAY
    for name, old in (("a/b/old", True), ("new", False), ("ssh-kept", True)):
        file = tiny_disk / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 8192)
        if old:
            os.utime(file, (long_ago, long_ago))
    told = f"d {tiny_disk} - - - m:3d\nx {tiny_disk}/ssh-*\n"
    full = Question("disk_space_low", {"mount": str(tiny_disk)}, time.monotonic() + 60)
    folders = (str(tiny_disk), "/proc")
    assert temporary.look(full, folders, told) == {"old_bytes": 8192, "mount": str(tiny_disk)}
    assert temporary.look(full, folders, "") == {}
    assert temporary.look(full, ("/proc",), told) == {}


@pytest.mark.parametrize(
    ("units", "servers", "cache"),
    [
        (["systemd-resolved.service", "nscd.service"], "127.0.0.53", "systemd-resolved"),
        (["nscd.service"], "192.0.2.1", "nscd"),
        (["dnsmasq.service"], "127.0.0.1", "dnsmasq"),
        (["unbound.service"], "::1", "unbound"),
        (["dnsmasq.service"], "192.0.2.1", ""),  # it serves others
        (["libvirtd.service"], "127.0.0.1", ""),
        (["sshd.service"], "127.0.0.1", ""),
    ],
)
def test_who_remembers_names_for_this_host(units: list[str], servers: str, cache: str, tmp_path: Path) -> None:
    for pid, unit in enumerate(units):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cgroup").write_text(f"0::/system.slice/{unit}\n")
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(f"# nameserver 127.0.0.1\nsearch lan\nnameserver {servers}\n")
    assert name_cache(tmp_path, resolv) == cache
    assert name_cache(tmp_path, tmp_path / "none") in ("systemd-resolved", "nscd", "")
