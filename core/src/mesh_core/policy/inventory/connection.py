"""How Ansible reaches a host by its variables: on this machine, over an engine, over ssh; and what ssh makes of that.

Connects nowhere: `ssh -G` only resolves ssh's own configuration.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mesh_core.policy.inventory.values import TaggedText

ASK_SECONDS = 5.0
_ROUNDS = 5  # variables that name variables
_REFERENCE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")  # as Ansible orders them
_LOCAL = frozenset({"local"})
_SSH = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh"})
_ENGINE = frozenset({"docker", "docker_api", "nsenter", "podman"})


class ConnectionKind(StrEnum):
    LOCAL = "local"
    SSH = "ssh"
    ENGINE = "engine"
    OTHER = "other"


@dataclass(frozen=True)
class Connection:
    """`name` is the plugin's; `address` what ssh is given, `options` the words before it. A text that still is a
    template (`{{`) stands for what only a run knows."""

    kind: ConnectionKind
    name: str
    address: str
    options: tuple[str, ...] = ()

    @property
    def is_template(self) -> bool:
        return any("{{" in text or "{%" in text for text in (self.name, self.address, *self.options))


def connection_of(host: str, variables: Mapping[str, Any]) -> Connection:
    """`variables` as `Inventory.variables_of` gives them, filled in (`filled_in`) or not."""
    name = str(variables.get("ansible_connection", "ssh"))
    short = name.rpartition(".")[2]
    kind = next(
        (
            kind
            for kind, names in (
                (ConnectionKind.LOCAL, _LOCAL),
                (ConnectionKind.SSH, _SSH),
                (ConnectionKind.ENGINE, _ENGINE),
            )
            if short in names
        ),
        ConnectionKind.OTHER,
    )
    address, port, user = (_said(variables, word) for word in ("host", "port", "user"))
    options = [word for argument in _ARGUMENTS for word in _words(str(variables.get(argument, "")))]
    options += [*(["-o", f"Port={port}"] if port else []), *(["-l", user] if user else [])]
    return Connection(kind, name, address or host, tuple(options))


def filled_in(host: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """With `{{ NAME }}` put in where NAME is another of them; every other template stays as it is."""
    known = {"inventory_hostname": host, "inventory_hostname_short": host.partition(".")[0], **variables}
    found = dict(variables)
    for _ in range(_ROUNDS):
        for name, value in found.items():
            if isinstance(value, str) and not isinstance(value, TaggedText) and "{{" in value:
                found[name] = _REFERENCE.sub(lambda match: _plain(known.get(match[1]), match[0]), value)
        known.update(found)
    return found


def ask_ssh(address: str, options: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, list[str]]:
    """What ssh would do to reach it, by the names of its settings in lower case; {} where there is no ssh to ask.
    Blocks for some 10 ms."""
    try:
        done = subprocess.run(
            ["ssh", "-G", *options, "--", address],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).append(value)
    return found


def jump_hosts(answer: Mapping[str, list[str]]) -> list[str]:
    """The hosts that ssh goes through first, in order."""
    jumps = [jump for line in answer.get("proxyjump", []) for jump in line.split(",") if jump != "none"]
    return [jump.rpartition("@")[2].removeprefix("ssh://").partition(":")[0] for jump in jumps]


def config_options(options: tuple[str, ...]) -> tuple[str, ...]:
    """As ssh asks for its jump hosts: with its configuration, and without what was said about the last host."""
    return options[options.index("-F") :][:2] if "-F" in options else ()


def _said(variables: Mapping[str, Any], word: str) -> str:
    """By its name of today or that of long ago, which Ansible lets win."""
    value = variables.get(f"ansible_ssh_{word}", variables.get(f"ansible_{word}"))
    return "" if value is None else str(value)


def _plain(value: Any, otherwise: str) -> str:
    return (
        str(value) if isinstance(value, str | int | float) and not isinstance(value, bool | TaggedText) else otherwise
    )


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []
