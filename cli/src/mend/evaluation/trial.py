"""A planner for a trial: triage and diagnosis as they are, for one event at a time. Files and publishes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mend.evaluation.labels import decided_by
from mend.evaluation.models import Listening, Scripted
from mend.evaluation.scoring import Decided, Row
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import HealthEvent
from mesh_core.policy.policy import Policy
from mesh_core.policy.track_record import NOTHING_KNOWN, TrackRecord
from planner_agent.diagnosis.diagnosis import Diagnosis, Diagnostician
from planner_agent.intake.triage import Route, triage

SILENCE = Decided("ignore")
KnownRecord = Callable[[HealthEvent], TrackRecord]


@dataclass(frozen=True)
class TrialStore:
    """A planner's store of what was run by then (`known`), and its bus, which keeps what each attempt came to."""

    known: KnownRecord
    attempts: list[ModelAttempt]

    @property
    def history(self) -> TrialStore:
        return self

    async def record(self, event: HealthEvent) -> TrackRecord:
        return self.known(event)

    async def publish(self, record: ModelAttempt) -> None:
        self.attempts.append(record)


class TrialPlanner:
    """`may_choose`, `is_outside` and `why_untouchable` as a planner has them; a scripted model may choose where it is
    graded."""

    def __init__(
        self,
        policy: Policy,
        model: Scripted | Listening | None = None,
        may_choose: Callable[[str, str], bool] = lambda provider, model: False,
        known: KnownRecord = lambda event: NOTHING_KNOWN,
        is_outside: Callable[[str], bool] = lambda provider: False,
        why_untouchable: Callable[[HealthEvent], str] = lambda event: "",
    ):
        self.model = model
        self._trial = TrialStore(known, [])
        alone: Any = self._trial
        models: Sequence[Any] = [] if model is None else [model]
        chooses = (lambda *_: model.graded) if isinstance(model, Scripted) else may_choose
        self._why_untouchable = why_untouchable
        self._diagnostician = Diagnostician(
            alone, alone, lambda: policy, models, Breakers(failures=10**6), chooses, is_outside
        )

    @property
    def attempts(self) -> Sequence[ModelAttempt]:
        return self._trial.attempts

    async def diagnose(self, event: HealthEvent) -> Diagnosis | None:
        """None where a planner asks nobody about such an event."""
        if triage(event) is not Route.PLAN:
            return None
        return await self._diagnostician.diagnose(event, self._why_untouchable(event))

    async def decide(self, row: Row, event: HealthEvent | None) -> tuple[Decided, Decided]:
        """(what comes of it, what the model chose). None: no event came out of a hook, so nothing is done."""
        if isinstance(self.model, Scripted):
            self.model.row = row
        found = await self.diagnose(event) if event else None
        if found is None:
            return SILENCE, SILENCE
        came = decided_by(found.answer.model_dump())
        if event is None or self.model is None or not self.model.said:
            return came, came
        about = {"node": event.node, "service": event.service}  # who may not choose is not asked to say so
        return came, decided_by(about | {**self.model.said})
