"""Which troubles are known that explain others, in Redis, for all planners; and what each was found to explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mesh_core.incidents.causes import Cause, nodes_needed, places_needed
from mesh_core.incidents.causes_over import CauseOver
from mesh_core.incidents.rule import Trouble, ends
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.explained import Explained, explained_by
from mesh_core.messaging.rows import read_rows
from mesh_core.models.events import HealthEvent
from mesh_core.models.streams import EXPLAINED_PREFIX, entered_ms

MOST_NODES = 64  # that are looked at for one trouble


class KnownCauses(NamedTuple):
    """What may explain one event: what lasts, and what is over."""

    lasting: list[Cause]
    over: list[CauseOver]


class CauseBook:
    """Every method but `explained_by` raises BusDown, and may be repeated."""

    def __init__(self, bus: Bus, *, keep_seconds: int):
        self._bus = bus
        self._keep_seconds = keep_seconds

    async def known_for(self, event: HealthEvent) -> KnownCauses:
        """Those of its node, of the nodes where something is that it needs, and of those that are needed there in turn.
        One round trip, and one more for each such turn."""
        known, asked, nodes = KnownCauses([], []), set[str](), _nodes(event)
        while nodes and len(asked) < MOST_NODES:
            asked.update(nodes)
            lasting, over = await self._at(nodes)
            known.lasting.extend(lasting)
            known.over.extend(over)
            needed = [node for cause in lasting for node in nodes_needed(cause)]
            nodes = [node for node in dict.fromkeys(needed) if node not in asked]
        return known

    async def note(self, cause: Cause) -> None:
        pipe = self._bus.redis.pipeline(transaction=False)
        pipe.hset(_causes(cause.node), cause.subject, cause.wire())
        pipe.expire(_causes(cause.node), self._keep_seconds)
        await self._bus.run(pipe)

    async def forget(self, node: str, subjects: Sequence[str]) -> None:
        if subjects:
            await self._bus.call("HDEL", _causes(node), *subjects)

    async def end(self, recoveries: Sequence[HealthEvent]) -> None:
        """What these end explains nothing any more."""
        nodes = sorted({recovery.node for recovery in recoveries})
        lasting, _ = await self._at(nodes)
        for node in nodes:
            over = [
                CauseOver(cause=cause, at_ms=entered_ms(recovery.id or ""))
                for cause in lasting
                for recovery in recoveries
                if cause.node == node and ends(recovery, cause)
            ]
            await self._note_over(node, over)
            await self.forget(node, [one.cause.subject for one in over])

    async def _note_over(self, node: str, over: Sequence[CauseOver]) -> None:
        if not over:
            return
        pipe = self._bus.redis.pipeline(transaction=False)
        for one in over:
            pipe.hset(_over(node), one.cause.subject, one.wire())
        pipe.expire(_over(node), self._keep_seconds)
        await self._bus.run(pipe)

    async def note_explained(self, trouble: Trouble, cause: Cause) -> None:
        """For whoever reads the card of the cause."""
        await self._list({f"{trouble.node}/{trouble.service or ''}": trouble.type}, cause)

    async def hand_on(self, action_id: str, cause: Cause) -> None:
        """What that proposal explained stands on the card of its own cause from now on."""
        listed: dict[bytes, bytes] = await self._bus.call("HGETALL", f"{EXPLAINED_PREFIX}{action_id}")
        if listed and action_id != cause.told_by:
            await self._list({place.decode(): type_.decode() for place, type_ in listed.items()}, cause)

    async def _list(self, types: Mapping[str, str], cause: Cause) -> None:
        """`types`: of the trouble at each place."""
        key = f"{EXPLAINED_PREFIX}{cause.told_by}"
        pipe = self._bus.redis.pipeline(transaction=False)
        for place, type_ in types.items():
            pipe.hset(key, place, type_)
        pipe.expire(key, self._keep_seconds)
        await self._bus.run(pipe)

    async def explained_by(self, action_id: str) -> list[Explained]:
        return await explained_by(self._bus, action_id)

    async def _at(self, nodes: Sequence[str]) -> KnownCauses:
        """Of these nodes. One round trip."""
        if not nodes:
            return KnownCauses([], [])
        pipe = self._bus.redis.pipeline(transaction=False)
        for node in nodes:
            pipe.hvals(_causes(node))
            pipe.hvals(_over(node))
        found = await self._bus.run(pipe)
        return KnownCauses(
            [cause for rows in found[::2] for cause in read_rows(Cause, rows)],
            [cause for rows in found[1::2] for cause in read_rows(CauseOver, rows)],
        )


def _causes(node: str) -> str:
    return f"mesh:causes:{node}"


def _over(node: str) -> str:
    return f"mesh:causes:over:{node}"


def _nodes(event: HealthEvent) -> list[str]:
    """Where a cause of this may be."""
    return [*dict.fromkeys([event.node, *(place.partition("/")[0] for place in places_needed(event))])]
