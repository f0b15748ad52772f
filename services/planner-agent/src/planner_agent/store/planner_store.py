"""What all planners remember together, in Redis: occurrences, decisions, recoveries; `gates`; `history`: what was run.

Every call may be repeated. Nothing here decides; a wiped Redis costs memory, never a proposal that lies in its folder.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from mesh_core.approvals.proposal_files import Receipt
from mesh_core.incidents.rule import OpenTrouble, Trouble, addresses_of, addresses_reached
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.group_commands import Entry
from mesh_core.messaging.scripts.planning import (
    BEGIN,
    COUNT,
    DECIDE,
    MARK_RECOVERED,
    PUT_DOWN,
    SETTLE,
    TELL_FILED,
)
from mesh_core.models.events import Decision, DecisionVerdict, HealthEvent
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.streams import OCCURRENCES_KEY, entered_ms
from mesh_core.runtime.metrics import DECISIONS
from mesh_core.silences.silence import MAX_DAYS
from planner_agent.store.gates import Gates
from planner_agent.store.target_history import TargetHistory

GROUP = "planner"  # of consumers, in each stream that planners read
RECOVERED_MS = 600_000
SILENCED_SECONDS = (MAX_DAYS + 1) * 86400


@dataclass(frozen=True)
class KnownTrouble:
    """An entry whose trouble has a proposal already, that of the event `owner`, and the decision that says so."""

    entry: Entry
    owner: str
    decision: Decision


class PlannerStore:
    """One planner's view of it. `cooldown_ms` is the gates', `keep_seconds` how long a decision is remembered."""

    def __init__(self, bus: Bus, *, cooldown_ms: int, keep_seconds: int):
        self._bus = bus
        self._keep_seconds = keep_seconds
        self.gates = Gates(bus, cooldown_ms=cooldown_ms, keep_seconds=keep_seconds)
        self.history = TargetHistory(bus)
        self._life = secrets.token_hex(8)

    async def publish(self, decisions: Sequence[Decision]) -> None:
        """Decisions about events that need nothing more. Repeating it is harmless: the newest one counts."""
        if not decisions:
            return
        pipe = self._bus.redis.pipeline(transaction=False)
        for decision in decisions:
            pipe.xadd(Decision.stream, {"p": decision.wire()})
        await self._bus.run(pipe)
        for decision in decisions:
            DECISIONS.add(decision.verdict)

    async def mark_recovered(self, recoveries: Sequence[HealthEvent]) -> None:
        """It was well there at that moment: whoever is planning older trouble that this ends must look again."""
        moments: dict[str, int] = {}
        for recovery in recoveries:
            for address in addresses_reached(recovery):
                moments[_mark(address)] = max(moments.get(_mark(address), 0), entered_ms(recovery.id or ""))
        if moments:
            await self._bus.script(MARK_RECOVERED, list(moments), [RECOVERED_MS, *moments.values()])

    async def recovered_after(self, trouble: HealthEvent) -> bool:
        """Was a recovery heard that ends this, and came after it?"""
        moments = [await self._bus.call("GET", _mark(address)) for address in sorted(addresses_of(trouble))]
        return any(moment is not None and int(moment) > entered_ms(trouble.id or "") for moment in moments)

    async def note_silenced(self, silenced: Sequence[tuple[str, HealthEvent]]) -> None:
        """What an acknowledgement (by its id) keeps quiet: it holds until all of that is over."""
        if not silenced:
            return
        pipe = self._bus.redis.pipeline(transaction=False)
        for silence_id, event in silenced:
            pipe.sadd(_silenced(silence_id), _noted(event))
            pipe.expire(_silenced(silence_id), SILENCED_SECONDS)
        await self._bus.run(pipe)

    async def still_silenced(self, silence_id: str) -> tuple[OpenTrouble, ...]:
        """What it keeps quiet, as far as it is not over."""
        return tuple(OpenTrouble(*json.loads(row)) for row in await self._bus.call("SMEMBERS", _silenced(silence_id)))

    async def end_silenced(self, silence_id: str, over: Sequence[OpenTrouble]) -> None:
        if over:
            await self._bus.call("SREM", _silenced(silence_id), *(_noted(trouble) for trouble in over))

    async def count(self, known: Sequence[KnownTrouble]) -> None:
        """Trouble came back while a proposal waits: counted there once, decided and acknowledged. One round trip."""
        if not known:
            return
        runner = self._bus.redis.register_script(COUNT)
        pipe = self._bus.redis.pipeline(transaction=False)
        for one in known:
            keys = [one.entry.stream, Decision.stream, OCCURRENCES_KEY]
            await runner(keys=keys, args=[GROUP, one.entry.id, one.owner, one.decision.wire()], client=pipe)
        await self._bus.run(pipe)
        for one in known:
            DECISIONS.add(one.decision.verdict)

    async def begin(self, action_id: str) -> int:
        """How many planners began to work on this and were gone before its end, this one included."""
        return int(await self._bus.script(BEGIN, [f"proposal:{action_id}"], [self._life, self._keep_seconds]))

    async def put_down(self, action_id: str) -> None:
        """We stop in good order: what we began here is not held against it."""
        await self._bus.script(PUT_DOWN, [f"proposal:{action_id}"], [self._life])

    async def begun(self, action_ids: Sequence[str]) -> list[int]:
        """How often work on each of these began and did not come to its end. One round trip."""
        if not action_ids:
            return []
        pipe = self._bus.redis.pipeline(transaction=False)
        for action_id in action_ids:
            pipe.hget(f"proposal:{action_id}", "begun")
        return [int(count or 0) for count in await self._bus.run(pipe)]

    async def reopen(self, incident: str) -> None:
        """It does not count as decided any more."""
        await self._bus.call("DEL", _incident(incident))

    async def decided_incident(self, event: HealthEvent) -> str | None:
        """The event by which this very incident was decided before, if there was one."""
        if event.incident is None:
            return None
        owner = await self._bus.call("GET", _incident(event.incident))
        return owner.decode() if owner and owner.decode() != event.id else None

    async def decided(self, action_id: str) -> Receipt | None:
        """Which draft is the proposal, if that was decided, and what is said once it is filed."""
        token = await self._bus.call("HGET", f"proposal:{action_id}", "token")
        if not token:
            return None
        return Receipt(token.decode(), await self._bus.call("HGET", f"proposal:{action_id}", "update") or b"")

    async def decide(self, action_id: str, ours: Receipt) -> Receipt:
        """The draft that counts for this id: ours, or that of somebody who was faster."""
        arguments: list[object] = [ours.token, ours.update, self._keep_seconds]
        token, update = await self._bus.script(DECIDE, [f"proposal:{action_id}"], arguments)
        return Receipt(bytes(token).decode(), bytes(update or b""))

    async def settle(self, entry: Entry, event: HealthEvent, decision: Decision, action_id: str) -> None:
        """The event is dealt with: told once, remembered, acknowledged."""
        state = "filed" if decision.verdict is DecisionVerdict.PROPOSED else decision.verdict
        incident = _incident(event.incident) if event.incident and state in ("filed", "ignored") else ""
        keys = [f"proposal:{action_id}", entry.stream, ActionUpdate.stream, Decision.stream, incident]
        arguments: list[object] = [GROUP, entry.id, state, decision.wire(), self._keep_seconds]
        await self._bus.script(SETTLE, keys, [*arguments, ActionUpdate.channel, event.id])
        DECISIONS.add(decision.verdict)

    async def tell_filed(self, action_id: str) -> None:
        """The proposal lies in pending/, and no event is settled with it: told once."""
        arguments: list[object] = [self._keep_seconds, ActionUpdate.channel]
        await self._bus.script(TELL_FILED, [f"proposal:{action_id}", ActionUpdate.stream], arguments)


def _mark(address: str) -> str:
    return f"mesh:well:{address}"


def _incident(incident: str) -> str:
    return f"mesh:incident:{incident}"


def _silenced(silence_id: str) -> str:
    return f"mesh:silenced:{silence_id}"


def _noted(trouble: Trouble) -> str:
    return json.dumps(OpenTrouble(trouble.node, trouble.service, trouble.type, trouble.incident))
