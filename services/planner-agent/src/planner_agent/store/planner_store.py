"""What all planners remember together, in Redis: gates, occurrences, decisions, recoveries; `history`: what was run.

Every call may be repeated. Nothing here decides; a wiped Redis costs memory, never a proposal that lies in its folder.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from mesh_core.approvals.proposal_files import Receipt
from mesh_core.incidents.rule import OpenTrouble, Trouble, addresses_of, addresses_reached
from mesh_core.incidents.subject import subject_of
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.group_commands import Entry
from mesh_core.messaging.scripts.planning import (
    BEGIN,
    COUNT,
    DECIDE,
    FREE_GATE,
    GATE,
    MARK_RECOVERED,
    PUT_DOWN,
    RENEW_GATE,
    SETTLE,
    TAKE_GATE,
    TELL_FILED,
)
from mesh_core.models.events import Decision, DecisionVerdict, HealthEvent
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.streams import OCCURRENCES_KEY, entered_ms
from mesh_core.runtime.metrics import DECISIONS
from mesh_core.silences.silence import MAX_DAYS
from planner_agent.store.target_history import TargetHistory
from planner_agent.store.worsening import Weight

GROUP = "planner"  # of consumers, in each stream that planners read
RECOVERED_MS = 600_000
SILENCED_SECONDS = (MAX_DAYS + 1) * 86400


class Gate(NamedTuple):
    """The id of the event that holds the gate of a subject, '' if ours may go on; the worst that was told there."""

    holder: str
    reported: Weight | None


@dataclass(frozen=True)
class KnownTrouble:
    """An entry whose trouble has a proposal already, that of the event `owner`, and the decision that says so."""

    entry: Entry
    owner: str
    decision: Decision


class PlannerStore:
    """One planner's view of it. `cooldown_ms` is the gate's, `keep_seconds` how long a decision is remembered."""

    def __init__(self, bus: Bus, *, cooldown_ms: int, keep_seconds: int):
        self._bus = bus
        self._cooldown_ms = cooldown_ms
        self._keep_seconds = keep_seconds
        self.history = TargetHistory(bus)
        self._life = secrets.token_hex(8)

    async def pass_gates(self, events: Sequence[HealthEvent], *, at_least_ms: int = 0) -> list[Gate]:
        """For each event the gate of its subject, closed so long however short the cooldown is. One round trip."""
        gates = []
        for reply in await self._for_gates(GATE, events, [max(self._cooldown_ms, at_least_ms)], _reported_key):
            holder, reported = cast("list[bytes]", reply)
            gates.append(Gate(holder.decode(), Weight.read(reported)))
        return gates

    async def take_gate(self, event: HealthEvent, holder: str) -> bool:
        """The gate is ours from now on, because it got worse; False if it is not `holder` any more that has it."""
        arguments: list[object] = [event.id, holder, self._cooldown_ms]
        return bool(await self._bus.script(TAKE_GATE, [_gate(event)], arguments))

    async def gate_holder(self, event: HealthEvent) -> str:
        """Whose event has the gate now; '' for nobody's."""
        return (await self._bus.call("GET", _gate(event)) or b"").decode()

    async def tell_weight(self, event: HealthEvent, weight: Weight) -> None:
        """The worst that was told of this subject; it outlives the gate by far."""
        await self._bus.call("SET", _reported_key(event), weight.wire(), "EX", self._keep_seconds)

    async def renew_gates(self, events: Sequence[HealthEvent], at_least_ms: int) -> None:
        """Keep the gates of what is still being planned closed, however short the cooldown is."""
        await self._for_gates(RENEW_GATE, events, [at_least_ms])

    async def free_gate(self, event: HealthEvent, holder: str | None = None) -> None:
        """The proposal of this event (or of `holder`, if that has the gate) is gone: the next trouble counts as new."""
        await self._bus.script(FREE_GATE, [_gate(event)], [holder or event.id])

    async def free_gate_of(self, run: HealthEvent) -> None:
        """The same after a run, as its executor tells it: of the trouble that it was for."""
        subject, owner = run.payload.get("subject"), run.payload.get("event_id")
        if isinstance(subject, str) and isinstance(owner, str):  # an executor of before says neither
            await self._bus.script(FREE_GATE, [_gate_of(subject)], [owner])

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

    async def _for_gates(
        self,
        script: str,
        events: Sequence[HealthEvent],
        arguments: list[Any],
        *more_keys: Callable[[HealthEvent], str],
    ) -> list[object]:
        if not events:
            return []
        runner = self._bus.redis.register_script(script)
        pipe = self._bus.redis.pipeline(transaction=False)
        for event in events:
            keys = [_gate(event), *(key(event) for key in more_keys)]
            await runner(keys=keys, args=[event.id or "", *arguments], client=pipe)
        return await self._bus.run(pipe)


def _gate(event: HealthEvent) -> str:
    return _gate_of(subject_of(event))


def _gate_of(subject: str) -> str:
    return f"cooldown:{subject}"


def _reported_key(event: HealthEvent) -> str:
    return f"cooldown:told of {subject_of(event)}"  # no node has a blank in its name


def _mark(address: str) -> str:
    return f"mesh:well:{address}"


def _incident(incident: str) -> str:
    return f"mesh:incident:{incident}"


def _silenced(silence_id: str) -> str:
    return f"mesh:silenced:{silence_id}"


def _noted(trouble: Trouble) -> str:
    return json.dumps(OpenTrouble(trouble.node, trouble.service, trouble.type, trouble.incident))
