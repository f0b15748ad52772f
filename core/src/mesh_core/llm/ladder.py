"""The ladder: ask one model after another until one answer is good. Knows no events, no vendors, and never crashes.

In: rungs in order, a prompt, a JSON schema, and `read`, which judges an answer's text. Out: a `Climb` with every try.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from mesh_core.llm.breaker import Breaker, Breakers
from mesh_core.models.attempts import AttemptOutcome

T = TypeVar("T")
Clock = Callable[[], float]
MAX_DETAIL = 300  # characters of a try's detail


class LadderError(Exception):
    """What a rung raises in ordinary life; its text goes into the try's detail."""


class NetworkError(LadderError):
    """The server could not be reached, or the connection broke."""


class ApiError(LadderError):
    """The server answered, but not with a completion. `status` is the HTTP status; 200 when the body was not one."""

    def __init__(self, status: int | None, detail: str):
        super().__init__(f"{status}: {detail}" if status else detail)
        self.status = status


class Refused(LadderError):
    """The vendor says in its own field that the model declined."""


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    input: float = 0.0
    output: float = 0.0

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        return round((prompt_tokens * self.input + completion_tokens * self.output) / 1e6, 9)


@dataclass(frozen=True)
class Prompt:
    system: str
    user: str
    max_tokens: int


@dataclass(frozen=True)
class Completion:
    """What came back: the answer's text, tokens as the vendor counted them (0 if it did not), why it stopped."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    stop_reason: str = ""


@dataclass(frozen=True)
class Rejection:
    """Why an answer is not good: `invalid_json`, `schema_violation`, `ungrounded` or `refusal`, and a few words."""

    outcome: AttemptOutcome
    detail: str


class Rung(Protocol):
    """One model at one vendor. `timeout_seconds` bounds the whole attempt, connect included."""

    @property
    def name(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def timeout_seconds(self) -> float: ...
    @property
    def price(self) -> Price: ...
    @property
    def at_once(self) -> int:
        """How many attempts the server takes side by side; a small local one does one thing at a time."""
        ...

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        """One request, no retries. Raises NetworkError, ApiError or Refused."""
        ...

    async def close(self) -> None:
        """Give the connections back; afterwards the rung is not asked again."""
        ...


@dataclass(frozen=True)
class Try:
    """One attempt at one rung, as it is published. `position` counts from 1 in the whole chain."""

    rung: str
    model: str
    provider: str
    position: int
    outcome: AttemptOutcome
    latency_ms: float
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    detail: str = ""


@dataclass(frozen=True)
class Climb(Generic[T]):
    """Every try, and the first good answer with the rung that gave it; `position` 0 and no rung if none did."""

    tries: tuple[Try, ...]
    answer: T | None
    rung: Rung | None
    position: int
    latency_ms: float


OnTry = Callable[[Try], Awaitable[None] | None]


async def climb(
    rungs: Sequence[Rung],
    prompt: Prompt,
    schema: dict[str, object],
    read: Callable[[str], T | Rejection],
    *,
    breakers: Breakers,
    clock: Clock = time.monotonic,
    on_try: OnTry | None = None,
) -> Climb[T]:
    """Ask `rungs` in order; `on_try` hears of each attempt as soon as it is over. Raises only what `on_try` raises."""
    started = clock()
    tries: list[Try] = []
    for position, rung in enumerate(rungs, 1):
        attempt, answer = await _attempt(rung, position, prompt, schema, read, breakers, clock)
        tries.append(attempt)
        if on_try is not None:
            told = on_try(attempt)
            if inspect.isawaitable(told):
                await told
        if attempt.outcome is AttemptOutcome.OK:
            return Climb(tuple(tries), answer, rung, position, _ms(clock() - started))
    return Climb(tuple(tries), None, None, 0, _ms(clock() - started))


async def _attempt(
    rung: Rung,
    position: int,
    prompt: Prompt,
    schema: dict[str, object],
    read: Callable[[str], T | Rejection],
    breakers: Breakers,
    clock: Clock,
) -> tuple[Try, T | None]:
    """One try. The breaker hears of infrastructure only: a bad answer is no reason to stop asking."""
    breaker = breakers.of(rung.name)
    turn = breakers.turn(rung.name, rung.at_once)
    began = clock()
    try:
        # Ten services fall sick at once when a host reboots. Waiting in our own line is not the server's fault.
        async with asyncio.timeout(rung.timeout_seconds):
            await turn.acquire()
    except TimeoutError:
        detail = f"waited {rung.timeout_seconds:g} s for its turn"
        return _try(rung, position, AttemptOutcome.TIMEOUT, _ms(clock() - began), None, detail), None
    try:
        return await _ask(rung, position, prompt, schema, read, breaker, clock)
    finally:
        turn.release()


async def _ask(
    rung: Rung,
    position: int,
    prompt: Prompt,
    schema: dict[str, object],
    read: Callable[[str], T | Rejection],
    breaker: Breaker,
    clock: Clock,
) -> tuple[Try, T | None]:
    began = clock()
    completion: Completion | None = None
    answer: T | None = None
    detail, sick = "", False
    outcome = AttemptOutcome.OK
    if not breaker.admits():
        outcome, detail = AttemptOutcome.CIRCUIT_OPEN, f"not asked for another {breaker.closed_in():.0f} s"
        return _try(rung, position, outcome, 0.0, None, detail), None
    try:
        async with asyncio.timeout(rung.timeout_seconds):
            completion = await rung.ask(prompt, schema)
    except TimeoutError:
        outcome, sick = AttemptOutcome.TIMEOUT, True
        detail = f"no answer within {rung.timeout_seconds:g} s"
    except NetworkError as error:
        outcome, detail, sick = AttemptOutcome.NETWORK_ERROR, str(error), True
    except ApiError as error:
        outcome, detail = AttemptOutcome.API_ERROR, str(error)
        sick = error.status is not None and (error.status >= 500 or error.status == 429)
    except Refused as error:
        outcome, detail = AttemptOutcome.REFUSAL, str(error)
    except asyncio.CancelledError:
        breaker.forget()  # our own stop says nothing about the server
        raise
    except Exception as error:  # noqa: BLE001 - a vendor may raise anything; the event must still get its answer
        outcome, detail = AttemptOutcome.API_ERROR, f"{type(error).__name__}: {error}"
    latency_ms = _ms(clock() - began)
    breaker.record(sick=sick)
    if completion is not None:
        judged = read(completion.text)
        if isinstance(judged, Rejection):
            outcome, detail = judged.outcome, judged.detail
            if completion.stop_reason in ("length", "max_tokens") and outcome is AttemptOutcome.INVALID_JSON:
                detail = f"cut off at {completion.completion_tokens} tokens; {detail}"
        else:
            answer = judged
    return _try(rung, position, outcome, latency_ms, completion, detail), answer


def _try(
    rung: Rung, position: int, outcome: AttemptOutcome, latency_ms: float, done: Completion | None, detail: str
) -> Try:
    asked, told = (done.prompt_tokens, done.completion_tokens) if done else (0, 0)
    return Try(
        rung=rung.name,
        model=rung.model,
        provider=rung.provider,
        position=position,
        outcome=outcome,
        latency_ms=latency_ms,
        prompt_tokens=asked,
        completion_tokens=told,
        cost_usd=rung.price.of(asked, told),
        detail=" ".join(detail.split())[:MAX_DETAIL],
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
