"""What the engine's events told us about each container: deaths, OOM kills, and who meant it. Pure.

Keyed by container id, because a recreated container starts with a clean record. Never asks the engine anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from node_agent.checks.crash_rhythm import CRASHES_KEPT

INTENT_SECONDS = 600.0  # `docker stop -t 300`: the death may come that long after the signal
LATE_OOM_SECONDS = 5.0  # the engine hears of an OOM kill and of the death on two ways: either comes first
_STOP_SIGNALS = frozenset({"2", "3", "9", "15", "int", "quit", "kill", "term"})  # HUP is a wish to reload
# An engine that ends asks all its containers to stop at the same moment, and is gone as soon as the last of them is.
AT_ONCE_SECONDS = 5.0
GONE_AFTER_SECONDS = 15.0
_RELOAD_SIGNALS = frozenset({"1", "10", "12", "hup", "usr1", "usr2"})  # no image is stopped with one of these
_KEEP = 512
_NEVER = float("-inf")


@dataclass(slots=True)
class ContainerRecord:
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=32))  # engine's unix seconds
    oom_deaths: deque[float] = field(default_factory=lambda: deque(maxlen=32))
    crashes: deque[float] = field(default_factory=lambda: deque(maxlen=CRASHES_KEPT))  # deaths with another code than 0
    oom_at: float = _NEVER
    signal_at: float = _NEVER
    asked_at: float = _NEVER  # the first of the signals that were to end it
    died_at: float = _NEVER
    stopped_by_person: bool = False  # the last death was meant
    ended_with_engine: bool = False  # the last death was the engine's own end, or the host's
    oom_killed: bool = False  # the last death was the kernel's
    starts: int = 0  # that were heard of
    seen_running: bool = False
    running: bool = False

    def runs(self) -> None:
        """It was seen running."""
        self.seen_running, self.running, self.ended_with_engine = True, True, False

    def signalled(self, signal: str, at: float) -> None:
        """`signal`: its number, or its name in lower case without SIG."""
        if signal not in _RELOAD_SIGNALS and at - self.asked_at > INTENT_SECONDS:
            self.asked_at = at
        if signal in _STOP_SIGNALS:
            self.signal_at = at

    def stopped(self, at: float) -> None:
        """Comes right after the death, also where the image has a stop signal of its own."""
        self.stopped_by_person, self.oom_killed = True, False
        for deaths in (self.deaths, self.oom_deaths):
            if deaths and at - deaths[-1] < 5:
                deaths.pop()
        self.crashes.clear()  # as the engine does with its own count: somebody saw to it

    def ran_out_of_memory(self, at: float) -> None:
        self.oom_at = at
        if self.deaths and 0 <= at - self.deaths[-1] < LATE_OOM_SECONDS and not self.oom_killed:
            self.oom_deaths.append(self.deaths[-1])
            self.oom_killed = True

    def died(self, at: float, exit_code: str) -> None:
        self.died_at, self.running, self.ended_with_engine = at, False, False
        self.stopped_by_person = 0 <= at - self.signal_at <= INTENT_SECONDS
        self.oom_killed = not self.stopped_by_person and at - self.oom_at < 60
        if not self.stopped_by_person:
            self.deaths.append(at)
            if exit_code != "0":
                self.crashes.append(at)
        if self.oom_killed:
            self.oom_deaths.append(at)
        self.seen_running = True

    def started(self) -> None:
        self.signal_at = self.asked_at = self.oom_at = _NEVER
        self.stopped_by_person = self.oom_killed = False
        self.starts += 1
        self.runs()


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
        attributes = actor.get("Attributes", {})
        if action == "kill":
            record.signalled(str(attributes.get("signal", "15")).lower().removeprefix("sig"), at)
        elif action == "stop":
            record.stopped(at)
        elif action == "oom":
            record.ran_out_of_memory(at)
        elif action == "die":
            # The latter name: older Podmans.
            record.died(at, str(attributes.get("exitCode", attributes.get("containerExitCode", "0"))))
        elif action == "start":
            record.started()
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

    def ran_until(self, at: float) -> frozenset[str]:
        """Who ran then, if the engine ended then (unix seconds): what it stopped at its end, no person stopped."""
        return frozenset((*(key for key, record in self._records.items() if record.running), *self._last_stopped(at)))

    def _last_stopped(self, at: float) -> list[str]:
        """Who was stopped just before, at the same moment as all that ran: by an engine that ends, by no person."""
        stopped = {key: record for key, record in self._records.items() if record.stopped_by_person}
        if not stopped or at - max(record.died_at for record in stopped.values()) > GONE_AFTER_SECONDS:
            return []
        asked = {key: max(record.asked_at, record.died_at - INTENT_SECONDS) for key, record in stopped.items()}
        last = max(asked.values())
        if any(record.running and last - record.asked_at > AT_ONCE_SECONDS for record in self._records.values()):
            return []
        return [key for key, asked_at in asked.items() if last - asked_at <= AT_ONCE_SECONDS]

    def ended_with_engine(self, container_ids: Iterable[str]) -> None:
        """These ran until the engine or the host ended; whoever runs again is found out by the next look."""
        for container_id in container_ids:
            record = self.record(container_id)
            record.stopped_by_person, record.ended_with_engine = False, True

    def dump(self, now: float) -> dict[str, Any]:
        """What a later agent has to know, as plain JSON: who runs, if the engine ends now, and who crashed when."""
        records = self._records.items()
        return {
            "running": sorted(self.ran_until(now)),
            "ended_with_engine": [key for key, record in records if record.ended_with_engine],
            "crashes": {key: list(record.crashes) for key, record in records if record.crashes},
        }

    def load(self, dumped: Mapping[str, Any]) -> frozenset[str]:
        """The opposite of `dump`; returns who ran then. ValueError, TypeError or AttributeError if it is unfit."""
        for container_id, crashes in dumped.get("crashes", {}).items():
            self.record(container_id).crashes.extend(float(at) for at in crashes)
        self.ended_with_engine(map(str, dumped.get("ended_with_engine", [])))
        return frozenset(map(str, dumped.get("running", [])))

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
