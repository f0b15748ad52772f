"""Checks of Redis: does it answer, is it new enough, does it keep things, does its clock agree. Writes nothing."""

from __future__ import annotations

from mend.doctor.finding import Finding, broken, ok, warning
from mend.output.text import plain
from mesh_core.messaging.bus import NOT_SERVED, Bus, BusDown, masked
from mesh_core.messaging.redis_limits import LIMITS
from mesh_core.messaging.redis_settings import check_server, config_of, server_version
from mesh_core.messaging.redis_state import RedisState, away, read_state, refusal_of

OLDEST = (6, 2)
WANTED = (7, 0)


async def check_redis(url: str) -> list[Finding]:
    """One finding for the server, one for each thing about it that is unsafe."""
    bus = Bus.connect(url, "mend-doctor")
    try:
        version = await server_version(bus)
        warnings = await check_server(bus)
        state = await read_state(bus)
        wanted = int(await config_of(bus, "min-replicas-to-write") or 0)
    except BusDown as error:
        found, fix = away(url, error)
        return [broken("redis", plain(found, 300), fix)]
    except NOT_SERVED as error:
        return [
            broken("redis", f"{masked(url)}: {plain(refusal_of(error), 400)}", "name the user of a person in REDIS_URL")
        ]
    finally:
        await bus.close()
    findings = [_version(version, url), *_writes(state), *_replicas(state.replicas, wanted)]
    findings += [warning("redis", plain(sentence), "") for sentence in warnings]
    if not warnings:
        findings.append(ok("redis", "appendonly is on, nothing is evicted, its clock agrees with ours"))
    return findings


def _writes(state: RedisState) -> list[Finding]:
    if state.refusal:
        return [broken("redis", plain(state.refusal, 300), "")]
    if not state.most_bytes:
        words = " ".join(("maxmemory", *LIMITS["maxmemory"]))
        found = "no maxmemory: a flood ends in the kernel's out-of-memory killer, and so does each start after it"
        return [warning("redis", found, f"set `{words}` and the other options of docker-compose.yml")]
    return []


def _replicas(connected: int, wanted: int) -> list[Finding]:
    """How many replicas may go before Redis refuses writes."""
    if not wanted:
        return []
    found = f"{connected} replica(s) keep up, min-replicas-to-write is {wanted}"
    fix = "start the missing replica, or run `redis-cli CONFIG SET min-replicas-to-write 0` and set it so in redis.conf"
    if connected < wanted:
        return [broken("redis replicas", f"{found}: all writes are refused", fix)]
    if connected == wanted:
        found += ": without one of them all writes stop"
        return [warning("redis replicas", found, f"one more replica, or: {fix}")]
    return [ok("redis replicas", found)]


def _version(version: str, url: str) -> Finding:
    found = f"version {version} at {masked(url)}"
    try:
        number = tuple(int(part) for part in version.split(".")[:2])
    except ValueError:
        return warning("redis", found, "its version could not be read; 7.0 or newer is needed")
    if number < OLDEST:
        return broken("redis", found, "too old: it lacks XAUTOCLAIM; install Redis 7 or Valkey")
    if number < WANTED:
        return warning("redis", found, "older than 7.0: status cannot tell how far a group is behind")
    return ok("redis", found)
