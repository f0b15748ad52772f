"""Which trouble may be a storm, or is part of one, in Redis, for all planners. Decides nothing.

A place is a node, or all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from mesh_core.incidents.rule import ends
from mesh_core.incidents.storm import ALL_NODES, WITHIN_SECONDS, Member, member_of, places_of
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.rows import read_rows
from mesh_core.messaging.scripts.planning import NOTE_MEMBER
from mesh_core.models.events import HealthEvent

NOTED_SECONDS = 600  # what is in no storm after that time counts for none
MOST_MEMBERS = 256  # of a place: what comes beyond that is neither kept nor listed


class StormBook:
    """Every method raises BusDown, and may be repeated."""

    def __init__(self, bus: Bus, *, keep_seconds: int):
        self._bus = bus
        self._keep_seconds = keep_seconds

    async def note(self, place: str, event: HealthEvent) -> tuple[Member, list[Member]]:
        """What is known of this trouble there, from now on at the latest, and all that is known beside it."""
        mine = member_of(event)
        arguments: list[object] = [mine.key, mine.wire(), MOST_MEMBERS, NOTED_SECONDS]
        members = read_rows(Member, await self._bus.script(NOTE_MEMBER, [_key(place)], arguments))
        past = [one for one in members if not one.storm and one.began_ms < mine.began_ms - 2 * WITHIN_SECONDS * 1000]
        await self._remove(place, past)
        return next((one for one in members if one.key == mine.key), mine), members

    async def members_at(self, place: str) -> list[Member]:
        return read_rows(Member, await self._bus.call("HVALS", _key(place)))

    async def told(self, event: HealthEvent) -> Member | None:
        """What is known of this trouble where a storm tells it; None for nowhere. One round trip."""
        pipe = self._bus.redis.pipeline(transaction=False)
        for place in places_of(event):
            pipe.hget(_key(place), member_of(event).key)
        rows = [row for row in await self._bus.run(pipe) if row]
        return next((one for one in read_rows(Member, rows) if one.storm), None)

    async def join(self, place: str, members: Collection[Member], storm: str, in_common: str) -> None:
        """All of these are told by that proposal; those of all nodes by none of their own."""
        pipe = self._bus.redis.pipeline(transaction=False)
        for one in members:
            told = one.model_copy(update={"storm": storm, "in_common": in_common})
            pipe.hset(_key(place), one.key, told.wire())
            if place == ALL_NODES:
                pipe.hdel(_key(one.trouble.node), one.key)
        pipe.expire(_key(place), self._keep_seconds)
        await self._bus.run(pipe)

    async def leave(self, event: HealthEvent, places: Iterable[str]) -> None:
        """It is told in another way."""
        for place in places:
            await self._remove(place, [member_of(event)])

    async def end(self, recoveries: Sequence[HealthEvent]) -> None:
        """What these end is no part of any storm. One round trip for what is known, one for what goes."""
        if not recoveries:
            return
        places = sorted({ALL_NODES, *(recovery.node for recovery in recoveries)})
        pipe = self._bus.redis.pipeline(transaction=False)
        for place in places:
            pipe.hvals(_key(place))
        for place, rows in zip(places, await self._bus.run(pipe), strict=True):
            over = [
                one for one in read_rows(Member, rows) if any(ends(recovery, one.trouble) for recovery in recoveries)
            ]
            await self._remove(place, over)

    async def _remove(self, place: str, members: Collection[Member]) -> None:
        if members:
            await self._bus.call("HDEL", _key(place), *(one.key for one in members))


def _key(place: str) -> str:
    return f"mesh:storm:{place}"
