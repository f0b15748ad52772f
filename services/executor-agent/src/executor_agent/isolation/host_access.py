"""How a run reaches its one host, and so what of this machine it needs to see: the key of that host, nobody else's.

From the variables of the host in the run's own inventory, and from what ssh itself makes of them.
"""

from __future__ import annotations

import base64
import binascii
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import structlog

from mesh_core.policy.inventory.connection import (
    Connection,
    ConnectionKind,
    ask_ssh,
    config_options,
    connection_of,
    filled_in,
    jump_hosts,
)

log = structlog.get_logger()

MAX_JUMPS = 4
MAX_KEY_BYTES = 64 * 1024
READS = "mend_run_reads"  # a host's variable: what else of this machine its runs may read
_KEY_VARIABLES = ("ansible_ssh_private_key_file", "ansible_private_key_file")


@dataclass(frozen=True)
class HostAccess:
    """`local`: the host is this machine. `becomes`: its inventory asks for another user there (sudo).
    `files`: what there is to read for reaching it, an agent's or an engine's socket among it; absolute paths."""

    local: bool
    becomes: bool
    files: tuple[str, ...]


def host_access(variables: Mapping[str, Any], node: str, environment: Mapping[str, str]) -> HostAccess:
    """`variables` are those of this host (`Inventory.variables_of`). Blocks for some 10 ms where ssh is asked."""
    variables = filled_in(node, variables)
    connection = connection_of(node, variables)
    becomes = str(variables.get("ansible_become", "")).lower() not in ("false", "no", "0", "")
    more = variables.get(READS, [])
    files = [_expanded(str(path)) for path in (more if isinstance(more, list) else [more])]
    if connection.kind is ConnectionKind.LOCAL:
        return HostAccess(True, becomes, _absolute(files))
    if connection.kind is ConnectionKind.ENGINE:
        files.append(environment.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
    else:
        files += _ssh_files(connection, variables, environment)
    return HostAccess(False, becomes, _absolute(files))


def _ssh_files(connection: Connection, variables: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    keys = [_expanded(str(variables[name])) for name in _KEY_VARIABLES if name in variables]
    answer = ask_ssh(connection.address, connection.options, environment)
    if not answer:
        log.warning("host_access.ssh_did_not_say", host=connection.address)
    files = [_expanded("~/.ssh/config"), _expanded("~/.ssh/config.d"), *_files_of_hop(answer, keys, environment)]
    config = config_options(connection.options)
    files += map(_expanded, config[1:])
    jumps = jump_hosts(answer)
    for jump in islice(jumps, MAX_JUMPS):  # which grows meanwhile
        answer = ask_ssh(jump, config, environment)
        files += _files_of_hop(answer, [], environment)
        jumps += jump_hosts(answer)
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


def _expanded(path: str) -> str:
    try:
        return str(Path(path.strip('"')).expanduser())
    except RuntimeError:  # a user without a home
        return path


def _absolute(paths: list[str]) -> tuple[str, ...]:
    return tuple(path for path in paths if path.startswith("/"))
