"""How a Redis is set, and what of that is unsafe for a mesh. Asks; changes nothing."""

from __future__ import annotations

import time

import redis.exceptions

from mesh_core.messaging.bus import Bus
from mesh_core.messaging.replies import info_of, pairs_of, text_of


async def check_server(bus: Bus) -> list[str]:
    """What is unsafe about this server, as sentences; empty when all is well. Raises BusDown."""
    warnings = []
    persistence = await config_of(bus, "appendonly")
    if persistence == "no":
        warnings.append(
            "appendonly is off: a crash of Redis loses acknowledged events; "
            "run `redis-cli CONFIG SET appendonly yes` and set it in redis.conf"
        )
    limit, policy = await config_of(bus, "maxmemory"), await config_of(bus, "maxmemory-policy")
    if limit not in ("0", None) and policy != "noeviction":
        warnings.append("maxmemory-policy may evict streams; set it to noeviction")
    seconds, micros = await bus.call("TIME")
    skew = abs(int(seconds) + int(micros) / 1e6 - time.time())
    if skew > 5:
        warnings.append(
            f"the clock of Redis and of this host differ by {skew:.0f} s; cooldowns and claims need one time"
        )
    return warnings


async def server_version(bus: Bus) -> str:
    """`redis_version` as INFO says it."""
    return str(info_of(await bus.call("INFO", "server")).get("redis_version", "?"))


async def config_of(bus: Bus, key: str) -> str | None:
    """CONFIG GET of one option; None where an ACL forbids the question. Raises BusDown."""
    try:
        reply = await bus.call("CONFIG", "GET", key)
    except redis.exceptions.ResponseError:  # an ACL without CONFIG: nothing to say
        return None
    value = pairs_of(reply).get(key)
    return None if value is None else text_of(value)
