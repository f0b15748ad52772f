"""Checks of Redis: does it answer, is it new enough, does it keep things, does its clock agree. Writes nothing."""

from __future__ import annotations

from mend.checkup.finding import Finding, broken, ok, warning
from mend.words import plain
from mesh_core.bus import Bus, BusDown, check_server, masked, server_version

OLDEST = (6, 2)
WANTED = (7, 0)


async def check_redis(url: str) -> list[Finding]:
    """One finding for the server, one for each thing about it that is unsafe."""
    bus = Bus.connect(url, "mend-doctor")
    try:
        version = await server_version(bus)
        warnings = await check_server(bus)
    except BusDown as error:
        fix = "start the mesh (`mend up` brings a Redis) or name a running server in REDIS_URL"
        return [broken("redis", f"no answer at {masked(url)}: {plain(error, 200)}", fix)]
    finally:
        await bus.close()
    findings = [_version(version, url)]
    findings += [warning("redis", plain(sentence), "") for sentence in warnings]
    if not warnings:
        findings.append(ok("redis", "appendonly is on, nothing is evicted, its clock agrees with ours"))
    return findings


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
