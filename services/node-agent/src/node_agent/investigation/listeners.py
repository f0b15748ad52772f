"""Which unit listens on a port of this host. Asks the kernel for its sockets (sock_diag), which every user may.

A socket knows the control group of whoever opened it: no need to look into other users' processes.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from node_agent.investigation.memory import group_of

GROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))  # the former where both versions are mounted
MAX_GROUPS = 20_000
SECONDS = 1.0
# These listen for their containers, whose programs nobody reloads from outside.
ENGINES = frozenset({"docker.service", "podman.service", "containerd.service"})

_SOCK_DIAG, _BY_FAMILY, _DUMP, _ERROR, _DONE = 4, 20, 0x301, 2, 3
_LISTENING = 1 << 10
_CGROUP_ID = 21  # INET_DIAG_CGROUP_ID, in linux/inet_diag.h
_HEAD, _ROW = struct.Struct("=IHHII"), 72


def unit_listening_on(port: int) -> str:
    """`nginx.service`; '' where none does, several do, or an engine does for a container. OSError."""
    groups = {group for family in (socket.AF_INET, socket.AF_INET6) for group in _groups_on(family, port)}
    units = {group_of(f"0::{path}") for path in _paths_of(groups)}
    unit = units.pop() if len(units) == 1 else ""
    return unit if unit.endswith(".service") and unit not in ENGINES else ""


def _groups_on(family: int, port: int) -> Iterator[int]:
    """Of each listening socket: the number of its control group, which is its folder's inode."""
    request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, _LISTENING).ljust(56, b"\0")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(SECONDS)
        kernel.send(_HEAD.pack(_HEAD.size + len(request), _BY_FAMILY, _DUMP, 1, 0) + request)
        while True:
            for kind, row in _messages(kernel.recv(256 * 1024)):
                if kind in (_DONE, _ERROR):
                    return
                if int.from_bytes(row[4:6], "big") == port:
                    yield from _group_in(row[_ROW:])


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _HEAD.size:
        size, kind, *_ = _HEAD.unpack(data[: _HEAD.size])
        yield kind, data[_HEAD.size : size]
        data = data[(size + 3) & ~3 :]


def _group_in(attributes: bytes) -> Iterator[int]:
    while len(attributes) >= 4:
        size, kind = struct.unpack("=HH", attributes[:4])
        if kind == _CGROUP_ID:
            yield int.from_bytes(attributes[4:12], "little")
        attributes = attributes[(max(size, 4) + 3) & ~3 :]


def _paths_of(groups: set[int]) -> Iterator[str]:
    root = next((folder for folder in GROUPS if folder.is_dir()), GROUPS[-1])
    wanted = set(groups)
    for seen, (folder, _, _) in enumerate(os.walk(root)):
        if not wanted or seen > MAX_GROUPS:
            return
        number = Path(folder).stat().st_ino
        if number in wanted:
            wanted.discard(number)
            yield f"/{Path(folder).relative_to(root)}"
