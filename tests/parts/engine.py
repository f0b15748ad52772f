"""A Docker engine through its command-line client: thin, synchronous, tidy. Starts no engine."""

from __future__ import annotations

import functools
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import quote

LABEL = "mendmesh-test"
INSIDE = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


class DockerFailed(AssertionError):
    """A docker command of a test ended badly; the message has its words."""


class Engine:
    """One engine. `host` is what DOCKER_HOST wants, `env` a whole environment for child processes that talk to it."""

    def __init__(self, host: str, client: str, api_version: str | None = None) -> None:
        self.host = host
        self.client = client
        self.has_networks = True  # do containers of one network reach each other?
        self.restart: Callable[[], None] | None = None  # with all that it runs; only where it is ours alone
        self._processes: dict[str, tuple[str, int]] = {}
        self.session = f"{os.getpid()}-{secrets.token_hex(3)}"
        self.env = {**os.environ, "DOCKER_HOST": host, "DOCKER_BUILDKIT": "01"[has_buildkit(client)]}
        self.env.pop("DOCKER_CONTEXT", None)
        if shutil.which("docker") != client:  # a script of ours takes the same one
            self.env["PATH"] = f"{Path(client).parent}:{os.environ['PATH']}"
        if api_version:
            self.env["DOCKER_API_VERSION"] = api_version
        self.version = self.docker("version", "--format", "{{.Server.Version}}", timeout=60).strip()

    def docker(self, *arguments: str, stdin: str | None = None, timeout: float = 120, check: bool = True) -> str:
        """Any docker command; returns stdout, raises DockerFailed with stderr (unless `check` is False)."""
        done = subprocess.run(
            [self.client, *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=self.env,
            check=False,
        )
        if check and done.returncode:
            raise DockerFailed(f"docker {' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def run(self, image: str, *command: str, name: str | None = None, options: Sequence[str] = ()) -> str:
        """Start a container in the background and return its name; removed at the end of the session at the latest."""
        name = name or f"mm-{secrets.token_hex(4)}"
        self.docker("run", "-d", "--name", name, "--label", f"{LABEL}={self.session}", *options, image, *command)
        return name

    def exec(self, name: str, *command: str, stdin: str | None = None, check: bool = True) -> str:
        """stdout of a command in the container."""
        flags = ["-i"] if stdin is not None else []
        return self.docker("exec", *flags, name, *command, stdin=stdin, check=check)

    def enter(self, name: str, *command: str, stdin: str | None = None, check: bool = True) -> str:
        """The same as root, unseen by the engine: where it runs here, entering it takes 3 ms of processor, not 76."""
        process = self._process_of(name)
        if not process:
            return self.exec(name, *command, stdin=stdin, check=check)
        command = ("nsenter", f"--target={process}", "--mount", "--uts", "--ipc", "--net", "--pid", "--", *command)
        with TemporaryFile("w+", errors="replace") as out, TemporaryFile("w+", errors="replace") as err:
            # No pipes: what it leaves running there would keep them open.
            given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
            done = subprocess.run(
                command, stdout=out, stderr=err, text=True, timeout=120, env=INSIDE, check=False, **given
            )
            for told in (out, err):
                told.seek(0)
            if check and done.returncode:
                raise DockerFailed(f"{' '.join(command)}: exit {done.returncode}: {err.read().strip()}")
            return out.read()

    def _process_of(self, name: str) -> int:
        """The first one of a running container that runs on this very machine, where we are root; else 0."""
        identity, process = self._processes.get(name, ("", 0))
        if not _belongs(process, identity) and os.geteuid() == 0 and shutil.which("nsenter"):
            found = self.inspect(name)
            identity, process = self._processes[name] = str(found["Id"]), int(found["State"]["Pid"])
        return process if _belongs(process, identity) else 0

    def rm(self, *names: str) -> None:
        """Remove containers with their anonymous volumes, running or not, there or not."""
        if names:
            self.docker("rm", "--force", "--volumes", *names, check=False)

    def inspect(self, name: str) -> dict[str, Any]:
        """What the engine knows of a container (or image); DockerFailed when it does not exist."""
        if told := self._told_of(name):
            return told
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", name))
        return found[0]

    def _told_of(self, container: str) -> dict[str, Any]:
        """By its socket where it has one: a start of the client is 35 ms of processor, and tests ask until it is so."""
        if not self.host.startswith("unix://"):
            return {}
        with closing(HTTPConnection("engine", timeout=120)) as asked:
            asked.sock = socket.socket(socket.AF_UNIX)
            asked.sock.settimeout(asked.timeout)
            asked.sock.connect(self.host.removeprefix("unix://"))
            asked.request("GET", f"/containers/{quote(container, safe='')}/json")
            answer = asked.getresponse()
            told: dict[str, Any] = json.loads(answer.read()) if answer.status == HTTPStatus.OK else {}
        return told

    @property
    def gateway(self) -> str:
        """The host's address on the engine's own bridge."""
        told = self.docker("network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}")
        config: dict[str, str] = json.loads(told)
        # An engine that made its bridge in this very life names no gateway; it takes the first address.
        return config.get("Gateway") or str(ip_network(config["Subnet"])[1])

    def health(self, name: str) -> str:
        """`starting`, `healthy`, `unhealthy`, or `none` without a health check."""
        return str(self.inspect(name)["State"].get("Health", {}).get("Status", "none"))

    def started_at(self, name: str) -> str:
        """When its process started: differs after each restart."""
        return str(self.inspect(name)["State"]["StartedAt"])

    def port(self, name: str, inside: int) -> int:
        """The loopback port that a container's port was published on."""
        return int(self.docker("port", name, str(inside)).splitlines()[0].rpartition(":")[2])

    def logs(self, name: str) -> str:
        """What the container wrote, stdout and stderr."""
        command = [self.client, "logs", name]
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.env, timeout=300, check=True
        ).stdout

    def events(self, name: str, *kinds: str, since: float) -> list[dict[str, Any]]:
        """What happened to a container between `since` (UNIX time) and now, as the engine wrote it down.

        `kinds`: die, start, restart, oom, health_status, ...; all of them when none is given. Counting `restart`
        here is the way to show that something was restarted exactly once.
        """
        filters = [part for kind in kinds for part in ("--filter", f"event={kind}")]
        span = ["--since", f"{since:.6f}", "--until", f"{time.time():.6f}"]
        lines = self.docker("events", *span, "--filter", f"container={name}", *filters, "--format", "{{json .}}")
        return [json.loads(line) for line in lines.splitlines()]

    def has_image(self, tag: str) -> bool:
        return bool(self.docker("images", "-q", tag).strip())

    def remove_labelled(self, label: str) -> None:
        """Containers, networks and volumes with that label (`name=value`), running or not."""
        labelled = ("--filter", f"label={label}")
        self.rm(*self.docker("ps", "-aq", *labelled).split())
        for kind in ("network", "volume"):
            for found in self.docker(kind, "ls", "-q", *labelled).split():
                self.docker(kind, "rm", found, check=False)


def _belongs(process: int, container: str) -> bool:
    """Is it, and not another one by that number, in that container?"""
    with suppress(OSError):
        return process > 0 and container in Path(f"/proc/{process}/cgroup").read_text()
    return False


def engine_at(host: str) -> Engine | None:
    """The engine that answers there, with a client and an API version that it understands; None if none does.

    A client can be too new for an engine (29 asks for API 1.44 at least, Debian 12's engine 20.10 speaks 1.41), so
    the next client on the machine is tried, and each also with the engine's own version. First those with BuildKit.
    """
    found = (path for path in (shutil.which("docker"), "/usr/bin/docker") if path and Path(path).exists())
    for client in sorted(dict.fromkeys(found), key=has_buildkit, reverse=True):
        for version in (os.environ.get("DOCKER_API_VERSION"), "1.41"):
            try:
                return Engine(host, client, version)
            except (DockerFailed, subprocess.TimeoutExpired):
                continue
    return None


@functools.cache
def has_buildkit(client: str) -> bool:
    """BuildKit keeps no layer of what another stage only copies from: it builds our images for half of what the old
    builder takes an engine. A client since 23 needs a plugin for it."""
    with_plugin = subprocess.run([client, "buildx", "version"], capture_output=True, check=False).returncode == 0
    told = subprocess.run([client, "--version"], capture_output=True, text=True, check=False).stdout
    return with_plugin or bool(re.search(r"version (18\.09|19|20)\.", told))
