"""Does this Redis take writes now, and how near is it to refusing them? Out of INFO, and a write that never is one.

A server judges whether it may write before it looks at what: it refuses an entry of the id 0-0 for that id only where
it would have taken another one. What else it says is why it takes none: a full disk, missing replicas, a user who may
not, a command that is not there, a slot that nobody serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis.exceptions

from mesh_core.messaging.bus import Bus, BusDown, BusLoginRefused, masked
from mesh_core.messaging.redis_limits import MIB
from mesh_core.messaging.redis_settings import config_of
from mesh_core.messaging.replies import info_of
from mesh_core.models.streams import FOREIGN_STREAM
from mesh_core.runtime.health import Check, Ready

DENIED = "MISCONF"  # how the server's refusal begins where its disk fails
NO_ENTRY = "0-0"  # an id that no entry can have
FULL = 0.95  # of maxmemory: the next larger event is refused, soon every one


@dataclass(frozen=True)
class RedisState:
    """What the server says. Bytes; `most_bytes` is 0 without a maxmemory.

    `replicas` are those connected and not too late, `replicas_wanted` is min-replicas-to-write (0: none, or not told).
    `refused`: how it refuses a write, in its own words; '' where it takes them.
    """

    used_bytes: int
    most_bytes: int
    loading: bool = False
    log_failed: bool = False
    refused: str = ""
    is_replica: bool = False
    replicas: int = 0
    replicas_wanted: int = 0

    @property
    def refusal(self) -> str | None:
        """Why writes are refused (or very soon will be), as a sentence; None when they are taken."""
        if self.loading:
            return "Redis is still reading its data"
        if self.is_replica:
            return "this Redis is a replica and takes no writes; name the master in REDIS_URL"
        if self.log_failed:
            return "Redis could not write its log and refuses writes; look for a full disk under its data folder"
        if self.refused.startswith(DENIED):
            return "Redis could not save its data and refuses writes; look for a full disk under its data folder"
        if self.replicas < self.replicas_wanted:
            return (
                f"Redis wants {self.replicas_wanted} replica(s) that keep up, has {self.replicas}, and refuses writes; "
                "start the missing one, or lower min-replicas-to-write"
            )
        if self.most_bytes and self.used_bytes >= self.most_bytes * FULL:
            return (
                f"Redis holds {self.used_bytes // MIB} of {self.most_bytes // MIB} MiB and refuses writes; "
                "the observer makes room by and by, its log says where; or raise maxmemory"
            )
        return refusal_of(self.refused) if self.refused else None


def refusal_of(said: object) -> str:
    """A sentence around what the server says itself."""
    return f"Redis refuses what is asked of it: {said}; look at its users (ACL), its settings, the database's number"


def away(url: str, error: BusDown) -> tuple[str, str]:
    """To a person: what is so, and what to do about it."""
    if isinstance(error, BusLoginRefused):
        found = f"Redis at {masked(url)} answers and lets nobody in with this login: {error}"
        return found, "give REDIS_PASSWORD (and REDIS_USERNAME, if it has users)"
    fix = "start the mesh (`mend up` brings a Redis), or name a running server in REDIS_URL"
    return f"no answer from Redis at {masked(url)}: {error}", fix


def takes_writes(bus: Bus, stream: str = FOREIGN_STREAM) -> Check:
    """For readyz: does Redis answer, and take writes? `stream`: one that whoever asks may write to."""

    async def check() -> Ready:
        try:
            why = (await read_state(bus, stream=stream)).refusal
        except BusDown:
            return Ready(False, f"Redis at {masked(bus.url)} does not answer")
        return Ready(why is None, why or "")

    return check


async def read_state(bus: Bus, section: str = "default", *, stream: str = FOREIGN_STREAM) -> RedisState:
    """With another `section` of INFO only what that one says. Raises BusDown."""
    try:
        info = info_of(await bus.call("INFO", section))
    except redis.exceptions.ResponseError:  # a user without INFO, or a server that answers nothing now
        info = {}
    whole = section == "default"
    wanted = whole and "min_slaves_good_slaves" in info  # only then are there any to wait for
    # Buffers that the server itself does not hold against maxmemory.
    uncounted = _number(info, "mem_not_counted_for_evict")
    return RedisState(
        used_bytes=max(0, _number(info, "used_memory") - uncounted),
        most_bytes=_number(info, "maxmemory"),
        loading=_number(info, "loading") == 1,
        log_failed=info.get("aof_last_write_status", "ok") != "ok",
        refused=await _refused(bus, stream) if whole else "",
        is_replica=info.get("role", "master") != "master",
        replicas=_number(info, "min_slaves_good_slaves" if "min_slaves_good_slaves" in info else "connected_slaves"),
        replicas_wanted=int(await config_of(bus, "min-replicas-to-write") or 0) if wanted else 0,
    )


async def _refused(bus: Bus, stream: str) -> str:
    """Raises BusDown where nobody answers."""
    try:
        await bus.call("XADD", stream, NO_ENTRY, "p", "")
    except BusDown as error:
        if not isinstance(error.__cause__, redis.exceptions.ResponseError):
            raise
        return str(error)[:200]
    except redis.exceptions.ResponseError as error:
        return "" if f"greater than {NO_ENTRY}" in str(error) else str(error)[:200]
    return ""


def _number(info: Mapping[str, Any], name: str) -> int:
    try:
        return int(info.get(name, 0))
    except ValueError:
        return 0
