"""One batch of events and what is known: what becomes of each of them. Pure; the planner does it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from mesh_core.incidents.rule import concerns_any, is_recovery
from mesh_core.incidents.storm import ALL_NODES
from mesh_core.messaging.group_commands import Entry
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import proposal_id
from mesh_core.silences.silence import Silence, silences_of
from planner_agent.intake.silence_filter import acknowledgements
from planner_agent.intake.triage import Route, triage


@dataclass(frozen=True)
class PlanningTask:
    """One stream entry and its event. `untouchable`: why nothing can be run on its host, '' where it can."""

    entry: Entry
    event: HealthEvent
    untouchable: str = ""

    @property
    def action_id(self) -> str:
        """The id of the proposal that may come of it."""
        return proposal_id(self.event.id or "", self.event.node, self.event.service)


@dataclass(frozen=True)
class BatchContext:
    """What is known when a batch is sorted. The sets hold targets, `begun` the ids of events that a planner was at work
    on when it died."""

    waiting: frozenset[str]  # a proposal lies in pending/
    busy: frozenset[str]  # something is queued or at work
    recovering: frozenset[str]  # a recovery is queued or at work
    begun: frozenset[str | None]
    silences: tuple[Silence, ...]
    now: datetime
    storms: frozenset[str] = frozenset()  # the places where a storm waits: what recovers there may calm it


class NextStep(StrEnum):
    """What is done next with one event."""

    DONE = "done"  # nothing more
    SILENCE = "silence"  # a person said: not now
    GATE = "gate"  # known trouble is counted, the rest is planned
    PLAN = "plan"  # queued: it may become a proposal
    WITHDRAW = "withdraw"  # queued: what it ends leaves pending/


class Planned(NamedTuple):
    """`silences` are those that hold for it, the longest first; `alone`: it may have taken a planner down."""

    task: PlanningTask
    step: NextStep
    silences: tuple[Silence, ...]
    alone: bool


def sort_batch(tasks: Iterable[PlanningTask], known: BatchContext) -> list[Planned]:
    """A step for each, in the order in which they are to be taken.

    Targets with an event that may have taken its planner down come last and one at a time, so that it is not counted
    against its neighbours. A target keeps its order.
    """
    tasks = list(tasks)
    suspects = frozenset(task.event.target_key for task in tasks if task.event.id in known.begun)
    if suspects:
        tasks.sort(key=lambda task: task.event.target_key in suspects)
    busy, recovering = set(known.busy), set(known.recovering)
    planned: list[Planned] = []
    for task in tasks:
        event, key = task.event, task.event.target_key
        silences: tuple[Silence, ...] = ()
        if known.silences:
            silences = silences_of(known.silences, event, known.now)
        step = _step(task, key, silences, known, busy, recovering)
        if step is NextStep.WITHDRAW:
            recovering.add(key)
            busy.add(key)
        elif step is NextStep.PLAN:
            busy.add(key)
        planned.append(Planned(task, step, silences, step is not NextStep.WITHDRAW and key in suspects))
    return planned


def _step(
    task: PlanningTask,
    key: str,
    silences: tuple[Silence, ...],
    known: BatchContext,
    busy: set[str],
    recovering: set[str],
) -> NextStep:
    event, again = task.event, task.entry.deliveries > 1
    match triage(event, silences):
        case Route.RECOVERY | Route.RUN if is_recovery(event):
            # What was handed out before may have withdrawn something and not told it.
            ends_something = again or concerns_any(event, known.waiting) or concerns_any(event, busy)
            ends_something = ends_something or not known.storms.isdisjoint((ALL_NODES, event.node))
            return NextStep.WITHDRAW if ends_something or acknowledgements(known.silences, event) else NextStep.DONE
        case Route.PLAN:
            # Trouble after a recovery in hand waits for it: until then the gate is that of the old trouble. And what
            # began may be filed already, and have lost its gate to later trouble.
            return NextStep.PLAN if key in recovering or event.id in known.begun else NextStep.GATE
        case Route.SILENCED:
            # A recovery in hand may end the silence, and what was handed out before may be filed already.
            return NextStep.PLAN if key in busy or again else NextStep.SILENCE
        case _:
            return NextStep.DONE
