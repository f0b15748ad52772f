"""What the engine's events told us about each container: deaths, OOM kills, and whether a person meant it. Pure.

Keyed by container id, because a recreated container starts with a clean record. Never asks the engine anything.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

INTENT_SECONDS = 600.0  # `docker stop -t 300`: the death may come that long after the signal
LATE_OOM_SECONDS = 5.0  # the engine hears of an OOM kill and of the death on two ways: either comes first
_STOP_SIGNALS = frozenset({"2", "3", "9", "15", "int", "quit", "kill", "term"})  # HUP is a wish to reload
_KEEP = 512


@dataclass(slots=True)
class ContainerRecord:
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=32))  # engine's unix seconds
    oom_deaths: deque[float] = field(default_factory=lambda: deque(maxlen=32))
    oom_at: float = float("-inf")
    signal_at: float = float("-inf")
    stopped_by_person: bool = False  # the last death was meant
    oom_killed: bool = False  # the last death was the kernel's
    seen_running: bool = False


class ContainerHistory:
    """Takes events in the order in which the engine gives them."""

    def __init__(self) -> None:
        self._records: dict[str, ContainerRecord] = {}
        self.last_event: float = 0.0
        self._seen: dict[int, None] = {}

    def apply(self, event: dict[str, Any]) -> str | None:
        """The id of the container that this event is about, or None if it was seen before or says nothing."""
        try:
            actor = event["Actor"]
            container_id, action = str(actor["ID"]), str(event["Action"])
            at = int(event["timeNano"]) / 1e9
        except (KeyError, TypeError, ValueError):
            return None
        # A new stream begins with what we heard already (`since` is inclusive). Times are no order: clocks jump back.
        if not self._is_new(hash((container_id, action, at))):
            return None
        self.last_event = at
        record = self.record(container_id)
        if action == "kill":
            signal = str(actor.get("Attributes", {}).get("signal", "15")).lower().removeprefix("sig")
            if signal in _STOP_SIGNALS:
                record.signal_at = at
        elif action == "stop":  # comes right after the death, also where the image has a stop signal of its own
            record.stopped_by_person, record.oom_killed = True, False
            for deaths in (record.deaths, record.oom_deaths):
                if deaths and at - deaths[-1] < 5:
                    deaths.pop()
        elif action == "oom":
            record.oom_at = at
            if record.deaths and 0 <= at - record.deaths[-1] < LATE_OOM_SECONDS and not record.oom_killed:
                record.oom_deaths.append(record.deaths[-1])
                record.oom_killed = True
        elif action == "die":
            record.stopped_by_person = 0 <= at - record.signal_at <= INTENT_SECONDS
            record.oom_killed = not record.stopped_by_person and at - record.oom_at < 60
            if not record.stopped_by_person:
                record.deaths.append(at)
            if record.oom_killed:
                record.oom_deaths.append(at)
            record.seen_running = True
        elif action == "start":
            record.signal_at = record.oom_at = float("-inf")
            record.stopped_by_person = record.oom_killed = False
            record.seen_running = True
        elif action == "destroy":
            self._records.pop(container_id, None)
        return container_id

    def record(self, container_id: str) -> ContainerRecord:
        record = self._records.get(container_id)
        if record is None:
            if len(self._records) >= _KEEP:
                self._records.pop(next(iter(self._records)))
            record = self._records[container_id] = ContainerRecord()
        return record

    def deaths_since(self, container_id: str, since: float) -> tuple[int, int]:
        """(deaths, of which by OOM) that nobody meant, from `since` on."""
        record = self.record(container_id)
        return sum(at >= since for at in record.deaths), sum(at >= since for at in record.oom_deaths)

    def keep_only(self, container_ids: set[str]) -> None:
        for gone in self._records.keys() - container_ids:
            del self._records[gone]

    def _is_new(self, event: int) -> bool:
        if event in self._seen:
            return False
        if len(self._seen) >= _KEEP:
            del self._seen[next(iter(self._seen))]
        self._seen[event] = None
        return True
