"""The mesh's keys as lines of JSON: entries, groups and what they have in hand, values, when each ends.

Never DUMP, never the rdb: Valkey 9 and Redis 7.0 do not read each other's. `redis_loading` brings them back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import redis

from mend.backup.redis_keys import PAGE, VALUES, RedisTrouble, Says, after, as_text, call, keys_of_a_mesh, server_ms
from mesh_core.messaging.replies import info_of, pairs_of

ENTRIES = 200  # of 64 KiB each: below what a server sends to a client at once (mesh_core/messaging/redis_limits.py)


@dataclass
class Copy:
    """What a dump holds."""

    version: str = ""
    keys: int = 0
    streams: int = 0
    entries: int = 0
    at_ms: int = 0


def dump(client: redis.Redis, out: IO[bytes], says: Says) -> Copy:
    """Every key of ours. Groups first, entries last: what is acknowledged meanwhile comes again; nothing is lost."""
    begun = time.monotonic()
    copy = Copy(_version(client), at_ms=server_ms(client))
    keys = sorted(set(keys_of_a_mesh(client)))
    kinds = {key: call(client, "TYPE", key) for key in keys}
    streams = [key for key in keys if kinds[key] == b"stream"]
    for key in streams:
        _say(out, {"stream": as_text(key), **_groups(client, key)})
    for key in keys:
        if kinds[key] not in (b"stream", b"none") and (line := _value(client, key, kinds[key])) is not None:
            if line["ends"] is not None:
                line["ends"] += copy.at_ms + int((time.monotonic() - begun) * 1000)
            _say(out, line)
            copy.keys += 1
            says(copy.keys)
    for key in streams:
        for page in _pages(client, key):
            _say(out, {"entries": as_text(key), "of": page})
            copy.entries += len(page)
        copy.streams += 1
        copy.keys += 1
        says(copy.keys)
    return copy


def _version(client: redis.Redis) -> str:
    info = info_of(call(client, "INFO", "server"))
    return str(info.get("valkey_version") or info.get("redis_version", "?"))


def _groups(client: redis.Redis, key: bytes) -> dict[str, Any]:
    about = pairs_of(call(client, "XINFO", "STREAM", key))
    now = int(time.time() * 1000)
    groups = []
    for raw in call(client, "XINFO", "GROUPS", key):
        group = pairs_of(raw)
        hand: list[list[Any]] = []
        start = "-"
        while start and (page := call(client, "XPENDING", key, group["name"], start, "+", PAGE)):
            hand += [[as_text(i), as_text(consumer), now - int(idle), int(count)] for i, consumer, idle, count in page]
            start = after(hand[-1][0])
        read = group.get("entries-read")
        groups.append(
            {"name": as_text(group["name"]), "last": as_text(group["last-delivered-id"]), "read": read, "hand": hand}
        )
    return {
        "last": as_text(about["last-generated-id"]),
        "added": int(about.get("entries-added") or about["length"]),
        "deleted": as_text(about.get("max-deleted-entry-id") or "0-0"),
        "groups": groups,
    }


def _pages(client: redis.Redis, key: bytes) -> Iterator[list[Any]]:
    start = "-"
    while start and (page := call(client, "XRANGE", key, start, "+", "COUNT", ENTRIES)):
        yield [[as_text(entry_id), [as_text(word) for word in fields]] for entry_id, fields in page]
        start = after(as_text(page[-1][0]))


def _value(client: redis.Redis, key: bytes, kind: bytes) -> dict[str, Any] | None:
    """`ends` is what is left of its life in ms, None for ever."""
    name = as_text(kind)
    if name not in VALUES:
        raise RedisTrouble(f"the key {as_text(key)} has a type that a backup cannot hold ({name})")
    ends = int(call(client, "PTTL", key))  # PEXPIRETIME is nothing that an operator may call
    command, *options = VALUES[name][0]
    reply = call(client, command, key, *options)
    if reply is None or reply == [] or ends == -2:
        return None  # it ended while we read
    words = [as_text(word) for word in (reply if isinstance(reply, list) else [reply])]
    if name == "zset":  # read as member and score, written as score and member
        words = [word for pair in zip(words[1::2], words[::2], strict=True) for word in pair]
    value = words[0] if name == "string" else sorted(words) if name == "set" else words
    return {"key": as_text(key), "type": name, "value": value, "ends": ends if ends > 0 else None}


def _say(out: IO[bytes], line: dict[str, Any]) -> None:
    out.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
