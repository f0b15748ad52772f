"""The mesh's keys in one Redis: which they are, how a type is read whole and written again, how Redis is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mesh_core.messaging.bus import BusDown, BusLoginRefused
from mesh_core.messaging.redis_state import away
from mesh_core.models.streams import LAST_ID

OURS = ("mesh:*", "proposal:*", "cooldown:*")
# Signs of life and what was loaded half: a copy of the first would be a lie, of the second rubbish.
PASSING = (b"mesh:alive:", b"mesh:restoring:")
PAGE = 500
REPLY_SECONDS = 60.0
# A type of key: how its value is read whole (the key comes second), and the command that writes the same words again.
VALUES: dict[str, tuple[tuple[str | int, ...], str]] = {
    "string": (("GET",), "SET"),
    "hash": (("HGETALL",), "HSET"),
    "zset": (("ZRANGE", 0, -1, "WITHSCORES"), "ZADD"),
    "set": (("SMEMBERS",), "SADD"),
    "list": (("LRANGE", 0, -1), "RPUSH"),
}

Says = Callable[[int], None]  # how many keys so far


class RedisTrouble(RuntimeError):
    """It does not answer, or refuses what is needed; the sentence has no password in it."""


def connect(url: str) -> redis.Redis:
    """One that answers, with replies as protocol 2 has them, whatever the client would choose. Raises RedisTrouble."""
    client = redis.Redis.from_url(
        url,
        socket_timeout=REPLY_SECONDS,
        socket_connect_timeout=3,
        retry=Retry(NoBackoff(), 0),
        client_name="mend-backup",
        protocol=2,
    )
    client.response_callbacks.clear()
    try:
        call(client, "PING")
    except redis.AuthenticationError as error:
        client.close()
        raise RedisTrouble("; ".join(away(url, BusLoginRefused(str(error))))) from None
    except (redis.RedisError, OSError) as error:
        client.close()
        raise RedisTrouble("; ".join(away(url, BusDown(str(error))))) from None
    return client


def server_ms(client: redis.Redis) -> int:
    """Its own clock, in ms."""
    seconds, micros = call(client, "TIME")
    return int(seconds) * 1000 + int(micros) // 1000


def is_used(client: redis.Redis) -> bool:
    """Is there anything of a mesh in it?"""
    return next(keys_of_a_mesh(client), None) is not None


def keys_of_a_mesh(client: redis.Redis) -> Iterator[bytes]:
    for pattern in OURS:
        for key in scan(client, pattern):
            if not key.startswith(PASSING):
                yield key


def call(client: redis.Redis, *words: Any) -> Any:
    return client.execute_command(*words)  # type: ignore[no-untyped-call]


def scan(client: redis.Redis, pattern: str) -> Iterator[bytes]:
    cursor = b"0"
    while True:
        cursor, keys = call(client, "SCAN", cursor, "MATCH", pattern, "COUNT", PAGE)
        yield from keys
        if cursor == b"0":
            return


def as_text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def after(entry_id: str) -> str:
    """Where what follows an entry begins; '' where nothing can: after the last id that there is."""
    return "" if entry_id == LAST_ID else f"({entry_id}"
