"""A provider whose budget is spent is left alone until the hour, day or month is over; the next one answers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from planner_rig import Mesh, SayingProvider, first_choice

from mesh_core.llm.budget import Budget
from mesh_core.llm.router import Attempt
from mesh_core.models.attempts import NOT_MADE, AttemptOutcome
from mesh_core.runtime.health import Probes
from planner_agent.diagnosis.budget_book import BudgetBook

AT = datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC)
NEXT_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        return self.now


def attempt(outcome: AttemptOutcome = AttemptOutcome.OK, *, tokens: int = 0, usd: float = 0) -> Attempt:
    return Attempt("lab", "qwen3-8b", "openai", 1, outcome, 5.0, tokens, 0, usd)


@pytest.mark.parametrize(
    ("budget", "took", "told"),
    [
        (Budget(calls_per_hour=2), attempt(), "2 calls an hour"),
        (Budget(tokens_per_day=1000), attempt(tokens=500), "1000 tokens a day"),
        (Budget(usd_per_month=0.5), attempt(usd=0.25), "0.5 US dollars a month"),
        (Budget(calls_per_hour=2), attempt(AttemptOutcome.TIMEOUT), "2 calls an hour"),
        (Budget(calls_per_day=2, calls_per_month=9), attempt(), "2 calls a day"),
        (Budget(tokens_per_month=100, tokens_per_hour=999), attempt(tokens=50), "100 tokens a month"),
        (Budget(usd_per_day=1), attempt(usd=0.5), "1.0 US dollars a day"),
    ],
)
async def test_what_is_spent_says_until_when_and_comes_back(
    mesh: Mesh, budget: Budget, took: Attempt, told: str
) -> None:
    clock = Clock()
    book, another = (BudgetBook(mesh.bus, {"lab": budget}, clock) for _ in range(2))
    await book.count(took)
    assert await book.spent("lab") == ""
    await another.count(took)
    assert await book.spent("lab") == f"budget spent until 2027-01-01 00:00 UTC: {told}"
    assert await book.spent("others") == ""
    clock.now = NEXT_YEAR
    assert await book.spent("lab") == ""


async def test_counters_go_by_themselves_and_what_was_not_made_takes_nothing(mesh: Mesh) -> None:
    book = BudgetBook(mesh.bus, {"lab": Budget(calls_per_hour=1)}, Clock())
    for outcome in NOT_MADE:
        await book.count(attempt(outcome))
    assert await mesh.bus.call("KEYS", "mesh:budget:*") == []
    await book.count(attempt())
    (key,) = await mesh.bus.call("KEYS", "mesh:budget:*")
    assert 0 < int(await mesh.bus.call("TTL", key)) <= 3 * 86400


async def test_a_spent_provider_is_not_asked_and_the_next_one_is(mesh: Mesh) -> None:
    lab, other = (SayingProvider(first_choice) for _ in range(2))
    lab.name, other.name = "lab", "other"
    await mesh.start([lab, other], budgets={"lab": Budget(calls_per_month=1)})  # no hour turns in between
    await mesh.happens(service="one")
    await mesh.proposed(1)
    await mesh.happens(service="two")
    await mesh.proposed(2)
    assert (lab.asked, other.asked) == (1, 1)
    outcomes = [(one["position"], one["outcome"]) for one in await mesh.stream("mesh:llm_attempts")]
    assert outcomes == [(1, "ok"), (1, "budget_spent"), (2, "ok")]


async def test_with_all_spent_the_rules_answer(mesh: Mesh) -> None:
    lab = SayingProvider(first_choice)
    lab.name = "lab"
    await mesh.start([lab], budgets={"lab": Budget(tokens_per_day=0)})
    await mesh.happens()
    (filed,) = await mesh.proposed()
    assert (lab.asked, filed.proposal.model.provider) == (0, "floor")
    assert "no model gave an acceptable answer (lab budget_spent)" in filed.proposal.reason


async def test_metrics_say_what_is_used_of_each_limit_by_all_planners(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh_core.runtime.health.LOOK_SECONDS", 60.0)
    budget = Budget(calls_per_hour=3, tokens_per_day=1000, usd_per_month=0.5)
    clock = Clock()
    book, another = (BudgetBook(mesh.bus, {"lab": budget, "free": Budget()}, clock) for _ in range(2))
    probes = Probes("planner-agent", mesh.runtime, checks={}, figures=[book.figures])
    await another.count(attempt(tokens=40, usd=0.125))
    assert await budget_samples(probes) == {
        'limit{rung="lab",unit="calls",span="hour"}': "3",
        'limit{rung="lab",unit="tokens",span="day"}': "1000",
        'limit{rung="lab",unit="usd",span="month"}': "0.5",
        'used{rung="lab",unit="calls",span="hour"}': "1",
        'used{rung="lab",unit="tokens",span="day"}': "40",
        'used{rung="lab",unit="usd",span="month"}': "0.125",
    }
    clock.now = NEXT_YEAR
    assert {value for name, value in (await budget_samples(probes)).items() if "used" in name} == {"0"}


async def test_without_budgets_metrics_ask_nothing_and_show_none(mesh: Mesh) -> None:
    await mesh.bus.close()
    probes = Probes("planner-agent", mesh.runtime, checks={}, figures=[BudgetBook(mesh.bus, {}).figures])
    assert await budget_samples(probes) == {}


async def budget_samples(probes: Probes) -> dict[str, str]:
    """The series of budgets in /metrics."""
    lines = (await probes.metrics()).body.decode().splitlines()
    begin = "mesh_model_budget_"
    return dict(line.removeprefix(begin).rsplit(" ", 1) for line in lines if line.startswith(begin))


async def test_an_incident_that_is_announced_again_asks_no_model(mesh: Mesh) -> None:
    lab = SayingProvider(first_choice)
    await mesh.start([lab], cooldown_ms=1)
    await mesh.happens(incident="web01/nginx/1")
    await mesh.proposed(1)
    for _ in range(3):
        assert await mesh.verdict_of(await mesh.happens(incident="web01/nginx/1")) == "counted"
    assert lab.asked == 1
