"""How a run reaches its one host, and so what of this machine it needs to see: the key of that host, nobody else's.

Reads the run's own inventory and asks `ssh -G`, which resolves ssh's configuration without connecting anywhere.
"""

from __future__ import annotations

import base64
import binascii
import shlex
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import structlog
import yaml

log = structlog.get_logger()

ASK_SECONDS = 5.0
MAX_JUMPS = 4
MAX_KEY_BYTES = 64 * 1024
READS = "mend_run_reads"  # a host's variable: what else of this machine its runs may read
_KEY_VARIABLES = ("ansible_ssh_private_key_file", "ansible_private_key_file")
_ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_args", "ansible_ssh_extra_args")
_LOCAL = frozenset({"local", "ansible.builtin.local"})
_OVER_ENGINE = frozenset({"docker", "docker_api", "nsenter", "community.docker.docker", "community.docker.docker_api"})


@dataclass(frozen=True)
class HostAccess:
    """`local`: the host is this machine. `becomes`: its inventory asks for another user there (sudo).
    `files`: what there is to read for reaching it, an agent's or an engine's socket among it; absolute paths."""

    local: bool
    becomes: bool
    files: tuple[str, ...]


def host_access(inventory: bytes, node: str, environment: Mapping[str, str]) -> HostAccess:
    """`inventory` names this host alone (`Inventory.only`). Blocks for some 10 ms where ssh is asked."""
    variables = _variables(inventory)
    connections = [str(value) for value in variables.get("ansible_connection", ["ssh"])]
    becomes = any(str(value).lower() not in ("false", "no", "0", "") for value in variables.get("ansible_become", []))
    more = [str(path) for value in variables.get(READS, []) for path in (value if isinstance(value, list) else [value])]
    if any(connection in _LOCAL for connection in connections):
        return HostAccess(True, becomes, _absolute(more))
    files = list(_absolute(more))
    if any(connection in _OVER_ENGINE for connection in connections):
        files += [environment.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")]
    else:
        files += _ssh_files(node, variables, environment)
    return HostAccess(False, becomes, tuple(path for path in files if path.startswith("/")))


def _ssh_files(node: str, variables: dict[str, list[Any]], environment: Mapping[str, str]) -> list[str]:
    keys = [_expanded(str(value)) for name in _KEY_VARIABLES for value in variables.get(name, [])]
    options = [word for name in _ARGUMENTS for value in variables.get(name, []) for word in _words(str(value))]
    user = _last(variables, "ansible_user", "")
    answer = _ask_ssh(
        str(_last(variables, "ansible_host", node)), [*options, *(["-l", str(user)] if user else [])], environment
    )
    files = [_expanded("~/.ssh/config"), _expanded("~/.ssh/config.d"), *_files_of_hop(answer, keys, environment)]
    # As ssh asks for its jump hosts: with its configuration, and without what was said about the last host.
    config = options[options.index("-F") :][:2] if "-F" in options else []
    files += map(_expanded, config[1:])
    jumps = _jumps(answer)
    for jump in islice(jumps, MAX_JUMPS):  # which grows meanwhile
        answer = _ask_ssh(jump, config, environment)
        files += _files_of_hop(answer, [], environment)
        jumps += _jumps(answer)
    return files


def _files_of_hop(answer: dict[str, list[str]], keys: list[str], environment: Mapping[str, str]) -> list[str]:
    """What ssh reads to reach one host. `keys` are those that the inventory names for it."""
    found = [_expanded(path) for path in answer.get("identityfile", [])]
    files = keys + [f"{path}{suffix}" for path in (*keys, *found) for suffix in ("", ".pub", "-cert.pub")]
    for name in ("certificatefile", "userknownhostsfile", "globalknownhostsfile"):
        files += [_expanded(path) for line in answer.get(name, []) for path in line.split()]
    # An agent signs for every host: it goes along only where the host's own key does not do by itself. Without
    # a word about keys ssh names all that it would try, so one name alone was meant.
    own = keys or (found if len(found) == 1 else [])
    if not any(_opens_by_itself(Path(key)) for key in own):
        files += [environment.get("SSH_AUTH_SOCK", ""), *map(_expanded, answer.get("identityagent", []))]
    return files


def _jumps(answer: dict[str, list[str]]) -> list[str]:
    jumps = [jump for line in answer.get("proxyjump", []) for jump in line.split(",") if jump != "none"]
    return [jump.rpartition("@")[2].partition(":")[0] for jump in jumps]


def _ask_ssh(host: str, options: list[str], environment: Mapping[str, str]) -> dict[str, list[str]]:
    try:
        done = subprocess.run(
            ["ssh", "-G", *options, "--", host],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("host_access.ssh_did_not_say", host=host, error=str(error)[:200])
        return {}
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).append(value)
    return found


def _opens_by_itself(key: Path) -> bool:
    """Is this a private key without a passphrase?"""
    try:
        if not stat.S_ISREG(key.stat().st_mode):
            return False
        with key.open("rb") as handle:
            text = handle.read(MAX_KEY_BYTES)
    except OSError:
        return False
    if b"OPENSSH PRIVATE KEY" not in text:
        return b"PRIVATE KEY" in text and b"ENCRYPTED" not in text
    body = b"".join(line for line in text.splitlines() if not line.startswith(b"-"))
    try:
        return base64.b64decode(body)[15:].startswith(b"\0\0\0\4none")
    except (binascii.Error, ValueError):
        return False


def _variables(inventory: bytes) -> dict[str, list[Any]]:
    """Every value of every variable, groups' first. Which of them counts is Ansible's business: all are this host's."""
    found: dict[str, list[Any]] = {}

    def take(variables: Any) -> None:
        if isinstance(variables, dict):
            for name, value in variables.items():
                found.setdefault(str(name), []).append(value)

    def walk(groups: Any) -> Iterator[Any]:
        for body in groups.values() if isinstance(groups, dict) else ():
            if isinstance(body, dict):
                take(body.get("vars"))
                yield from (body.get("hosts") or {}).values()
                yield from walk(body.get("children"))

    for variables in list(walk(yaml.load(inventory, Loader=_Plain))):  # noqa: S506 - a SafeLoader that skips tags
        take(variables)
    return found


def _last(variables: dict[str, list[Any]], name: str, default: str) -> Any:
    return variables.get(name, [default])[-1]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _expanded(path: str) -> str:
    try:
        return str(Path(path.strip('"')).expanduser())
    except RuntimeError:  # a user without a home
        return path


def _absolute(paths: list[str]) -> tuple[str, ...]:
    return tuple(path for path in map(_expanded, paths) if path.startswith("/"))


class _Plain(yaml.SafeLoader):
    """Safe YAML that reads Ansible's tags as the text they carry."""


_Plain.add_multi_constructor("!", lambda loader, suffix, node: str(getattr(node, "value", "")))
