"""A Docker engine of the test session's own, started by hand as root in a private folder. Touches no other engine.

One of them has docker0 and the firewall, unless an engine of the machine keeps these. All others have a bridge of their
own and leave the firewall alone, because a starting dockerd empties the chains that all engines share. Published ports
on loopback work all the same; containers then reach nothing outside. What a killed engine left on docker0 goes first.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

from parts import daemon
from parts.containerd import OwnContainerd
from parts.require import missing, require

IN_MEMORY = "mendmesh-engine-of-"  # and the process id of its session: the name of the mount
MEMORY_BYTES = 8 * 1024**3  # three engines with the product's images take some three


class OwnEngine:
    """`start()`, then `host`; `restart()` as an upgrade does; `stop()` leaves no process, mount, bridge or file.

    `takes_docker0`, and the firewall, where no other engine has them; else it leaves both to one that may start later.
    `live_restore`: its containers outlive it.
    """

    def __init__(self, *, takes_docker0: bool = False, live_restore: bool = False) -> None:
        self._takes_docker0 = takes_docker0
        self._more = ("--live-restore",) if live_restore else ()
        self.folder = Path(tempfile.mkdtemp(prefix="mendmesh-engine-"))
        self.host = f"unix://{self.folder}/docker.sock"
        self.bridge = ""
        self._network: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._containerd = OwnContainerd(self.folder, _dies_with_us())

    def start(self) -> None:
        """Wait until its socket answers; skips (or fails, in CI) with the end of the engine's log."""
        if self._takes_docker0 and not _another_engine():
            remove_ports_of("docker0")
        else:
            self._network = self._own_bridge()
        remove_what_killed_sessions_left()
        self._keep_data()
        self._containerd.start()
        self._launch()

    def restart(self) -> None:
        """End it, with what it runs, and start it anew over the same data."""
        self._end()
        self._launch()

    def _keep_data(self) -> None:
        """In memory where there is enough: nothing of it outlives the session, and a disk takes half a minute to forget
        what two images have unpacked there."""
        if psutil.virtual_memory().available > MEMORY_BYTES:
            data = self.folder / "data"
            data.mkdir()
            mount = ["mount", "-t", "tmpfs", f"{IN_MEMORY}{os.getpid()}", str(data)]
            subprocess.run(mount, capture_output=True, check=False)

    def _launch(self) -> None:
        dockerd = require("dockerd", "apt-get install docker.io")
        command = [
            *_dies_with_us(),
            dockerd,
            *("--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")),
            *("--pidfile", str(self.folder / "pid"), "--host", self.host, *self._network, *self._more),
            *("--containerd", self._containerd.address),
        ]
        self._process = daemon.start(command, self.folder / "log")
        if not daemon.is_up(self._process, self._answers):
            end = self._log()[-2000:]
            self.stop()
            missing("a dockerd that starts here", f"see the end of its log:\n{end}")

    def stop(self) -> None:
        """Containers must be gone already: dockerd gives each of them 10 s otherwise. What outlives it ends here."""
        self._end()
        self._containerd.stop()
        if self.bridge:
            subprocess.run(["ip", "link", "delete", self.bridge], check=False)
        _remove(self.folder)

    def _end(self) -> None:
        if self._process is not None:
            daemon.end(self._process)

    def _answers(self) -> bool:
        return (self.folder / "docker.sock").exists() and "API listen" in self._log()

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _own_bridge(self) -> list[str]:
        ip = require("ip", "apt-get install iproute2")
        used = subprocess.run([ip, "-4", "route"], capture_output=True, text=True, check=True).stdout
        for number in (n for n in range(1, 255) if f"10.213.{n}." not in used):
            added = _add_bridge(ip, f"mendmesh{number}")
            if "File exists" not in added.stderr:  # another one took the same number at the same moment
                break
        if added.returncode:
            shutil.rmtree(self.folder)
            missing("the right to make a network bridge", f"run as root with all capabilities ({added.stderr.strip()})")
        self.bridge = f"mendmesh{number}"
        subprocess.run([ip, "address", "add", f"10.213.{number}.1/24", "dev", self.bridge], check=True)
        subprocess.run([ip, "link", "set", self.bridge, "up"], check=True)
        return ["--bridge", self.bridge, "--iptables=false"]


def engines_are_ours() -> bool:
    """Do these tests start engines of their own? Else they have one: the one at DOCKER_HOST, or the machine's."""
    return not os.environ.get("DOCKER_HOST") and os.geteuid() == 0


def _another_engine() -> bool:
    """Does one have docker0? One that has ended leaves it behind; ours takes that over, as its own next start would."""
    if not Path("/sys/class/net/docker0").exists():
        return False
    running = [process.info for process in psutil.process_iter(["name", "cmdline"])]
    return any(one["name"] == "dockerd" and "--bridge" not in (one["cmdline"] or ()) for one in running)


def _add_bridge(ip: str, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ip, "link", "add", name, "type", "bridge"], capture_output=True, text=True, check=False)


def remove_ports_of(bridge: str) -> None:
    """The cables to containers of an engine that was killed: their namespaces live on, mounted, and answer for their
    addresses, which the next engine gives out anew. What it publishes is then now and then answered by a dead one."""
    ip = require("ip", "apt-get install iproute2")
    found = subprocess.run([ip, "-json", "link", "show", "master", bridge], capture_output=True, text=True, check=False)
    for port in json.loads(found.stdout or "[]"):  # nothing, when there is no such bridge
        subprocess.run([ip, "link", "delete", port["ifname"]], check=True)


def _dies_with_us() -> list[str]:
    """A killed pytest must not leave an engine behind; setpriv is part of util-linux, everywhere on Debian."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def remove_what_killed_sessions_left() -> None:
    """Their engines' data would stay in memory."""
    for source, point in (line.split()[:2] for line in Path("/proc/self/mounts").read_text().splitlines()):
        session = source.removeprefix(IN_MEMORY)
        if session != source and not psutil.pid_exists(int(session)):
            _remove(Path(point).parent)


def _remove(folder: Path) -> None:
    for process in _outlived(folder):
        with suppress(psutil.NoSuchProcess):  # a shim ends with what it runs
            process.kill()
    for mount in sorted(_mounts_under(folder), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)
    shutil.rmtree(folder, ignore_errors=True)


def _outlived(folder: Path) -> list[psutil.Process]:
    """The shims of an engine that has ended, and what they run: some versions cannot end what they found restored."""
    shims = [one for one in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(one.info["cmdline"] or ())]
    return [one for shim in shims for one in (*shim.children(recursive=True), shim)]


def _mounts_under(folder: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [point for line in lines if (point := line.split()[1]).startswith(f"{folder}/")]
