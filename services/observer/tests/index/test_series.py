"""Numbers over time: what the models did, and how well the mesh heals."""

from __future__ import annotations

import math

import pytest
from index_rig import BASE_MS, Shelf

from mesh_core.models.proposals import A_PERSON, proposal_id
from observer.index.healing_series import read_healing
from observer.index.keys import DAY_MS, latency_at, latency_step, percentile, time_of
from observer.index.model_series import HOUR_MS, read_models
from observer.index.results import HealingSeries, ModelSeries


def models(shelf: Shelf, hours: int, now_ms: int = BASE_MS + 60_000) -> ModelSeries:
    return shelf.ask(lambda c: read_models(c, hours, now_ms))


def healing(shelf: Shelf, days: int, now_ms: int = BASE_MS + 60_000) -> HealingSeries:
    return shelf.ask(lambda c: read_healing(c, days, now_ms))


def fill(shelf: Shelf) -> None:
    event = shelf.event()
    for at, more in (
        (0, {"latency_ms": 100, "prompt_tokens": 10, "completion_tokens": 5}),
        (1, {"latency_ms": 100}),
        (2, {"latency_ms": 1000}),
        (3, {"outcome": "timeout", "latency_ms": 8000}),
        (4, {"model": "haiku", "provider": "anthropic", "position": 2, "cost_usd": 0.25, "latency_ms": 500}),
        (-2 * HOUR_MS, {"outcome": "api_error"}),
        (-30 * HOUR_MS, {"outcome": "refusal"}),
    ):
        shelf.attempt(event, at=at, **more)
    shelf.propose(event, model={"name": "floor", "provider": "floor", "position": 3, "latency_ms": 0})
    shelf.settle()


def test_attempts_by_the_hour(shelf: Shelf) -> None:
    fill(shelf)
    series = models(shelf, 24)
    assert (series.bucket_seconds, len(series.buckets)) == (3600, 24)
    assert series.buckets[-1].start == time_of(BASE_MS - BASE_MS % HOUR_MS)
    last = series.buckets[-1]
    assert last.attempts == {"ok": 4, "timeout": 1}
    assert last.answered == {"llamacpp": 3, "anthropic": 1, "floor": 1}
    assert last.latency_p50_ms == pytest.approx(100, rel=0.06)
    assert last.latency_p95_ms == pytest.approx(1000, rel=0.06)
    assert (last.prompt_tokens, last.completion_tokens, last.cost_usd) == (10, 5, 0.25)
    assert series.buckets[-3].attempts == {"api_error": 1}
    assert series.buckets[-3].latency_p50_ms is None
    assert sum(sum(bucket.attempts.values()) for bucket in series.buckets) == 6
    assert series.total.attempts == {"ok": 4, "timeout": 1, "api_error": 1}
    assert [(rung.model, rung.position, rung.attempts) for rung in series.rungs] == [
        ("smol", 1, {"ok": 3, "timeout": 1, "api_error": 1}),
        ("haiku", 2, {"ok": 1}),
    ]
    assert series.rungs[1].latency_p50_ms == pytest.approx(500, rel=0.06)


@pytest.mark.parametrize(("hours", "seconds", "count"), [(96, 86_400, 4), (744, 86_400, 31), (8784, 604_800, 53)])
def test_longer_times_are_the_same_numbers_in_longer_spans(shelf: Shelf, hours: int, seconds: int, count: int) -> None:
    fill(shelf)
    series = models(shelf, hours)
    assert (series.bucket_seconds, len(series.buckets)) == (seconds, count)
    assert series.total.attempts == {"ok": 4, "timeout": 1, "api_error": 1, "refusal": 1}
    assert series.total.answered == {"llamacpp": 3, "anthropic": 1, "floor": 1}
    assert series.total.cost_usd == 0.25
    assert series.total.latency_p95_ms == pytest.approx(1000, rel=0.06)
    assert sum(sum(bucket.attempts.values()) for bucket in series.buckets) == 7


def test_without_any_attempt_every_span_is_empty(shelf: Shelf) -> None:
    shelf.settle()
    series = models(shelf, 1)
    assert [bucket.attempts for bucket in series.buckets] == [{}]
    assert (series.total.latency_p50_ms, series.rungs) == (None, ())


def test_an_attempt_counts_once_however_often_its_entry_came(shelf: Shelf) -> None:
    event = shelf.event()
    shelf.attempt(event)
    path = next((shelf.runtime / "events").glob("*/_attempts.jsonl"))
    path.write_bytes(path.read_bytes() * 3 + b'{"entry": "torn')
    shelf.settle()
    assert models(shelf, 1).total.attempts == {"ok": 1}


def test_healing_counts_days_times_and_success(shelf: Shelf) -> None:
    for number, (result, verdict) in enumerate((("done", "proven"), ("done", "proven"), ("failed", "not_helped"))):
        event = shelf.event(at=number, service="web" if number else "db")
        shelf.run(shelf.propose(event, at=1000 + number), at=5000, result=result, verdict=verdict)
    asked = proposal_id("a preview", event.node, event.service)
    of = {"id": proposal_id(event.id or "", event.node, event.service), "digest": "0" * 16, "type": "container_restart"}
    question = {"type": "preview", "action": "preview", "preview_of": {**of, "action": "restart", "risk_level": "low"}}
    shelf.run(shelf.propose(event, at=9000, id=asked, model=A_PERSON, **question), verdict="previewed")
    shelf.event("service_recovered", at=9, severity="info")
    shelf.event(at=-DAY_MS, severity="warning")
    shelf.event(at=-40 * DAY_MS)
    shelf.settle()
    series = healing(shelf, 7)
    assert len(series.per_day) == 7
    today = series.per_day[-1]
    assert (today.events, today.troubles, today.proposals, today.repaired, today.failed) == (4, 3, 3, 2, 1)
    assert (series.per_day[-2].events, series.per_day[-2].troubles) == (1, 1)
    assert sum(day.events for day in series.per_day) == 5
    assert (series.time_to_proposal.count, series.time_to_proposal.p50_seconds) == (3, 1.0)
    assert (series.time_to_decision.count, series.time_to_decision.p50_seconds) == (3, 3.999)
    assert (series.time_to_repair.count, series.time_to_repair.p95_seconds) == (2, 9.1)
    assert [(row.service, row.runs, row.proven, row.rate) for row in series.success] == [
        ("web", 2, 1, 0.5),
        ("db", 1, 1, 1.0),
    ]
    assert [(row.type, row.node, row.runs, row.rate) for row in series.by_type] == [
        ("container_restart", "*", 3, pytest.approx(2 / 3, abs=1e-3))
    ]


def test_healing_of_nothing_is_empty_and_whole(shelf: Shelf) -> None:
    shelf.settle()
    series = healing(shelf, 2)
    assert [day.events for day in series.per_day] == [0, 0]
    assert (series.time_to_repair.count, series.time_to_repair.p50_seconds) == (0, None)
    assert (series.success, series.by_type) == ((), ())


@pytest.mark.parametrize("ms", [0.0, 0.2, 1.0, 1.1, 99.0, 812.0, 68_000.0, 10**7])
def test_a_latency_is_known_within_six_percent(ms: float) -> None:
    assert latency_at(latency_step(ms)) == pytest.approx(ms, rel=0.06, abs=0.6)


def test_percentiles_of_steps() -> None:
    assert percentile({}, 0.5) is None
    steps = {latency_step(10): 95, latency_step(1000): 5}
    assert percentile(steps, 0.5) == percentile(steps, 0.95) == latency_at(latency_step(10))
    assert percentile(steps, 0.96) == latency_at(latency_step(1000))
    assert latency_step(math.inf) == latency_step(math.nan) + 200 == 200
