"""What this agent sees of each service at present, as the note that its sign of life carries. Judges nothing anew.

A service here is what a manager runs (container, unit, program); what is only probed from outside is none. What is in
trouble comes first: a node with more services than the note holds tells of those, and of the others in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from mesh_core.incidents.sighting import note_of
from mesh_core.models.records import rfc3339
from mesh_core.models.sightings import MAX_NOTE_BYTES, MAX_SIGHTINGS, SeenState, Sighting
from mesh_core.security.redaction import pruned
from node_agent.checks.check_result import CheckResult, Condition

_CARRIERS = ("container", "unit", "program")
_MANAGERS = frozenset({"docker", "systemd"})  # who sees one of them alone cannot say that a name is nowhere
# What somebody else needs to judge a service that failed: its agent's own event has all of it.
_TOLD = (
    *("status", "active_state", "sub_state", "state", "result", "exit_code", "oom_killed", "error", "health"),
    *("restart_policy", "restart_count", "first_start", "lived_ms", "labels", "ended", "unit", "source_gone"),
)
_STARTING = frozenset({"starting", "activating", "STARTING"})
_RESTARTING = frozenset({"restarting", "auto-restart", "BACKOFF"})
_QUIET = frozenset({SeenState.RUNNING, SeenState.STOPPED})
_DOWN = frozenset({SeenState.FAILED, SeenState.STOPPED})
_UNSEEN_ENDS = ("removed", "replaced", "before_we_came")  # nothing is there, or nobody saw how it ended


class Sightings:
    """`on_change` is called when a state is another one; `clock` gives unix seconds."""

    def __init__(self, node: str, clock: Callable[[], float], on_change: Callable[[], object]):
        self._node = node
        self._clock = clock
        self._on_change = on_change
        self._looking: set[str] = set()  # probes whose last full round told of all that they see
        self._rows: dict[str, Sighting] = {}  # by the key of the target
        self._lives: dict[str, str] = {}  # likewise: in which life (container, process) it was seen
        self._ports: dict[str, list[int]] = {}  # likewise: at which ports of the node it answers

    def see(self, results: Iterable[CheckResult]) -> None:
        """Some targets were looked at."""
        before = self._states()
        for result in results:
            self._see(result)
        self._tell(before)

    def see_all(self, probe: str, results: Sequence[CheckResult]) -> None:
        """A full round: what is not among them is not there any more."""
        before, keys = self._states(), {result.key for result in results}
        self._looking.add(probe)
        for result in results:
            self._see(result)
        self._forget(key for key in self._of(probe) if key not in keys)
        self._tell(before)

    def lose(self, probe: str) -> None:
        """It sees nothing just now."""
        before = self._states()
        self._looking.discard(probe)
        self._forget(self._of(probe))
        self._tell(before)

    def note(self) -> bytes:
        """At most MAX_SIGHTINGS in MAX_NOTE_BYTES."""
        keys = sorted(self._rows, key=self._order)[:MAX_SIGHTINGS]
        while len(said := self._note_of(keys)) > MAX_NOTE_BYTES:
            keys = keys[: len(keys) * MAX_NOTE_BYTES // (len(said) + 1)]
        return said

    def _order(self, key: str) -> tuple[bool, str]:
        return self._rows[key].state in _QUIET, self._rows[key].service

    def _note_of(self, keys: Sequence[str]) -> bytes:
        complete = len(keys) == len(self._rows) > 0 and self._looking >= _MANAGERS
        return note_of(self._node, [self._rows[key] for key in keys], complete=complete, ports=self._answering(keys))

    def _answering(self, keys: Sequence[str]) -> dict[int, str]:
        """Who answers at each port: the one that is up, else the only one that would; nobody where two may."""
        claims: dict[int, list[Sighting]] = {}
        for key in keys:
            for port in self._ports.get(key, ()):
                claims.setdefault(port, []).append(self._rows[key])
        meant = {port: [row for row in rows if row.state not in _DOWN] or rows for port, rows in claims.items()}
        return {port: rows[0].service for port, rows in meant.items() if len(rows) == 1}

    def _see(self, result: CheckResult) -> None:
        state, runtime = _state_of(result), result.facts.get("runtime")
        if state is None or not result.service or not result.key.startswith(f"{runtime}:"):
            return self._forget([result.key])
        failed = state is SeenState.FAILED
        facts = {key: result.facts[key] for key in _TOLD if result.facts.get(key) not in (None, "")} if failed else {}
        try:
            row = Sighting(
                service=result.service,
                state=state,
                since=self._since(result, state),
                runtime=str(runtime),
                names=_names_of(result),
                enabled=result.facts.get("enabled"),
                healthy=True if result.facts.get("health") == "healthy" else None,
                type=result.type if failed else None,
                facts=pruned(facts),
            )
        except ValidationError:  # a name that no action can be aimed at
            return self._forget([result.key])
        self._rows[result.key], self._lives[result.key] = row, _life_of(result)
        self._ports[result.key] = result.facts.get("ports") or []
        return None

    def _since(self, result: CheckResult, state: SeenState) -> str:
        """What its manager says; else since when it was seen so, in this life of it."""
        known = self._rows.get(result.key)
        if isinstance(said := result.facts.get("since"), str):
            return said
        if known and known.state is state and self._lives.get(result.key) == _life_of(result):
            return known.since
        return rfc3339(datetime.fromtimestamp(self._clock(), UTC))

    def _of(self, probe: str) -> list[str]:
        return [key for key in self._rows if key.startswith(f"{probe}:")]

    def _forget(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self._rows.pop(key, None)
            self._lives.pop(key, None)
            self._ports.pop(key, None)

    def _states(self) -> dict[str, tuple[SeenState, str]]:
        return {key: (row.state, row.since) for key, row in self._rows.items()}

    def _tell(self, before: dict[str, tuple[SeenState, str]]) -> None:
        if before != self._states():
            self._on_change()


def _state_of(result: CheckResult) -> SeenState | None:
    """None where its probe cannot tell, and where nothing is there."""
    facts = result.facts
    if result.condition is Condition.HEALTHY:
        ended = str(facts.get("ended", ""))
        if ended.startswith(_UNSEEN_ENDS):
            return None
        return SeenState.STOPPED if ended else SeenState.RUNNING
    if result.condition is Condition.UNHEALTHY:
        if result.type.endswith("_unhealthy"):
            return SeenState.UNHEALTHY
        return SeenState.RESTARTING if result.type.endswith("_loop") else SeenState.FAILED
    said = {facts.get(key) for key in ("status", "health", "active_state", "sub_state", "state")}
    if "paused" in said:
        return SeenState.STOPPED
    if said & _RESTARTING:
        return SeenState.RESTARTING
    return SeenState.STARTING if said & _STARTING else None


def _names_of(result: CheckResult) -> tuple[str, ...]:
    said = (result.facts.get(key) for key in _CARRIERS)
    return tuple(name for name in said if isinstance(name, str) and name != result.service)


def _life_of(result: CheckResult) -> str:
    """Another one after each start, as far as its manager tells."""
    return str(result.facts.get("container_id") or result.facts.get("pid") or "")
