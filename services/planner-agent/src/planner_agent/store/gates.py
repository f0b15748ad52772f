"""The gates of all planners, in Redis: which event has the cooldown of a subject, and the worst that was told of it.

Every call may be repeated. Nothing here decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from mesh_core.incidents.subject import subject_of
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.scripts.planning import FREE_GATE, GATE, RENEW_GATE, TAKE_GATE
from mesh_core.models.events import HealthEvent
from planner_agent.store.worsening import Weight


class Gate(NamedTuple):
    """The id of the event that holds the gate of a subject, '' if ours may go on; the worst that was told there."""

    holder: str
    reported: Weight | None


class Gates:
    """`cooldown_ms`: how long one stays closed; `keep_seconds`: how long is remembered what was told."""

    def __init__(self, bus: Bus, *, cooldown_ms: int, keep_seconds: int):
        self._bus = bus
        self._cooldown_ms = cooldown_ms
        self._keep_seconds = keep_seconds

    async def pass_each(self, events: Sequence[HealthEvent], *, at_least_ms: int = 0) -> list[Gate]:
        """For each event the gate of its subject, closed so long however short the cooldown is. One round trip."""
        gates = []
        for reply in await self._for_gates(GATE, events, [max(self._cooldown_ms, at_least_ms)], _reported_key):
            holder, reported = cast("list[bytes]", reply)
            gates.append(Gate(holder.decode(), Weight.read(reported)))
        return gates

    async def take(self, event: HealthEvent, holder: str) -> bool:
        """The gate is ours from now on, because it got worse; False if it is not `holder` any more that has it."""
        arguments: list[object] = [event.id, holder, self._cooldown_ms]
        return bool(await self._bus.script(TAKE_GATE, [_gate(event)], arguments))

    async def holder_of(self, event: HealthEvent) -> str:
        """Whose event has the gate now; '' for nobody's."""
        return (await self._bus.call("GET", _gate(event)) or b"").decode()

    async def tell_weight(self, event: HealthEvent, weight: Weight) -> None:
        """The worst that was told of this subject; it outlives the gate by far."""
        await self._bus.call("SET", _reported_key(event), weight.wire(), "EX", self._keep_seconds)

    async def renew(self, events: Sequence[HealthEvent], at_least_ms: int) -> None:
        """Keep the gates of what is still being planned closed, however short the cooldown is."""
        await self._for_gates(RENEW_GATE, events, [at_least_ms])

    async def free(self, event: HealthEvent, holder: str | None = None) -> None:
        """The proposal of this event (or of `holder`, if that has the gate) is gone: the next trouble counts as new."""
        await self._bus.script(FREE_GATE, [_gate(event)], [holder or event.id])

    async def free_after(self, run: HealthEvent) -> None:
        """The same after a run, as its executor tells it: of the trouble that it was for."""
        subject, owner = run.payload.get("subject"), run.payload.get("event_id")
        if isinstance(subject, str) and isinstance(owner, str):  # an executor of before says neither
            await self._bus.script(FREE_GATE, [_gate_of(subject)], [owner])

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
