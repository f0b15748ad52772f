"""What is at work on the host while trouble is there: real processes, a real lock, and the words of others."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mesh_core.incidents.at_work import WorkKind, hold_on
from mesh_core.models.events import Severity
from mesh_core.testing import free_port, until, wait_for
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.investigation.gathering import EvidenceGatherer
from node_agent.probes.tcp import TcpOptions, TcpProbe
from node_agent.work.declared import declared_at
from node_agent.work.deployments import deployment_by, pulled_at
from node_agent.work.host import HostSnapshot, Process, look_around
from node_agent.work.options import WorkOptions
from node_agent.work.people import people_at
from node_agent.work.programs import without_interpreter, work_of
from node_agent.work.rebuilds import rebuilds_in
from node_agent.work.subject import Subject, subject_of
from node_agent.work.watch import WorkWatch

NO_ENGINE = "unix:///nowhere/docker.sock"


def result(service: str = "shop", **facts: Any) -> CheckResult:
    return CheckResult(
        f"x:{service}", service, Condition.UNHEALTHY, ConfirmationRule(), "unit_failed", Severity.ERROR, facts
    )


def at_work(options: WorkOptions, about: CheckResult | None = None, engine: str = NO_ENGINE) -> list[tuple[str, str]]:
    found = asyncio.run(WorkWatch(options, engine).look(about or result()))
    return [(row["kind"], row["what"]) for row in found["at_work"]]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host is looked at for as long as a busy machine needs."""
    monkeypatch.setattr("node_agent.work.watch.LOOK_SECONDS", 60.0)


@pytest.fixture
def host(tmp_path: Path, patient: None) -> Path:
    """Its processes are the real ones, its files are ours."""
    (tmp_path / "proc").symlink_to("/proc")
    (tmp_path / "dev").symlink_to("/dev")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(f"ann:x:{os.getuid()}:0::/:/bin/sh\n")
    return tmp_path


@contextmanager
def program(folder: Path, name: str, *arguments: str, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process of that name that waits."""
    path = folder / name
    path.write_text("#!/bin/sh\nread _\n")
    path.chmod(0o755)
    with subprocess.Popen([path, *arguments], stdin=more.pop("stdin", subprocess.PIPE), **more) as process:
        until(lambda: Path(f"/proc/{process.pid}/comm").read_text().strip() == name[:15], 10, f"{name} runs")
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("apt-get -y upgrade", ("packages", "apt-get upgrade")),
        ("perl -T /usr/sbin/qm snapshot 100 before", ("backup", "qm snapshot")),
        ("qm list", None),
        ("/usr/bin/apt-get update", None),
        ("apt list --upgradable", None),
        ("/usr/bin/python3 /usr/bin/unattended-upgrade", ("packages", "unattended-upgrade")),
        ("/usr/bin/python3 /usr/share/unattended-upgrades/unattended-upgrade-shutdown --wait-for-signal", None),
        ("/usr/bin/python3.11 -s /usr/bin/dnf upgrade --refresh", ("packages", "dnf upgrade")),
        ("pacman -Syu", ("packages", "pacman -Syu")),
        ("pacman -Ss nginx", None),
        ("dpkg -l", None),
        ("restic -r /mnt/b backup /srv", ("backup", "restic backup")),
        ("restic mount /mnt", None),
        ("rclone serve webdav remote:", None),
        ("/usr/bin/rclone sync /srv remote:srv", ("backup", "rclone sync")),
        ("/bin/sh /usr/local/bin/borgmatic create", ("backup", "borgmatic")),
        ("rsync --daemon --no-detach", None),
        ("rsync -a /srv /backup", ("backup", "rsync")),
        ("pg_dump shop", ("backup", "pg_dump")),
        ("btrfs scrub start -B /", ("disk_check", "btrfs scrub")),
        ("btrfs filesystem usage /", None),
        ("sh -c apt-get", None),
        ("nginx -g daemon", None),
        ("", None),
    ],
)
def test_a_program_works_if_what_it_was_told_changes_something(words: str, told: tuple[str, str] | None) -> None:
    assert work_of(without_interpreter(words.split())) == told


@pytest.fixture
def twin(tmp_path: Path, patient: None) -> Path:
    """A host whose processes are ours as well: a real apt-get would hold what others try on this machine."""
    (tmp_path / "proc").mkdir()
    return tmp_path


def process(host: Path, pid: int, words: str, *, comm: str, nested: bool = False, parent: int = 1) -> None:
    """It started five minutes after the kernel's clock."""
    folder = host / "proc" / str(pid)
    folder.mkdir()
    ticks = 300 * os.sysconf("SC_CLK_TCK")
    (folder / "stat").write_text(f"{pid} ({comm}) S {parent} 1 1 0 {' '.join(['0'] * 14)} {ticks} 0 0\n")
    (folder / "cmdline").write_bytes(words.replace(" ", "\0").encode() + b"\0")
    (folder / "status").write_text(f"Name:\t{comm}\nNSpid:\t{pid}{chr(9) + '7' if nested else ''}\n")


def test_what_the_host_does_is_at_work_and_what_its_containers_do_to_themselves_is_not(twin: Path) -> None:
    process(twin, 40, "/usr/bin/apt-get -y upgrade", comm="apt-get")
    process(twin, 41, "/usr/bin/dpkg --configure -a", comm="dpkg", nested=True)
    process(twin, 42, "/usr/bin/pg_dump shop", comm="pg_dump", nested=True)
    process(twin, 43, "/usr/bin/python3 /usr/bin/borg create repo::now /srv", comm="borg")
    process(twin, 44, "nginx: master process", comm="nginx")
    (twin / "proc/45").mkdir()  # it ended while we looked
    assert at_work(WorkOptions(host=twin)) == [
        ("packages", "apt-get upgrade"),
        ("backup", "pg_dump"),
        ("backup", "borg create"),
    ]


def test_a_process_began_when_it_did_by_the_clock_of_now() -> None:
    """Whatever /proc/stat says: it holds the start of a container, or the time before the clock was set."""
    before = time.time()
    with subprocess.Popen(["sleep", "600"]) as child:
        try:
            sight = look_around(Path("/"), lambda comm: comm == "sleep", time.monotonic() + 60)
            (began,) = [one.started for one in sight.processes if one.pid == child.pid]
            assert before - 2 <= began <= time.time() + 2
        finally:
            child.kill()


def test_whoever_holds_the_lock_of_a_package_manager_is_seen(host: Path) -> None:
    lock = host / "var/lib/dpkg/lock-frontend"
    lock.parent.mkdir(parents=True)
    lock.touch()
    options = WorkOptions(host=host)

    def packages() -> list[str]:
        return [what for kind, what in at_work(options) if kind == "packages" and "of dpkg" in what]

    assert not packages()
    with lock.open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        assert [what.partition(", ")[2] for what in packages()] == ["which holds the lock of dpkg,"]
    assert not packages()


def test_a_program_on_a_terminal_that_names_the_thing_is_a_persons_hand_on_it(host: Path) -> None:
    ours, theirs = pty.openpty()
    about, other = result("mm-hand.service", unit="mm-hand.service"), result("mail.service", unit="mail.service")
    options = WorkOptions(host=host)
    terminal = {"stdin": theirs, "start_new_session": True, "preexec_fn": lambda: _take(theirs)}
    name = os.ttyname(theirs).removeprefix("/dev/")
    with program(host, "nano", "/etc/mm-hand/shop.conf", **terminal):
        assert ("person", f"ann (nano on {name})") in at_work(options, about)
        assert not [row for row in at_work(options, other) if row[0] == "person"]
    with program(host, "journalctl", "-u", "mm-hand", **terminal):
        assert not [row for row in at_work(options, about) if row[0] == "person"]
    os.close(ours)
    os.close(theirs)


def _take(terminal: int) -> None:
    """As the terminal of this session."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def test_a_flag_declares_a_maintenance_since_it_was_written(host: Path) -> None:
    flag, written = host / "run/mendmesh/maintenance", time.time() - 3600
    flag.parent.mkdir(parents=True)
    flag.write_text("new disks\nand more\n")
    os.utime(flag, (written, written))
    (work,) = declared_at(host, Path("/run/mendmesh/maintenance"), time.time())
    assert (work.kind, work.what, round(work.since)) == (WorkKind.MAINTENANCE, "maintenance: new disks", round(written))


def test_a_flag_that_is_no_file_or_has_no_words_is_still_one_or_none(host: Path) -> None:
    flag = host / "run/mendmesh/maintenance"
    flag.parent.mkdir(parents=True)
    os.mkfifo(flag)
    assert list(declared_at(host, Path("/run/mendmesh/maintenance"), time.time())) == []
    flag.unlink()
    flag.touch()
    (work,) = declared_at(host, Path("/run/mendmesh/maintenance"), time.time())
    assert work.what == "maintenance"


@pytest.mark.parametrize(("minutes", "counts"), [(5, True), (300, False), (-5, False)])
def test_a_shutdown_counts_when_it_is_near(host: Path, minutes: int, counts: bool) -> None:
    folder, now = host / "run/systemd/shutdown", time.time()
    folder.mkdir(parents=True)
    (folder / "scheduled").write_text(f"USEC={int((now + 60 * minutes) * 1e6)}\nWARN_WALL=1\nMODE=reboot\n")
    found = list(declared_at(host, Path("/run/x"), now))
    assert [work.what for work in found] == (["a reboot has been scheduled"] if counts else [])


def test_who_may_not_log_in_meets_a_host_that_comes_or_goes(host: Path) -> None:
    (host / "run").mkdir()
    (host / "run/nologin").write_text("the system is going down")
    assert [work.kind for work in declared_at(host, Path("/run/x"), time.time())] == [WorkKind.SHUTDOWN]


MDSTAT = """Personalities : [raid1]
md1 : active raid1 sdb2[2] sda2[0]
      976630464 blocks super 1.2 [2/1] [U_]
      [==>..................]  recovery = 12.6% (123456/976630464) finish=127.5min speed=111234K/sec

md0 : active raid1 sda1[0] sdb1[1]
      1048576 blocks [2/2] [UU]

unused devices: <none>
"""


def test_an_array_that_is_rebuilt_says_since_when(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/mdstat").write_text(MDSTAT)
    (rebuild,) = rebuilds_in(tmp_path)
    assert rebuild.told == "md1: recovery, 12 % done,"
    assert 1000 < rebuild.seconds < 1200


SHOP = subject_of(
    result("blog.web", container="blog-web-1", image="shop:latest", compose={"project": "blog", "service": "web"})
)


@pytest.mark.parametrize(
    ("words", "folder", "age", "deploys"),
    [
        ("docker compose up -d", "/srv/blog", 5, "docker compose up"),
        ("docker compose up -d", "/srv/mail", 5, ""),
        ("docker compose up -d", "", 5, "docker compose up"),  # nobody may say where it works
        ("docker compose up", "/srv/blog", 5, "docker compose up"),
        ("docker compose up", "/srv/blog", 600, ""),  # it stays as long as they run
        ("docker compose down", "/srv/blog", 600, "docker compose down"),
        ("docker compose logs -f", "/srv/blog", 5, ""),
        ("docker-compose compose -p blog pull", "/", 5, "docker compose pull"),
        ("docker compose --project-name=mail pull", "/srv/blog", 5, ""),
        ("docker compose -f /srv/blog/compose.yml pull", "/", 5, "docker compose pull"),
        ("docker pull shop", "/", 5, "docker pull"),
        ("docker pull docker.io/library/shop:latest", "/", 5, "docker pull"),
        ("docker pull shop:2", "/", 5, ""),
        ("podman stop blog-web-1", "/", 5, "podman stop"),
        ("docker stop other", "/", 5, ""),
        ("docker logs -f blog-web-1", "/", 5, ""),
    ],
)
def test_a_command_deploys_what_it_is_about(words: str, folder: str, age: float, deploys: str) -> None:
    process = Process(1, tuple(words.split()), 1000.0 - age, "", 0, folder)
    assert deployment_by(process, SHOP, 1000.0) == deploys


def test_what_is_no_container_is_deployed_by_none_of_these() -> None:
    process = Process(1, ("docker", "compose", "up", "-d"), 0.0, "", 0, "/srv/blog")
    assert deployment_by(process, Subject(frozenset({"blog"})), 1.0) == ""


def test_a_pull_counts_until_the_container_is_made_of_it() -> None:
    pulls = [{"Actor": {"ID": "shop:latest"}, "timeNano": 50 * 10**9}, {"timeNano": "x"}, "odd", {"Actor": None}]
    assert pulled_at(pulls, "shop", 40.0) == 50.0
    assert pulled_at(pulls, "shop", 60.0) == 0.0
    assert pulled_at(pulls, "mail", 40.0) == 0.0


@pytest.mark.parametrize(
    ("path", "names"),
    [("/etc/nginx/nginx.conf", True), ("/etc/nginx-proxy/x", False), ("nginx", True), ("nginx.service", True)],
)
def test_a_thing_is_named_by_a_whole_part_of_a_word(path: str, names: bool) -> None:
    assert subject_of(result("nginx.service", unit="nginx.service")).is_named_in([path]) is names


@pytest.mark.parametrize(
    ("unit", "word", "names"),
    [
        ("wg-quick@wg0.service", "wg-quick@wg0", True),
        ("wg-quick@wg0.service", "/etc/systemd/system/wg-quick@wg0.service.d/override.conf", True),
        ("wg-quick@wg0.service", "/etc/systemd/system/wg-quick@.service", True),  # the template of all of them
        ("wg-quick@wg0.service", "wg-quick@wg1", False),
        ("wg-quick@wg0.service", "wg-quick@wg1.service", False),
        ("srv-media.mount", "srv-media.mount", True),
        ("srv-media.mount", "srv-photos.mount", False),
        ("backup.timer", "/etc/systemd/system/backup.timer", True),
        ("my.app.service", "my.app", True),
    ],
)
def test_an_instance_and_what_is_no_service_are_named_as_they_are(unit: str, word: str, names: bool) -> None:
    assert subject_of(result(unit, unit=unit)).is_named_in([word]) is names


@pytest.mark.parametrize(
    ("words", "folder", "in_hand"),
    [
        ("docker compose restart web", "/srv/blog", True),
        ("docker compose restart web", "/srv/mail", False),  # that of another project
        ("docker compose -p mail restart web", "/srv/blog", False),
        ("podman-compose -p blog restart web", "/", True),
        ("docker exec -it blog-web-1 sh", "/srv/mail", True),
        ("vim compose.yml", "/srv/blog", True),
    ],
)
def test_a_service_of_the_same_name_in_another_project_is_another_one(words: str, folder: str, in_hand: bool) -> None:
    process = Process(1, tuple(words.split()), 0.0, "pts/0", 0, folder)
    sight = HostSnapshot((process,), {}, {})
    found = [work.kind for work in people_at(Path("/nowhere"), sight, SHOP, 10.0)]
    assert found == (["person"] if in_hand else [])


def test_nobody_looks_where_it_is_switched_off() -> None:
    assert asyncio.run(WorkWatch(WorkOptions(enabled=False), NO_ENGINE).look(result())) == {}


async def test_each_announcement_says_what_is_at_work_by_then(host: Path, watching: Any) -> None:
    flag = host / "run/mendmesh/maintenance"
    flag.parent.mkdir(parents=True)
    flag.touch()
    probe = TcpProbe(TcpOptions(name="shop", host="127.0.0.1", port=free_port(), every_seconds=0.1))
    look = WorkWatch(WorkOptions(host=host), NO_ENGINE).look
    async with watching(probe, announce_seconds=0.2, evidence=EvidenceGatherer(at_work=look)) as watched:
        first = await watched.see("shop", "tcp_probe_failed")
        assert (hold := hold_on(first))
        assert hold.work.what == "maintenance"
        flag.unlink()
        await wait_for(lambda: any(not hold_on(e) for e in watched.announced), 20, "nothing at work any more")
        assert not any("at_work" in e.payload for e in watched.announced if not hold_on(e))


async def test_a_look_that_fails_or_hangs_holds_nothing_and_the_event_goes_out(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, about = WorkWatch(WorkOptions(host=host), NO_ENGINE), result("web", container="web", image="shop")
    monkeypatch.setattr(watch, "_pulls", [{"Actor": "odd", "timeNano": 1}])
    watch._look.at = time.monotonic()
    assert await watch.look(about) == {}
    watch._look.at = float("-inf")
    lasts = threading.Event()
    monkeypatch.setattr("node_agent.work.watch.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("node_agent.work.watch.look_around", lambda *_: lasts.wait(60) and HostSnapshot())
    assert await watch.look(about) == {"at_work": []}
    watch._look.at = float("-inf")
    assert await watch.look(about) == {"at_work": []}, "a second one does not begin beside it"
    lasts.set()
    await wait_for(lambda: not watch._thread.looks, 20, "it came back")
