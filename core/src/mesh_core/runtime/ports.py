"""TCP ports of this machine for servers of ours: is one free, and which is."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
# `free_port` looks from here up to where the kernel's own begin.
LOWEST = 10_000
# Processes that began one after the other look that far apart.
APART = 257
_OF_THE_KERNEL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_KERNELS_DEFAULT = 32_768
_turns = itertools.count()


def is_free(host: str, port: int) -> bool:
    """Could a server of ours listen there now?"""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """One on loopback that nobody listens on now, and that this process was not told before.

    It is none of those that the kernel gives to whoever connects: a connection would now and then have it before the
    server that it is for, and whoever asks whether that server is up would now and then reach himself.
    """
    room = _first_of_the_kernel() - LOWEST
    for _ in range(room):
        port = LOWEST + (os.getpid() * APART + next(_turns)) % room
        if is_free(LOOPBACK, port):
            return port
    with socket.socket() as probe:  # the kernel keeps them all for itself
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _first_of_the_kernel() -> int:
    try:
        return int(_OF_THE_KERNEL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _KERNELS_DEFAULT
