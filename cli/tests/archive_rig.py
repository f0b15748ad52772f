"""Events in the archive with what was decided about them, and the proposals that came of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mend_rig import NODE, Mend, finish

from mesh_core.models.events import Decision, DecisionVerdict, HealthEvent, Trust
from mesh_core.models.proposals import ModelRef, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.storage.event_files import decision_line, event_line

RULES = ModelRef(name="floor", provider="floor", position=0, latency_ms=0.1)
DOWN: dict[str, Any] = {"runtime": "docker", "container": "x", "status": "exited", "exit_code": 1}


def archived(mend: Mend, number: int = 0, *, days_ago: float = 1, **fields: Any) -> HealthEvent:
    """An event that an agent told `days_ago`, in the file of its day."""
    at = datetime.now(UTC) - timedelta(days=days_ago) + timedelta(seconds=number)
    given = {"type": "container_died", "node": NODE, "service": "nginx", "severity": "error", "payload": DOWN}
    event = HealthEvent.model_validate(
        given | fields | {"id": f"{NODE}/{int(at.timestamp() * 1000)}-0", "timestamp": rfc3339(at), "trust": Trust.NODE}
    )
    _append(mend, event, event_line(event, None))
    return event


def decided(mend: Mend, event: HealthEvent, verdict: DecisionVerdict, action_id: str | None = None) -> None:
    decision = Decision(
        ts=event.timestamp, event_id=event.id or "", verdict=verdict, action_id=action_id, reason="so it was decided"
    )
    _append(mend, event, decision_line(decision))


def proposed(mend: Mend, event: HealthEvent, result: str = "", **changes: Any) -> Proposal:
    """What was proposed for it by the rules; approved and run where there is a `result`."""
    made = mend.propose(event.service or "", event=event.model_dump(), **({"model": RULES} | changes))
    decided(mend, event, DecisionVerdict.PROPOSED, made.id)
    if result:
        assert mend("approve", made.id).exit_code == 0
        finish(mend, made, result)
    return made


def _append(mend: Mend, event: HealthEvent, line: bytes) -> None:
    folder = mend.runtime / "events" / event.timestamp[:10]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{event.node}.jsonl").open("ab") as file:
        file.write(line)
