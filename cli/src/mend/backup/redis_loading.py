"""A dump of the mesh's keys on its way into a Redis. What is loaded lies under names of its own until `commit`, one
transaction; before it nothing is visible, and `drop` leaves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

import redis

from mend.backup.redis_keys import (
    OURS,
    PAGE,
    PASSING,
    VALUES,
    Says,
    as_bytes,
    as_text,
    call,
    keys_of_a_mesh,
    scan,
    server_ms,
)
from mesh_core.messaging.replies import pairs_of
from mesh_core.models.streams import entry_order

LOADING = "mesh:restoring:"
KNOWN_SECONDS = 7 * 86400


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
                groups.append((as_bytes(line["stream"]), line))
            elif "entries" in line:
                name = self._name(as_bytes(line["entries"]))
                for entry_id, fields in line["of"]:
                    pipe.execute_command("XADD", name, entry_id, *map(as_bytes, fields))
            elif line["ends"] is None or line["ends"] > now:
                self._put(pipe, self._name(as_bytes(line["key"])), line)
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
        for key in keys_of_a_mesh(self._client):
            pipe.unlink(key)
        for name in self._names:
            if call(self._client, "EXISTS", name):
                pipe.rename(name, name.removeprefix(self._prefix))
        pipe.execute()

    def drop(self) -> None:
        for name in scan(self._client, LOADING + "*"):
            call(self._client, "UNLINK", name)

    def _name(self, key: bytes) -> bytes:
        if not any(key.startswith(pattern.rstrip("*").encode()) for pattern in OURS) or key.startswith(PASSING):
            raise ValueError(f"the key {key[:80]!r} is none of a mesh")
        self._names.add(self._prefix + key)
        return self._prefix + key

    def _put(self, pipe: Any, name: bytes, line: dict[str, Any]) -> None:
        kind, value = line["type"], line["value"]
        if kind not in VALUES:
            raise ValueError(f"a key of type {kind!r}")
        pipe.execute_command(VALUES[kind][1], name, *map(as_bytes, [value] if kind == "string" else value))
        if line["ends"] is not None:
            pipe.execute_command("PEXPIREAT", name, line["ends"])

    def _groups(self, name: bytes, line: dict[str, Any]) -> None:
        """The groups stand where they stood, and have in hand what they had. Then the newest id ever given."""
        ask = partial(call, self._client)
        if not ask("EXISTS", name):  # a stream that is empty now: only a group can make one
            ask("XGROUP", "CREATE", name, "mend", "0", "MKSTREAM")
            ask("XGROUP", "DESTROY", name, "mend")
        for group in line["groups"]:
            read = group.get("read")
            more = ("ENTRIESREAD", read) if isinstance(read, int) else ()
            ask("XGROUP", "CREATE", name, as_bytes(group["name"]), group["last"], *more)
            pipe: Any = self._client.pipeline(transaction=False)
            for entry_id, consumer, delivered_ms, count in group["hand"]:
                options = ("TIME", delivered_ms, "RETRYCOUNT", count, "FORCE", "JUSTID")
                pipe.execute_command("XCLAIM", name, as_bytes(group["name"]), as_bytes(consumer), 0, entry_id, *options)
                if len(pipe) >= PAGE:
                    pipe.execute()
            pipe.execute()
        newest = as_text(pairs_of(ask("XINFO", "STREAM", name))["last-generated-id"])
        last = max(line["last"], newest, line["deleted"], key=entry_order)
        added = max(line["added"], ask("XLEN", name))
        ask("XSETID", name, last, "ENTRIESADDED", added, "MAXDELETEDID", line["deleted"])
