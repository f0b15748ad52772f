"""Hosts that Ansible can really reach over ssh, on loopback, with throwaway keys. Never a host of anyone's."""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mesh_core.testing import Patience, free_port
from parts import images
from parts.engine import Engine
from parts.report import timed
from parts.require import require

UP_WITHIN_SECONDS = 60.0
UP = ("running", "degraded")
ENDING = ("deactivating", "reloading")  # its process is gone, and systemd is not done with it
HOW_CLIENT = "apt-get install openssh-client"
HOW_SERVER = "apt-get install openssh-server"


@dataclass(frozen=True)
class SshNode:
    """Where and how: `user`@`host`:`port` with the private key in the file `key`; its host key is in `known_hosts`."""

    host: str
    port: int
    user: str
    key: Path
    known_hosts: Path
    python: str

    @property
    def inventory_vars(self) -> Mapping[str, str | int]:
        """What an Ansible inventory says of this host. Host keys are checked."""
        return {
            "ansible_host": self.host,
            "ansible_port": self.port,
            "ansible_user": self.user,
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": " ".join(self._options()),
            "ansible_python_interpreter": self.python,
        }

    def ssh(self, *command: str, timeout: float = 120, check: bool = True) -> str:
        """stdout of a command over ssh (joined by spaces there, as ssh does)."""
        done = subprocess.run(
            ["ssh", "-p", str(self.port), "-i", str(self.key), *self._options(), f"{self.user}@{self.host}", *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"ssh {' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _options(self) -> Sequence[str]:
        # -F none: whatever this user's own ssh configuration says must not matter
        strict = ("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "StrictHostKeyChecking=yes")
        return ("-F", "none", *strict, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30")


@dataclass(frozen=True)
class SystemdNode(SshNode):
    """A container with systemd as process 1 and a unit `web` that can be made sick; `name` is the container."""

    name: str = ""
    engine: Engine = field(repr=False, kw_only=True)

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        """stdout of systemctl in the node, without ssh."""
        return self.engine.enter(self.name, "systemctl", *arguments, check=check)

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Properties of a unit, such as ActiveState, NRestarts, ExecMainStatus."""
        listing = self.systemctl("show", unit, *(f"--property={name}" for name in properties))
        return dict(line.split("=", 1) for line in listing.splitlines())

    def install_unit(self, name: str, text: str) -> None:
        """Write /etc/systemd/system/<name> and reload; starting it is the test's affair."""
        self.engine.enter(self.name, "sh", "-c", f"cat > /etc/systemd/system/{name}", stdin=text)
        self.systemctl("daemon-reload")

    def wait_until_up(self) -> None:
        """Until its systemd has started what belongs to a boot, and ssh answers."""
        patience = Patience(UP_WITHIN_SECONDS)
        # It waits there: asked each tenth of a second, the engine would be busy with the asking.
        while (state := self.systemctl("is-system-running", "--wait", check=False).strip()) not in UP:
            if patience.over():
                raise AssertionError(f"systemd in {self.name} is {state!r} after {patience}")
            time.sleep(0.1)
        _wait_for_ssh(self)

    def fail(self, unit: str = "web") -> None:
        """As a crash would: SIGKILL to the unit's process. Returns when systemd has noticed."""
        before = self.show(unit, "MainPID")["MainPID"]
        self.systemctl("kill", "--signal=KILL", unit)
        patience = Patience(60)
        while (now := self.show(unit, "MainPID", "ActiveState"))["MainPID"] == before or now["ActiveState"] in ENDING:
            if patience.over():
                raise AssertionError(f"{unit} on {self.name} outlived a SIGKILL by {patience}")
            time.sleep(0.02)


@pytest.fixture(scope="session")
def ssh_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshNode]:
    """An sshd of the session's own on 127.0.0.1, into this very machine as this very user: for what Docker's host runs.

    Its Python is the tests' own, so Ansible's Docker modules find what they need.
    """
    with local_sshd(tmp_path_factory.mktemp("ssh-node")) as node:
        yield node


@contextmanager
def local_sshd(folder: Path) -> Iterator[SshNode]:
    """One more of them, with keys of its own in `folder`."""
    sshd = require("sshd", HOW_SERVER)
    with timed("ssh node") as words:
        key = new_key(folder / "key")
        host_key = new_key(folder / "host_key")
        port = free_port()
        (folder / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key.with_suffix('.pub').read_text()}")
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {host_key}\nPidFile none\n"
            f"AuthorizedKeysFile {folder / 'authorized_keys'}\nStrictModes no\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nUsePAM no\n"
            "MaxStartups 100\nMaxSessions 100\nSubsystem sftp internal-sftp\nKexAlgorithms curve25519-sha256\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it refuses to start without
        log = (folder / "log").open("wb")
        process = subprocess.Popen(
            [sshd, "-D", "-e", "-f", str(folder / "sshd_config")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        log.close()
        try:
            node = SshNode(
                "127.0.0.1", port, pwd.getpwuid(os.geteuid()).pw_name, key, folder / "known_hosts", sys.executable
            )
            _wait_for_ssh(node)
        except BaseException:
            process.kill()
            process.wait()
            print((folder / "log").read_text(errors="replace")[-2000:], file=sys.stderr)
            raise
        words.append(f"sshd on 127.0.0.1 as {node.user}")
    try:
        yield node
    finally:
        process.terminate()
        process.wait(300)


@pytest.fixture(scope="session")
def systemd_node(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdNode]:
    """A node of the session: root over ssh, real units, a real journal. One for all tests: put back what you broke."""
    with systemd_container(engine, tmp_path_factory.mktemp("systemd-node")) as node:
        yield node


@contextmanager
def systemd_container(engine: Engine, folder: Path, options: Sequence[str] = ()) -> Iterator[SystemdNode]:
    """A node of your own, for what changes it for good. `options` go to docker run; keys are made in `folder`."""
    require("ssh", HOW_CLIENT)
    key = new_key(folder / "key")
    with timed("systemd node") as words:
        image = images.node_image(engine)
        name = engine.run(
            image,
            name=f"mm-node-{secrets.token_hex(4)}",
            options=[
                *(
                    "--cap-add",
                    "SYS_ADMIN",
                    "--security-opt",
                    "seccomp=unconfined",
                    "--security-opt",
                    "apparmor=unconfined",
                ),
                *("--cgroupns=private", "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"),
                *("--device", "/dev/fuse"),  # for a file system whose program dies
                *("-p", f"127.0.0.1:{free_port()}:22"),  # a port that it has after a restart, too
                *options,
            ],
        )
        try:
            node = _reachable(engine, name, key, folder / "known_hosts")
            words.append(node.ssh("systemctl --version").splitlines()[0])
        except BaseException:
            print(engine.logs(name)[-2000:], file=sys.stderr)
            engine.rm(name)
            raise
    try:
        yield node
    finally:
        engine.rm(name)


def _reachable(engine: Engine, name: str, key: Path, known_hosts: Path) -> SystemdNode:
    public = key.with_suffix(".pub").read_text()
    engine.enter(name, "sh", "-c", "install -d -m 700 /root/.ssh && cat > /root/.ssh/authorized_keys", stdin=public)
    port = engine.port(name, 22)
    host_key = engine.enter(name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    known_hosts.write_text(f"[127.0.0.1]:{port} {host_key}")
    node = SystemdNode("127.0.0.1", port, "root", key, known_hosts, "/usr/bin/python3", name, engine=engine)
    node.wait_until_up()
    return node


def _wait_for_ssh(node: SshNode) -> None:
    require("ssh", HOW_CLIENT)
    patience = Patience(UP_WITHIN_SECONDS)
    while True:
        try:
            node.ssh("true")
            return
        except (AssertionError, subprocess.TimeoutExpired):
            if patience.over():
                raise
            time.sleep(0.1)


def new_key(path: Path) -> Path:
    """A fresh private key in that file, its public half beside it."""
    keygen = require("ssh-keygen", HOW_CLIENT)
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", "mendmesh-test", "-f", str(path)], check=True)
    return path
