"""What becomes of each event of a batch, as far as that can be said without asking anybody. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mesh_core.messaging.group_commands import Entry
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.silences.silence import Silence, SilenceKind
from planner_agent.intake.batch import BatchContext, NextStep, PlanningTask, sort_batch

NOW = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)


def task(number: int, kind: str = "container_died", *, deliveries: int = 1, **fields: Any) -> PlanningTask:
    given = {"node": "web01", "service": "nginx", "trust": Trust.NODE} | fields
    event = HealthEvent.model_validate({"id": f"web01/{number}-0", "type": kind, **given})
    return PlanningTask(Entry("mesh:ev:web01", f"{number}-0", b"", deliveries), event)


def known(**fields: Any) -> BatchContext:
    nobody: frozenset[str] = frozenset()
    given = {"waiting": nobody, "busy": nobody, "recovering": nobody, "begun": nobody, "silences": (), "now": NOW}
    return BatchContext(**{**given, **fields})


def silence(kind: SilenceKind) -> Silence:
    return Silence(
        id=f"{kind}-0123abcd",
        kind=kind,
        node="web01",
        service="nginx",
        starts_at="2026-05-05T11:00:00Z",
        ends_at="2026-05-05T13:00:00Z",
        by="ann",
        created_at="2026-05-05T11:00:00Z",
    )


def steps(context: BatchContext, *tasks: PlanningTask) -> list[tuple[str, str]]:
    return [(one.task.entry.id, one.step.value) for one in sort_batch(tasks, context)]


def test_trouble_goes_to_the_gate_and_benign_news_nowhere() -> None:
    assert steps(known(), task(1), task(2, "deployment_started")) == [("1-0", "gate"), ("2-0", "done")]


def test_a_recovery_is_work_only_where_it_may_end_something() -> None:
    recovery = task(1, "service_recovered")
    pair = frozenset({"web01/nginx"})
    assert steps(known(), recovery) == [("1-0", "done")]
    for context in (known(waiting=pair), known(busy=pair), known(silences=(silence(SilenceKind.ACKNOWLEDGE),))):
        assert steps(context, recovery) == [("1-0", "withdraw")]
    assert steps(known(), task(1, "service_recovered", deliveries=2)) == [("1-0", "withdraw")]


def test_what_our_executor_proved_is_a_recovery_and_what_it_only_says_is_not() -> None:
    context = known(waiting=frozenset({"web01/nginx"}))
    for trust, verdict, step in (
        (Trust.MESH, "proven", "withdraw"),
        (Trust.MESH, "inconclusive", "done"),
        (Trust.FOREIGN, "proven", "done"),
    ):
        done = task(1, "remediation_completed", trust=trust, payload={"verdict": verdict})
        assert steps(context, done) == [("1-0", step)], (trust, verdict)


def test_trouble_behind_a_recovery_in_hand_waits_for_it() -> None:
    context = known(waiting=frozenset({"web01/nginx"}))
    batch = (task(1), task(2, "service_recovered"), task(3), task(4, service="db"))
    assert steps(context, *batch) == [("1-0", "gate"), ("2-0", "withdraw"), ("3-0", "plan"), ("4-0", "gate")]
    assert steps(known(recovering=frozenset({"web01/nginx"})), task(1)) == [("1-0", "plan")]


def test_what_is_silenced_ends_here_unless_something_of_it_is_in_hand() -> None:
    silences = (silence(SilenceKind.MAINTENANCE),)
    assert steps(known(silences=silences), task(1)) == [("1-0", "silence")]
    assert steps(known(silences=silences), task(1, deliveries=2)) == [("1-0", "plan")]
    busy = known(silences=(silence(SilenceKind.ACKNOWLEDGE),))
    batch = (task(1), task(2, "service_recovered"), task(3))
    assert steps(busy, *batch) == [("1-0", "silence"), ("2-0", "withdraw"), ("3-0", "plan")]


def test_what_may_have_taken_a_planner_down_comes_last_and_alone() -> None:
    context = known(begun=frozenset({"web01/1-0"}))
    planned = sort_batch([task(1), task(2), task(3, service="db")], context)
    assert [(one.task.entry.id, one.step, one.alone) for one in planned] == [
        ("3-0", NextStep.GATE, False),
        ("1-0", NextStep.PLAN, True),
        ("2-0", NextStep.GATE, True),
    ]
