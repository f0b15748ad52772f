"""Mounts that are away or dead: in systemd's words, on a real file system without its program, and one that hangs."""

from __future__ import annotations

import ctypes
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh_core.models.events import HealthEvent
from mesh_core.policy.event_facts.facts import Fact, facts_for
from mesh_core.testing import wait_for
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.investigation import mount
from node_agent.investigation.question import Question
from node_agent.probes.mounts import MountsOptions, MountsProbe
from node_agent.probes.systemd import SystemdOptions, SystemdProbe

FOREVER = float("inf")
GENERATED = "/run/systemd/generator/srv-data.mount"
# As systemctl shows a line of fstab that was never mounted since the boot.
NEVER = {
    **{"Id": "srv-data.mount", "ActiveState": "inactive", "SubState": "dead", "Result": "success"},
    **{"Where": "/srv/data", "What": "/dev/null", "FragmentPath": GENERATED, "WantedBy": "local-fs.target"},
    **{"ActiveEnterTimestampMonotonic": "0", "InactiveEnterTimestampMonotonic": "0", "Job": "0"},
    **{"ConditionResult": "no", "ConditionTimestampMonotonic": "0"},
}
DOWN = {**NEVER, "ActiveEnterTimestampMonotonic": "5000000", "InactiveEnterTimestampMonotonic": "9000000"}


async def look(probe: SystemdProbe, **shown: str) -> CheckResult:
    return await probe._verdict({**DOWN, **shown})


async def test_a_mount_whose_disk_is_gone_is_told_and_one_that_somebody_unmounted_is_not(tmp_path: Path) -> None:
    disk = f"/dev/gone-{tmp_path.name}"  # never made
    lost = await look(SystemdProbe(SystemdOptions()), What=disk)
    assert (lost.condition, lost.type, lost.facts["source_gone"]) == (Condition.UNHEALTHY, "unit_failed", True)
    assert disk in lost.facts["reason"]
    assert (lost.facts["mount"], lost.facts["source"]) == ("/srv/data", disk)
    for fine in ({"What": "/dev/null"}, {"What": "nas:/data"}, {"What": disk, "ActiveState": "active"}):
        assert (await look(SystemdProbe(SystemdOptions()), **fine)).condition is Condition.HEALTHY
    event = HealthEvent(type="unit_failed", node="n1", service="srv-data.mount", payload=lost.facts)
    assert {Fact.START_ERROR, Fact.MOUNT} <= facts_for(event)


async def test_a_disk_that_is_back_and_not_mounted_is_still_trouble_also_for_the_next_agent(tmp_path: Path) -> None:
    disk = f"/dev/gone-{tmp_path.name}"
    probe = SystemdProbe(SystemdOptions())
    await look(probe, What=disk)
    for one in (probe, SystemdProbe(SystemdOptions(), memory=json.loads(json.dumps(probe.memory())))):
        back = await look(one)
        assert (back.condition, back.type, back.facts["source_gone"]) == (Condition.UNHEALTHY, "mount_missing", False)
        assert back.rule.unhealthy_seconds >= 60, "whoever puts a disk back mounts it a moment later"
    assert (await look(probe, ActiveState="active")).condition is Condition.HEALTHY
    later = {"InactiveEnterTimestampMonotonic": "12000000"}
    assert (await look(probe, **later)).condition is Condition.HEALTHY, "a person unmounted it later"
    assert (await look(probe, **later, What=disk)).condition is Condition.HEALTHY, "and took the disk away"
    by_hand = await look(
        SystemdProbe(SystemdOptions(), memory=probe.memory() | {"x": 5, " mounts": 7}), FragmentPath=""
    )
    assert by_hand.condition is Condition.HEALTHY


@pytest.mark.parametrize(
    ("shown", "type_"),
    [
        ({}, "mount_missing"),
        ({"What": "/dev/disk/by-uuid/none-such"}, "unit_failed"),
        ({"What": "nas:/data"}, "mount_missing"),
        (
            {"FragmentPath": "/etc/systemd/system/srv-data.mount", "WantedBy": "", "RequiredBy": "x.target"},
            "mount_missing",
        ),
        ({"WantedBy": ""}, ""),  # noauto
        ({"WantedBy": "", "RequiredBy": "shop.service"}, ""),
        ({"TriggeredBy": "srv-data.automount"}, ""),
        ({"Job": "712"}, ""),  # still waiting for its device
        ({"FragmentPath": "/lib/systemd/system/srv-data.mount"}, ""),
        ({"ConditionTimestampMonotonic": "3000000"}, ""),
    ],
)
async def test_what_was_never_mounted_since_the_boot_is_told_where_somebody_wants_it(
    shown: dict[str, str], type_: str
) -> None:
    found = await SystemdProbe(SystemdOptions())._verdict({**NEVER, **shown})
    assert found.type == type_
    assert found.condition is (Condition.UNHEALTHY if type_ else Condition.HEALTHY)
    assert not type_ or found.rule.unhealthy_seconds >= 60, "a line of fstab is written a moment before it is mounted"


@pytest.fixture
def dead_mount(tmp_path: Path) -> Iterator[Path]:
    """A FUSE file system whose program is gone."""
    point = tmp_path / "nas"
    point.mkdir()
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        pytest.skip("no /dev/fuse here, or no root")
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    failed = libc.mount(b"nas", bytes(point), b"fuse", 0, options)
    os.close(device)
    if failed:
        pytest.skip(f"mounting is not allowed here: {os.strerror(ctypes.get_errno())}")
    try:
        yield point
    finally:
        libc.umount2(bytes(point), 2)  # MNT_DETACH


async def test_a_mount_without_its_program_is_told_and_over_when_it_is_gone(
    dead_mount: Path, watching: Any, tmp_path: Path
) -> None:
    table = tmp_path / "mounts"
    table.write_text(
        f"nas {dead_mount} fuse rw 0 0\nnone /proc fuse.x rw 0 0\nnone /run/user/7/gvfs fuse.y rw\n/dev/a / ext4 rw\n"
        "systemd-1 /net autofs rw\nnas:/b /net/b nfs4 rw\n"
    )
    asked: set[str] = set()

    def ask(point: str) -> None:
        asked.add(point)
        os.statvfs(point)

    async with watching(MountsProbe(MountsOptions(every_seconds=0.2), table, ask)) as watched:
        event = await watched.see(None, "node_online", "mount_stale", seconds=60)
        assert event.payload["mount"] == str(dead_mount)
        assert event.payload["reason"] == "the program behind it has ended"
        assert asked == {str(dead_mount), "/proc"}, "none of a session, none that is mounted on demand"
        table.write_text("")
        await watched.see(None, "node_online", "mount_stale", "service_recovered", seconds=60)


async def test_a_mount_that_hangs_is_told_and_asked_once_only(tmp_path: Path) -> None:
    table, released, asked = tmp_path / "mounts", threading.Event(), []
    table.write_text("nas:/a /srv/nas nfs4 rw 0 0\n")

    def hang(point: str) -> None:
        asked.append(point)
        released.wait()

    probe = MountsProbe(MountsOptions(timeout_seconds=0.05), table, hang)
    try:
        for _ in range(3):
            (found,) = await probe.check(None)
            assert (found.condition, found.type) == (Condition.UNHEALTHY, "mount_stale")
            assert "has not answered" in found.facts["reason"]
        await wait_for(lambda: asked, 30, "the one who asks has begun")
        assert asked == ["/srv/nas"]
    finally:
        released.set()
    await wait_for(lambda: not probe._under_way, 30, "the answer")
    probe._options = MountsOptions(timeout_seconds=60)
    (found,) = await probe.check(None)
    assert found.condition is Condition.HEALTHY
    assert await MountsProbe(MountsOptions(ignore=("/srv/*",)), table, hang).check(None) == []


def test_what_is_known_of_a_mount_without_asking_it(tiny_disk: Path, tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(f"# tmpfs {tiny_disk} tmpfs\n\nLABEL=none-such\t{tiny_disk}/\text4\tdefaults 0 2\n")

    def found(type_: str, **facts: Any) -> dict[str, Any]:
        asked = Question(type_, facts, time.monotonic() + 60)
        assert mount.fits(asked)
        return mount.look(asked, fstab)

    with (tiny_disk / "open").open("w"):
        here = found("mount_stale", mount=str(tiny_disk))
    assert here.pop("open_by") == [{"pid": os.getpid(), "program": here_program(), "files": 1}]
    assert here == {
        **{"point": str(tiny_disk), "is_mounted": True, "stale": True, "declared_in": "fstab"},
        **{"source": "LABEL=none-such", "source_there": False},
    }
    away = found("mount_missing", mount=str(tmp_path), source="/dev/null")
    assert away == {
        **{"point": str(tmp_path), "is_mounted": False, "stale": False, "source": "/dev/null", "source_there": True}
    }
    assert not mount.fits(Question("unit_failed", {"unit": "web.service"}, FOREVER))
    assert not mount.fits(Question("mount_stale", {"mount": "/x"}, FOREVER, host_files=False))


def here_program() -> str:
    return Path("/proc/self/comm").read_text().strip()


@pytest.mark.parametrize(
    ("source", "kind", "device", "server"),
    [
        ("/dev/sdb1", "ext4", "/dev/sdb1", None),
        ('UUID="8f3-a"', "ext4", "/dev/disk/by-uuid/8f3-a", None),
        ("PARTLABEL=data", "xfs", "/dev/disk/by-partlabel/data", None),
        ("/srv/images/a.img", "ext4", "/srv/images/a.img", None),
        ("nas:/volume1/data", "nfs4", "", ("nas", 2049)),
        ("[fd00::1]:/data", "nfs", "", ("fd00::1", 2049)),
        ("//nas.lan/data", "cifs", "", ("nas.lan", 445)),
        ("me@nas:/data", "fuse.sshfs", "", None),
        ("tmpfs", "tmpfs", "", None),
    ],
)
def test_where_a_file_system_comes_from(source: str, kind: str, device: str, server: tuple[str, int] | None) -> None:
    assert (mount.device_of(source), mount.server_of(source, kind)) == (device, server)
