"""Does this Redis take writes now, and how near is it to refusing them? Out of one INFO; writes nothing.

A server that is full (`noeviction`), cannot write its log, or misses replicas answers PING all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mesh_core.messaging.bus import Bus, BusDown, masked
from mesh_core.messaging.redis_limits import MIB
from mesh_core.runtime.health import Check, Ready

FULL = 0.95  # of maxmemory: the next larger event is refused, soon every one


@dataclass(frozen=True)
class RedisState:
    """What INFO says. Bytes; `most_bytes` is 0 without a maxmemory. `replicas` are those connected and not too late."""

    used_bytes: int
    most_bytes: int
    loading: bool = False
    log_failed: bool = False
    is_replica: bool = False
    replicas: int = 0

    @property
    def refusal(self) -> str | None:
        """Why writes are refused (or very soon will be), as a sentence; None when they are taken."""
        if self.loading:
            return "Redis is still reading its data"
        if self.is_replica:
            return "this Redis is a replica and takes no writes; name the master in REDIS_URL"
        if self.log_failed:
            return "Redis could not write its log and refuses writes; look for a full disk under its data folder"
        if self.most_bytes and self.used_bytes >= self.most_bytes * FULL:
            return (
                f"Redis holds {self.used_bytes // MIB} of {self.most_bytes // MIB} MiB and refuses writes; "
                "the observer makes room by and by, its log says where; or raise maxmemory"
            )
        return None


def takes_writes(bus: Bus) -> Check:
    """For readyz: does Redis answer, and take writes?"""

    async def check() -> Ready:
        try:
            why = (await read_state(bus)).refusal
        except BusDown:
            return Ready(False, f"Redis at {masked(bus.url)} does not answer")
        return Ready(why is None, why or "")

    return check


async def read_state(bus: Bus, section: str = "default") -> RedisState:
    """With a `section` of INFO only what that one says. Raises BusDown."""
    info = _fields(await bus.call("INFO", section))
    # Buffers that the server itself does not hold against maxmemory.
    uncounted = _number(info, "mem_not_counted_for_evict")
    return RedisState(
        used_bytes=max(0, _number(info, "used_memory") - uncounted),
        most_bytes=_number(info, "maxmemory"),
        loading=_number(info, "loading") == 1,
        log_failed=info.get("aof_last_write_status", "ok") != "ok",
        is_replica=info.get("role", "master") != "master",
        replicas=_number(info, "min_slaves_good_slaves" if "min_slaves_good_slaves" in info else "connected_slaves"),
    )


def _fields(info: Any) -> Mapping[str, Any]:
    if isinstance(info, dict):
        return info
    lines = bytes(info).decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _number(info: Mapping[str, Any], name: str) -> int:
    try:
        return int(info.get(name, 0))
    except ValueError:
        return 0
