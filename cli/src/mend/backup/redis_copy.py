"""The mesh's keys as lines of JSON, and back: entries, groups and what they have in hand, values, when each ends.

Never DUMP, never the rdb: Valkey 9 and Redis 7.0 do not read each other's. What is loaded lies under names of its own
until `commit`, one transaction; before it nothing is visible, and `drop` leaves nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mesh_core.models.streams import entry_order
from mesh_core.runtime.redis_url import masked

OURS = ("mesh:*", "proposal:*", "cooldown:*")
# Signs of life and what was loaded half: a copy of the first would be a lie, of the second rubbish.
PASSING = (b"mesh:alive:", b"mesh:restoring:")
LOADING = "mesh:restoring:"
PAGE = 500
ENTRIES = 200  # of 64 KiB each: below what a server sends to a client at once (mesh_core/messaging/redis_limits.py)
KNOWN_SECONDS = 7 * 86400
REPLY_SECONDS = 60.0
# A type of key: how its value is read whole (the key comes second), and the command that writes the same words again.
_VALUES: dict[str, tuple[tuple[str | int, ...], str]] = {
    "string": (("GET",), "SET"),
    "hash": (("HGETALL",), "HSET"),
    "zset": (("ZRANGE", 0, -1, "WITHSCORES"), "ZADD"),
    "set": (("SMEMBERS",), "SADD"),
    "list": (("LRANGE", 0, -1), "RPUSH"),
}

Says = Callable[[int], None]  # how many keys so far


class RedisTrouble(RuntimeError):
    """It does not answer, or refuses what is needed; the sentence has no password in it."""


@dataclass
class Copy:
    """What a dump holds."""

    version: str = ""
    keys: int = 0
    streams: int = 0
    entries: int = 0
    at_ms: int = 0


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
        _call(client, "PING")
    except (redis.RedisError, OSError) as error:
        client.close()
        raise RedisTrouble(f"no answer from Redis at {masked(url)}: {error}") from None
    return client


def server_ms(client: redis.Redis) -> int:
    """Its own clock, in ms."""
    seconds, micros = _call(client, "TIME")
    return int(seconds) * 1000 + int(micros) // 1000


def dump(client: redis.Redis, out: IO[bytes], says: Says) -> Copy:
    """Every key of ours. Groups first, entries last: what is acknowledged meanwhile comes again; nothing is lost."""
    begun = time.monotonic()
    copy = Copy(_version(client), at_ms=server_ms(client))
    keys = sorted(set(_keys(client)))
    kinds = {key: _call(client, "TYPE", key) for key in keys}
    streams = [key for key in keys if kinds[key] == b"stream"]
    for key in streams:
        _say(out, {"stream": _text(key), **_groups(client, key)})
    for key in keys:
        if kinds[key] not in (b"stream", b"none") and (line := _value(client, key, kinds[key])) is not None:
            if line["ends"] is not None:
                line["ends"] += copy.at_ms + int((time.monotonic() - begun) * 1000)
            _say(out, line)
            copy.keys += 1
            says(copy.keys)
    for key in streams:
        for page in _pages(client, key):
            _say(out, {"entries": _text(key), "of": page})
            copy.entries += len(page)
        copy.streams += 1
        copy.keys += 1
        says(copy.keys)
    return copy


def is_used(client: redis.Redis) -> bool:
    """Is there anything of a mesh in it?"""
    return next(_keys(client), None) is not None


class Loading:
    """A dump on its way in. `token` names it; give it `lines`, then `known`, then `commit` or `drop`."""

    def __init__(self, client: redis.Redis, token: str):
        self._client, self._prefix = client, f"{LOADING}{token}:".encode()
        self._names: set[bytes] = set()

    def load(self, lines: Iterable[bytes], says: Says) -> None:
        """Raises RedisTrouble for a server that refuses, ValueError for lines that are none of ours."""
        now = server_ms(self._client)
        groups: list[tuple[bytes, dict[str, Any]]] = []
        pipe: Any = self._client.pipeline(transaction=False)
        for raw in lines:
            line = json.loads(raw)
            if "stream" in line:
                groups.append((_bytes(line["stream"]), line))
            elif "entries" in line:
                name = self._name(_bytes(line["entries"]))
                for entry_id, fields in line["of"]:
                    pipe.execute_command("XADD", name, entry_id, *map(_bytes, fields))
            elif line["ends"] is None or line["ends"] > now:
                self._put(pipe, self._name(_bytes(line["key"])), line)
            if len(pipe) >= PAGE:
                pipe.execute()
                says(len(self._names))
        pipe.execute()
        for key, line in groups:
            self._groups(self._name(key), line)
            says(len(self._names))

    def known(self, action_ids: Iterable[str]) -> None:
        """These proposals exist as files: whatever Redis was told before that, no planner makes one of them again."""
        pipe: Any = self._client.pipeline(transaction=False)
        for action_id in action_ids:
            name = self._name(f"proposal:{action_id}".encode())
            pipe.hsetnx(name, "token", "restored")
            pipe.hsetnx(name, "state", "filed")
            pipe.expire(name, KNOWN_SECONDS)
        pipe.execute()

    def commit(self) -> None:
        """What was there of a mesh goes, what was loaded comes: all at once."""
        pipe: Any = self._client.pipeline(transaction=True)
        for key in _keys(self._client):
            pipe.unlink(key)
        for name in self._names:
            if _call(self._client, "EXISTS", name):
                pipe.rename(name, name.removeprefix(self._prefix))
        pipe.execute()

    def drop(self) -> None:
        for name in _scan(self._client, LOADING + "*"):
            _call(self._client, "UNLINK", name)

    def _name(self, key: bytes) -> bytes:
        if not any(key.startswith(pattern.rstrip("*").encode()) for pattern in OURS) or key.startswith(PASSING):
            raise ValueError(f"the key {key[:80]!r} is none of a mesh")
        self._names.add(self._prefix + key)
        return self._prefix + key

    def _put(self, pipe: Any, name: bytes, line: dict[str, Any]) -> None:
        kind, value = line["type"], line["value"]
        if kind not in _VALUES:
            raise ValueError(f"a key of type {kind!r}")
        pipe.execute_command(_VALUES[kind][1], name, *map(_bytes, [value] if kind == "string" else value))
        if line["ends"] is not None:
            pipe.execute_command("PEXPIREAT", name, line["ends"])

    def _groups(self, name: bytes, line: dict[str, Any]) -> None:
        """The groups stand where they stood, and have in hand what they had. Then the newest id ever given."""
        call = partial(_call, self._client)
        if not call("EXISTS", name):  # a stream that is empty now: only a group can make one
            call("XGROUP", "CREATE", name, "mend", "0", "MKSTREAM")
            call("XGROUP", "DESTROY", name, "mend")
        for group in line["groups"]:
            read = group.get("read")
            more = ("ENTRIESREAD", read) if isinstance(read, int) else ()
            call("XGROUP", "CREATE", name, _bytes(group["name"]), group["last"], *more)
            pipe: Any = self._client.pipeline(transaction=False)
            for entry_id, consumer, delivered_ms, count in group["hand"]:
                options = ("TIME", delivered_ms, "RETRYCOUNT", count, "FORCE", "JUSTID")
                pipe.execute_command("XCLAIM", name, _bytes(group["name"]), _bytes(consumer), 0, entry_id, *options)
                if len(pipe) >= PAGE:
                    pipe.execute()
            pipe.execute()
        newest = _text(_pairs(call("XINFO", "STREAM", name))["last-generated-id"])
        last = max(line["last"], newest, line["deleted"], key=entry_order)
        added = max(line["added"], call("XLEN", name))
        call("XSETID", name, last, "ENTRIESADDED", added, "MAXDELETEDID", line["deleted"])


def _keys(client: redis.Redis) -> Iterator[bytes]:
    for pattern in OURS:
        for key in _scan(client, pattern):
            if not key.startswith(PASSING):
                yield key


def _call(client: redis.Redis, *words: Any) -> Any:
    return client.execute_command(*words)  # type: ignore[no-untyped-call]


def _scan(client: redis.Redis, pattern: str) -> Iterator[bytes]:
    cursor = b"0"
    while True:
        cursor, keys = _call(client, "SCAN", cursor, "MATCH", pattern, "COUNT", PAGE)
        yield from keys
        if cursor == b"0":
            return


def _version(client: redis.Redis) -> str:
    info: bytes = _call(client, "INFO", "server")
    lines = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    return lines.get("valkey_version") or lines.get("redis_version", "?")


def _groups(client: redis.Redis, key: bytes) -> dict[str, Any]:
    about = _pairs(_call(client, "XINFO", "STREAM", key))
    now = int(time.time() * 1000)
    groups = []
    for raw in _call(client, "XINFO", "GROUPS", key):
        group = _pairs(raw)
        hand: list[list[Any]] = []
        start = "-"
        while page := _call(client, "XPENDING", key, group["name"], start, "+", PAGE):
            hand += [[_text(i), _text(consumer), now - int(idle), int(count)] for i, consumer, idle, count in page]
            start = f"({hand[-1][0]}"
        read = group.get("entries-read")
        groups.append(
            {"name": _text(group["name"]), "last": _text(group["last-delivered-id"]), "read": read, "hand": hand}
        )
    return {
        "last": _text(about["last-generated-id"]),
        "added": int(about.get("entries-added") or about["length"]),
        "deleted": _text(about.get("max-deleted-entry-id") or "0-0"),
        "groups": groups,
    }


def _pages(client: redis.Redis, key: bytes) -> Iterator[list[Any]]:
    start = "-"
    while page := _call(client, "XRANGE", key, start, "+", "COUNT", ENTRIES):
        yield [[_text(entry_id), [_text(word) for word in fields]] for entry_id, fields in page]
        start = f"({_text(page[-1][0])}"


def _value(client: redis.Redis, key: bytes, kind: bytes) -> dict[str, Any] | None:
    """`ends` is what is left of its life in ms, None for ever."""
    name = _text(kind)
    if name not in _VALUES:
        raise RedisTrouble(f"the key {_text(key)} has a type that a backup cannot hold ({name})")
    ends = int(_call(client, "PTTL", key))  # PEXPIRETIME is nothing that an operator may call
    command, *options = _VALUES[name][0]
    reply = _call(client, command, key, *options)
    if reply is None or reply == [] or ends == -2:
        return None  # it ended while we read
    words = [_text(word) for word in (reply if isinstance(reply, list) else [reply])]
    if name == "zset":  # read as member and score, written as score and member
        words = [word for pair in zip(words[1::2], words[::2], strict=True) for word in pair]
    value = words[0] if name == "string" else sorted(words) if name == "set" else words
    return {"key": _text(key), "type": name, "value": value, "ends": ends if ends > 0 else None}


def _pairs(reply: Any) -> dict[str, Any]:
    return {_text(key): value for key, value in zip(reply[::2], reply[1::2], strict=True)}


def _say(out: IO[bytes], line: dict[str, Any]) -> None:
    out.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
