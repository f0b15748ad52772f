"""Disk, memory, load, temperature: the real ones of this host, and limits against written-down ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mesh_core.models.events import Severity
from node_agent.checks.check_result import Condition
from node_agent.probe_base.thresholds import evaluate
from node_agent.probes.disk import DiskOptions, DiskProbe, local_mounts
from node_agent.probes.load import LoadOptions, LoadProbe
from node_agent.probes.memory import MemoryOptions, MemoryProbe
from node_agent.probes.temperature import TemperatureOptions, TemperatureProbe

LIMITS: dict[str, Any] = {"high": 90, "low": 85, "critical": 97}


@pytest.mark.parametrize(
    ("value", "condition", "severity"),
    [
        (84.9, Condition.HEALTHY, Severity.WARNING),
        (85.0, Condition.UNKNOWN, Severity.WARNING),
        (89.9, Condition.UNKNOWN, Severity.WARNING),
        (90.0, Condition.UNHEALTHY, Severity.WARNING),
        (97.0, Condition.UNHEALTHY, Severity.CRITICAL),
    ],
)
def test_between_low_and_high_nothing_is_decided(value: float, condition: Condition, severity: Severity) -> None:
    assert evaluate(value, MemoryOptions(**LIMITS)) == (condition, severity)


async def test_this_hosts_own_numbers_are_plausible() -> None:
    (memory,) = await MemoryProbe(MemoryOptions()).check(None)
    assert 0 < memory.facts["used_percent"] < 100
    (load,) = await LoadProbe(LoadOptions()).check(None)
    assert load.facts["cores"] == os.cpu_count()
    disks = await DiskProbe(DiskOptions()).check(None)
    assert disks
    for disk in disks:
        assert 0 <= disk.facts["used_percent"] <= 100
        assert Path(disk.facts["mount"]).exists()


async def test_a_disk_that_fills_up_and_is_emptied(tiny_disk: Path, tmp_path: Path, watching: Any) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"tiny {tiny_disk} ext4 rw,relatime 0 0\n")
    probe = DiskProbe(DiskOptions(**LIMITS, every_seconds=0.2), mounts)
    async with watching(probe) as watched:
        big = tiny_disk / "big"
        big.write_bytes(b"x" * 60 * 1024)
        event = await watched.see(None, "node_online", "disk_space_low")
        assert event.severity == Severity.WARNING
        assert event.payload["mount"] == str(tiny_disk)
        with big.open("ab") as more:
            more.write(b"x" * 4 * 1024)
        event = await watched.see(None, "node_online", "disk_space_low", "disk_space_low")
        assert event.severity == Severity.CRITICAL
        big.unlink()
        await watched.see(None, "node_online", "disk_space_low", "disk_space_low", "service_recovered")


def test_one_file_system_is_watched_once_and_network_mounts_never() -> None:
    table = "\n".join(
        [
            "/dev/sda1 / ext4 rw,relatime 0 0",
            "/dev/sda1 /var/lib/docker/btrfs ext4 rw 0 0",
            "/dev/sdb1 /mnt/my\\040disk xfs rw 0 0",
            "/dev/sdc1 /media/cd ext4 ro 0 0",
            "server:/x /nfs nfs4 rw 0 0",
            "tmpfs /run tmpfs rw 0 0",
            "/dev/sdd1 /boot/efi vfat rw 0 0",
            "short line",
        ]
    )
    rows = local_mounts(table, ("/boot/*",))
    assert [row[1] for row in rows] == ["/", "/mnt/my disk"]
    assert local_mounts("overlay / overlay rw 0 0\ntmpfs /tmp tmpfs rw 0 0") == [("overlay", "/", "overlay")]


async def test_memory_that_runs_out_names_the_biggest_processes(tmp_path: Path, watching: Any) -> None:
    meminfo = tmp_path / "meminfo"

    def available(kib: int) -> None:
        meminfo.write_text(f"MemTotal: 1000000 kB\nMemFree: 1 kB\nMemAvailable: {kib} kB\nHugePages: \n")

    available(50_000)
    probe = MemoryProbe(MemoryOptions(**LIMITS, every_seconds=0.1), meminfo)
    async with watching(probe) as watched:
        event = await watched.see(None, "node_online", "memory_low")
        assert event.payload["used_percent"] == 95
        biggest = event.payload["processes"]
        assert biggest == sorted(biggest, key=lambda row: -row["rss_mib"])
        assert biggest[0]["rss_mib"] > 0
        available(500_000)
        await watched.see(None, "node_online", "memory_low", "service_recovered")


async def test_load_per_core_is_what_counts(tmp_path: Path, watching: Any) -> None:
    loadavg = tmp_path / "loadavg"
    loadavg.write_text("1.0 10.0 3.0 1/100 5\n")
    many = LoadProbe(LoadOptions(), loadavg, cores=8)
    assert (await many.check(None))[0].condition is Condition.HEALTHY
    few = LoadProbe(LoadOptions(every_seconds=0.1), loadavg, cores=2)
    async with watching(few) as watched:
        event = await watched.see(None, "node_online", "load_high")
        assert event.payload["load"] == [1.0, 10.0, 3.0]
        assert isinstance(event.payload["processes"], list)


async def test_hot_sensors_are_found_where_the_kernel_shows_them(tmp_path: Path, watching: Any) -> None:
    chip = tmp_path / "class/hwmon/hwmon0"
    chip.mkdir(parents=True)
    (chip / "name").write_text("coretemp\n")
    (chip / "temp1_input").write_text("91000\n")
    (chip / "temp1_label").write_text("Package id 0\n")
    (chip / "temp2_input").write_text("-128000\n")
    probe = TemperatureProbe(TemperatureOptions(**LIMITS, every_seconds=0.1), tmp_path)
    async with watching(probe) as watched:
        event = await watched.see(None, "node_online", "temperature_high")
        assert event.payload == {
            "sensor": "coretemp/Package id 0",
            "device": "hwmon0",
            "celsius": 91.0,
            "opened_at": event.payload["opened_at"],
        }
    zones = tmp_path / "other"
    zone = zones / "class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text("50000\n")
    (result,) = await TemperatureProbe(TemperatureOptions(**LIMITS), zones).check(None)
    assert (result.facts["sensor"], result.condition) == ("cpu-thermal/thermal_zone0", Condition.HEALTHY)


@pytest.mark.parametrize("devices", [("nvme0", "nvme1"), ("nvme0", "nvme0"), ("", "")])
async def test_two_chips_of_one_name_are_two_sensors_and_say_which_is_which(
    tmp_path: Path, devices: tuple[str, str]
) -> None:
    """Drives and processors of one kind are all called alike; some sit on a device of their own, and say so."""
    for number, (device, millidegrees) in enumerate(zip(devices, ("92800", "41800"), strict=True)):
        chip = tmp_path / f"class/hwmon/hwmon{number}"
        chip.mkdir(parents=True)
        (chip / "name").write_text("nvme\n")
        (chip / "temp1_label").write_text("Composite\n")
        (chip / "temp1_input").write_text(millidegrees)
        if device:
            (tmp_path / device).mkdir(exist_ok=True)
            (chip / "device").symlink_to(tmp_path / device)
    hot, cool = await TemperatureProbe(TemperatureOptions(**LIMITS), tmp_path).check(None)
    assert (hot.condition, cool.condition) == (Condition.UNHEALTHY, Condition.HEALTHY)
    assert hot.facts["sensor"] == cool.facts["sensor"] == "nvme/Composite"
    assert hot.facts["device"] != cool.facts["device"]
    assert hot.key != cool.key
