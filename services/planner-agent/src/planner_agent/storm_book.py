"""Which trouble of a node may be a storm, or is part of one, in Redis, for all planners. Decides nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pydantic import ValidationError

from mesh_core.incidents.rule import ends
from mesh_core.incidents.storm import WITHIN_SECONDS, Member, member_of
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.scripts.planning import NOTE_MEMBER
from mesh_core.models.events import HealthEvent

NOTED_SECONDS = 600  # what is in no storm after that time counts for none
MOST_MEMBERS = 256  # of a node: what comes beyond that is neither kept nor listed


class StormBook:
    """Every method raises BusDown, and may be repeated."""

    def __init__(self, bus: Bus, *, keep_seconds: int):
        self._bus = bus
        self._keep_seconds = keep_seconds

    async def note(self, event: HealthEvent) -> tuple[Member, list[Member]]:
        """What is known of this trouble, from now on at the latest, and all that is known beside it."""
        mine = member_of(event)
        arguments: list[object] = [mine.key, mine.wire(), MOST_MEMBERS, NOTED_SECONDS]
        members = _read(await self._bus.script(NOTE_MEMBER, [_key(event.node)], arguments))
        past = [one for one in members if not one.storm and one.began_ms < mine.began_ms - 2 * WITHIN_SECONDS * 1000]
        await self._remove(_key(event.node), past)
        return next((one for one in members if one.key == mine.key), mine), members

    async def members_beside(self, event: HealthEvent) -> list[Member]:
        """What is known where this would be a member, or is the storm."""
        return _read(await self._bus.call("HVALS", _key(event.node)))

    async def join(self, event: HealthEvent, members: Collection[Member], storm: str) -> None:
        """All of these are told by that proposal."""
        pipe = self._bus.redis.pipeline(transaction=False)
        for one in members:
            pipe.hset(_key(event.node), one.key, one.model_copy(update={"storm": storm}).wire())
        pipe.expire(_key(event.node), self._keep_seconds)
        await self._bus.run(pipe)

    async def leave(self, event: HealthEvent) -> None:
        """It is told in another way."""
        await self._remove(_key(event.node), [member_of(event)])

    async def end(self, recoveries: Sequence[HealthEvent]) -> None:
        """What these end is no part of any storm. One round trip for what is known, one for what goes."""
        keys = sorted({_key(recovery.node) for recovery in recoveries})
        if not keys:
            return
        pipe = self._bus.redis.pipeline(transaction=False)
        for key in keys:
            pipe.hvals(key)
        for key, rows in zip(keys, await self._bus.run(pipe), strict=True):
            over = [one for one in _read(rows) if any(ends(recovery, one.trouble) for recovery in recoveries)]
            await self._remove(key, over)

    async def _remove(self, key: str, members: Collection[Member]) -> None:
        if members:
            await self._bus.call("HDEL", key, *(one.key for one in members))


def _key(node: str) -> str:
    return f"mesh:storm:{node}"


def _read(rows: Iterable[bytes]) -> list[Member]:
    """Without what a newer planner wrote in another form."""
    members = []
    for row in rows:
        try:
            members.append(Member.model_validate_json(row))
        except ValidationError:
            continue
    return members
