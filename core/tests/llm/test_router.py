"""The fallback chain with twins: providers that answer what we say, and a clock that we turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.llm.circuit_breaker import Breaker, Breakers
from mesh_core.llm.router import (
    MAX_DETAIL,
    ApiError,
    Attempt,
    Completion,
    ModelRefusal,
    NetworkError,
    Price,
    Prompt,
    Rejection,
    RouterResult,
    complete,
)
from mesh_core.llm.rules_fallback import RULES_FALLBACK, answer_or_rules
from mesh_core.models.attempts import AttemptOutcome
from mesh_core.testing import wait_for

PROMPT = Prompt("s", "u", 10)


class HandClock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class TwinProvider:
    """Answers the next of `answers` (the last one for ever): a text, an exception, or something to await."""

    name: str
    answers: list[str | BaseException | Callable[[], Awaitable[str]]]
    timeout_seconds: float = 5.0
    price: Price = field(default_factory=lambda: Price(2.0, 4.0))
    vendor: str = "twin"
    model: str = "m"
    at_once: int = 8
    asked: int = 0

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        text = answer if isinstance(answer, str) else await answer()
        return Completion(text, 500, 100, "length" if text == "{" else "stop")

    async def close(self) -> None:
        """Nothing is open."""


def read(text: str) -> dict[str, object] | Rejection:
    try:
        value: dict[str, object] = json.loads(text)
    except ValueError:
        return Rejection(AttemptOutcome.INVALID_JSON, "not JSON")
    return value


async def up(*providers: TwinProvider, breakers: Breakers | None = None) -> RouterResult[dict[str, object]]:
    return await complete(providers, PROMPT, {}, read, breakers=breakers or Breakers())


@pytest.mark.parametrize(
    ("bad", "outcome"),
    [
        (NetworkError("refused"), AttemptOutcome.NETWORK_ERROR),
        (ApiError(500, "boom"), AttemptOutcome.API_ERROR),
        (ApiError(None, "?"), AttemptOutcome.API_ERROR),
        (ModelRefusal("no"), AttemptOutcome.REFUSAL),
        (TimeoutError(), AttemptOutcome.TIMEOUT),
        (KeyError("choices"), AttemptOutcome.API_ERROR),
        (RecursionError("deep"), AttemptOutcome.API_ERROR),
        ("Sure!", AttemptOutcome.INVALID_JSON),
    ],
)
async def test_whatever_a_rung_does_the_next_one_is_asked(bad: str | BaseException, outcome: AttemptOutcome) -> None:
    result = await up(TwinProvider("a", [bad]), TwinProvider("b", ['{"x": 1}']), TwinProvider("c", ["{}"]))
    assert [t.outcome for t in result.attempts] == [outcome, AttemptOutcome.OK]
    assert [t.position for t in result.attempts] == [1, 2]
    assert result.answer == {"x": 1}
    assert result.provider is not None
    assert (result.provider.name, result.position) == ("b", 2)


async def test_a_rejected_answer_still_costs_what_it_cost() -> None:
    (only,) = (await up(TwinProvider("a", ["Sure!"]))).attempts
    assert (only.prompt_tokens, only.completion_tokens) == (500, 100)
    assert only.cost_usd == pytest.approx(500e-6 * 2 + 100e-6 * 4)


async def test_an_answer_that_ran_out_of_tokens_says_so() -> None:
    (only,) = (await up(TwinProvider("a", ["{"]))).attempts
    assert only.outcome is AttemptOutcome.INVALID_JSON
    assert "cut off at 100 tokens" in only.detail


async def test_an_attempt_ends_at_its_wall_clock() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    result = await up(TwinProvider("a", [never], timeout_seconds=0.2), TwinProvider("b", ["{}"]))
    assert [t.outcome for t in result.attempts] == [AttemptOutcome.TIMEOUT, AttemptOutcome.OK]


async def test_attempts_stand_in_line_before_a_small_server_and_the_wait_is_bounded() -> None:
    may_answer = asyncio.Event()

    async def slowly() -> str:
        await may_answer.wait()
        return "{}"

    breakers = Breakers()
    small = TwinProvider("small", [slowly], timeout_seconds=0.3, at_once=1)

    async def one() -> RouterResult[dict[str, object]]:
        return await complete([small], PROMPT, {}, read, breakers=breakers)

    first, second = asyncio.create_task(one()), asyncio.create_task(one())
    await wait_for(lambda: small.asked, 10, "the first is with the server")
    assert (await second).attempts[0].outcome is AttemptOutcome.TIMEOUT
    assert small.asked <= 2, "two were never there at the same time"
    await first
    may_answer.set()
    small.timeout_seconds = 60
    assert (await one()).answer == {}


async def test_no_good_answer_is_no_error() -> None:
    result = await up(TwinProvider("a", [NetworkError("x")]))
    assert (result.answer, result.provider, result.position) == (None, None, 0)
    assert (await up()).attempts == ()


async def test_each_try_is_told_at_once_also_to_a_coroutine() -> None:
    told: list[tuple[str, int]] = []
    second = TwinProvider("b", ["{}"])

    async def tell(attempt: Attempt) -> None:
        told.append((attempt.name, second.asked))

    await complete([TwinProvider("a", ["x"]), second], PROMPT, {}, read, breakers=Breakers(), on_attempt=tell)
    assert told == [("a", 0), ("b", 1)]
    plain: list[Attempt] = []
    await complete([second], PROMPT, {}, read, breakers=Breakers(), on_attempt=plain.append)
    assert [t.name for t in plain] == ["b"]


async def test_being_cancelled_is_passed_on_and_frees_the_trial() -> None:
    clock = HandClock()
    breakers = Breakers(clock, failures=1, open_seconds=30)
    breakers.of("a").record(unhealthy=True)
    clock.now += 31

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    provider = TwinProvider("a", [never, "{}"])
    task = asyncio.create_task(up(provider, breakers=breakers))
    await wait_for(lambda: provider.asked, 10, "the provider was asked")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await up(provider, breakers=breakers)).answer == {}, "the half-open trial was given back"


async def test_five_infrastructure_failures_open_the_circuit_and_one_trial_closes_it() -> None:
    clock = HandClock()
    breakers = Breakers(clock)
    sick: list[str | BaseException | Callable[[], Awaitable[str]]] = [ApiError(503, "x")] * 5
    provider = TwinProvider("a", [*sick, "{}"])
    for _ in range(5):
        assert (await up(provider, breakers=breakers)).attempts[0].outcome is AttemptOutcome.API_ERROR
    (blocked,) = (await up(provider, breakers=breakers)).attempts
    assert (blocked.outcome, provider.asked, blocked.latency_ms) == (AttemptOutcome.CIRCUIT_OPEN, 5, 0.0)
    assert "30 s" in blocked.detail
    clock.now += 30
    assert (await up(provider, breakers=breakers)).answer == {}
    assert (await up(provider, breakers=breakers)).answer == {}


@pytest.mark.parametrize(
    "harmless", ["prose", ApiError(401, "key"), ModelRefusal("no"), ValueError("x"), ApiError(400, "")]
)
async def test_bad_answers_never_open_the_circuit(harmless: str | BaseException) -> None:
    breakers, provider = Breakers(), TwinProvider("a", [harmless])
    for _ in range(12):
        await up(provider, breakers=breakers)
    assert provider.asked == 12


@pytest.mark.parametrize("sick", [TimeoutError(), NetworkError("x"), ApiError(500, ""), ApiError(429, "")])
async def test_every_kind_of_infrastructure_failure_opens_it(sick: BaseException) -> None:
    breakers, provider = Breakers(), TwinProvider("a", [sick])
    for _ in range(12):
        await up(provider, breakers=breakers)
    assert provider.asked == 5


def test_a_failed_trial_opens_it_again_and_only_one_trial_runs_at_a_time() -> None:
    clock = HandClock()
    breaker = Breaker(clock, failures=2, open_seconds=10)
    for _ in range(2):
        assert breaker.admits()
        breaker.record(unhealthy=True)
    assert not breaker.admits()
    assert breaker.closed_in() == 10
    clock.now += 10
    assert breaker.admits()
    assert not breaker.admits(), "the second caller waits for the trial"
    breaker.record(unhealthy=True)
    assert not breaker.admits()
    clock.now += 10
    assert breaker.admits()
    breaker.record(unhealthy=False)
    assert breaker.admits()
    assert breaker.closed_in() == 0


@settings(deadline=None)  # other work on the machine is no bug
@given(st.text(max_size=2 * MAX_DETAIL))
def test_a_detail_is_one_short_line(words: str) -> None:
    class Odd(Exception):
        """A vendor's own."""

    (only,) = asyncio.run(up(TwinProvider("a", [Odd(words)]))).attempts
    assert len(only.detail) <= MAX_DETAIL
    assert "\n" not in only.detail


async def test_landing_is_the_climbs_answer_or_the_floor_behind_the_last_rung() -> None:
    good, bad = TwinProvider("b", ['{"x": 1}']), TwinProvider("a", ["prose"])
    up_there = await up(bad, good)
    answered = answer_or_rules(up_there, [bad, good], lambda attempts: {"floor": len(attempts)})
    assert (answered.answer, answered.model.provider, answered.model.position) == ({"x": 1}, "twin", 2)
    nowhere = await up(bad)
    answered = answer_or_rules(nowhere, [bad], lambda attempts: {"floor": len(attempts)})
    assert answered.answer == {"floor": 1}
    assert (answered.model.name, answered.model.provider, answered.model.position) == (
        RULES_FALLBACK,
        RULES_FALLBACK,
        2,
    )
    alone = answer_or_rules(await up(), [], lambda attempts: {"floor": len(attempts)})
    assert (alone.answer, alone.model.position) == ({"floor": 0}, 1)
