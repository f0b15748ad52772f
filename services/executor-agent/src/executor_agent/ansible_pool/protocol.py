"""What the client sends the pool's server: a length, then words separated by NUL, with its terminal as descriptors.

The client's half stands in `client.py`, which may import nothing.
"""

from __future__ import annotations

import array
import os
import socket
from dataclasses import dataclass

MAX_REQUEST_BYTES = 4 * 1024 * 1024
FAILED = 250  # the exit status of a run that broke in our own code


@dataclass(frozen=True)
class PlayRequest:
    """One ansible-playbook to play. `stdio`: three descriptors, whoever reads the request closes them."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    stdio: list[int]


def read_request(client: socket.socket) -> PlayRequest:
    """ValueError for anything that is no request; then no descriptor of it stays open."""
    descriptors = array.array("i")
    head, ancillary, _, _ = client.recvmsg(4, socket.CMSG_SPACE(3 * descriptors.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    stdio = list(descriptors)
    try:
        if len(head) != 4 or len(stdio) != 3:
            raise ValueError("not a request")
        request = _parse(_read_body(client, int.from_bytes(head, "big")), stdio)
    except (OSError, ValueError, IndexError):
        for fd in stdio:
            os.close(fd)
        raise ValueError("not a request") from None
    for fd in stdio:
        os.set_inheritable(fd, False)
    return request


def _read_body(client: socket.socket, size: int) -> bytes:
    if size > MAX_REQUEST_BYTES:
        raise ValueError("too large")
    body = bytearray()
    while len(body) < size:
        part = client.recv(size - len(body))
        if not part:
            raise ValueError("cut short")
        body += part
    return bytes(body)


def _parse(body: bytes, stdio: list[int]) -> PlayRequest:
    words = [word.decode("utf-8", "surrogateescape") for word in body.split(b"\0")]
    count = int(words[0])
    arguments, folder, pairs = words[1 : count + 1], words[count + 1], words[count + 2 :]
    environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return PlayRequest(arguments, folder, environment, stdio)
