"""The Redis of this mesh for the time of a copy: the one that answers, or that of `mend up`, started for it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from mend.backup.redis_keys import RedisTrouble, connect
from mend.context import CliContext
from mend.errors import CliError
from mend.local.redis_server import OWN_MARK, OwnRedis, redis_for
from mesh_core.messaging.bus import masked
from mesh_core.runtime.secret_files import is_given
from mesh_core.storage.files import write_whole

START_SECONDS = 120.0  # a large append-only file is read first
STOP_SECONDS = 60.0
REMEDY = "start it, or say --without-redis"


@contextmanager
def nearby_redis(cli: CliContext, *, making: bool) -> Iterator[redis.Redis]:
    """A client. `making`: an embedded server may be started although it has no data yet. CliError without one."""
    own, url = None, cli.redis_url
    # A Redis with users is a deployment's; an embedded one in its place would be a second truth.
    if not is_given(cli.environ, "REDIS_URL") and not cli.settings.redis_username:
        own, url, _ = redis_for(cli.redis_url, explicit=False, runtime=cli.runtime)
    if own is not None and (making or (own.data / OWN_MARK).exists()):
        with _running(own, url) as client:
            yield client
        return
    try:
        client = connect(url)
    except RedisTrouble as trouble:
        raise CliError(f"{trouble}; {REMEDY}") from None
    try:
        yield client
    finally:
        client.close()


@contextmanager
def _running(own: OwnRedis, url: str) -> Iterator[redis.Redis]:
    own.data.mkdir(parents=True, exist_ok=True)
    own.conf_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    (own.data / OWN_MARK).touch()
    write_whole(own.conf_file, own.conf().encode(), mode=0o600)
    server = subprocess.Popen(
        [own.binary, str(own.conf_file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )  # of its own session: Ctrl-C is for us, and it must outlive our last word to it
    try:
        client = _wait(url, server)
        try:
            yield client
        finally:
            client.close()
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(url: str, server: subprocess.Popen[bytes]) -> redis.Redis:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return connect(url)
        except RedisTrouble as trouble:
            if server.poll() is not None or time.monotonic() > deadline:
                raise CliError(f"the embedded Redis at {masked(url)} does not start: {trouble}; {REMEDY}") from None
            time.sleep(0.05)
