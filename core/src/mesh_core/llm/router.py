"""The router: ask one provider of the fallback chain after another until an answer is good. Never crashes.

In: providers in order, and for each of them a call. Out: a `RouterResult` with every attempt. Knows no events and
no vendors.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from mesh_core.llm.circuit_breaker import Breaker, Breakers
from mesh_core.llm.unwrapping import unwrapped
from mesh_core.models.attempts import AttemptOutcome

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Clock = Callable[[], float]
MAX_DETAIL = 300  # characters of an attempt's detail


class ProviderError(Exception):
    """What a provider raises in ordinary life; its text goes into the attempt's detail."""


class NetworkError(ProviderError):
    """The server could not be reached, or the connection broke."""


class ApiError(ProviderError):
    """The server answered, but not with a completion. `status` is the HTTP status; 200 when the body was not one."""

    def __init__(self, status: int | None, detail: str):
        super().__init__(f"{status}: {detail}" if status else detail)
        self.status = status


class ModelRefusal(ProviderError):
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
    """`temperature` None: as little as the API takes where it is told one. `about`: the id of the event or request that
    it is for; no model is told it."""

    system: str
    user: str
    max_tokens: int
    temperature: float | None = None
    about: str = ""


@dataclass(frozen=True)
class Completion:
    """What came back: the answer's text, tokens as the vendor counted them (0 if it did not), why it stopped.

    `unwrapped`: what stood around the text in the vendor's own form. `note`: for the attempt's detail.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    stop_reason: str = ""
    unwrapped: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Rejection:
    """Why an answer is not good: `invalid_json`, `schema_violation`, `ungrounded` or `refusal`, and a few words."""

    outcome: AttemptOutcome
    detail: str


@dataclass(frozen=True)
class ModelCall(Generic[T_co]):
    """What a provider is asked: a prompt, the JSON schema of an answer, and `read`, which judges an answer's text."""

    prompt: Prompt
    schema: dict[str, object]
    read: Callable[[str], T_co | Rejection]


class Provider(Protocol):
    """One model at one vendor. `timeout_seconds` bounds the whole attempt, connect included."""

    @property
    def name(self) -> str: ...
    @property
    def vendor(self) -> str:
        """Whose API it speaks; records call that word `provider`."""
        ...

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
        """One answer: no retries, but for a form or a model that the server does not take (`RequestForm`).

        Raises NetworkError, ApiError or ModelRefusal.
        """
        ...

    async def close(self) -> None:
        """Give the connections back; afterwards the provider is not asked again."""
        ...


@dataclass(frozen=True)
class Attempt:
    """One attempt at one provider, as it is published. `position` counts from 1 in the whole chain."""

    name: str
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
class RouterResult(Generic[T]):
    """Every attempt, and the first good answer with its provider; `position` 0 and no provider if none was good."""

    attempts: tuple[Attempt, ...]
    answer: T | None
    provider: Provider | None
    position: int
    latency_ms: float


Closed = Callable[[str], Awaitable[str]]
OnAttempt = Callable[[Attempt], Awaitable[None] | None]


async def complete(
    providers: Sequence[Provider],
    prompt: Prompt,
    schema: dict[str, object],
    read: Callable[[str], T | Rejection],
    *,
    breakers: Breakers,
    clock: Clock = time.monotonic,
    on_attempt: OnAttempt | None = None,
) -> RouterResult[T]:
    """The same call for each of them; otherwise as `ask_in_order`."""
    call = ModelCall(prompt, schema, read)
    return await ask_in_order(providers, lambda provider: call, breakers=breakers, clock=clock, on_attempt=on_attempt)


async def ask_in_order(
    providers: Sequence[Provider],
    call_for: Callable[[Provider], ModelCall[T]],
    *,
    breakers: Breakers,
    closed: Closed | None = None,
    first: int = 1,
    clock: Clock = time.monotonic,
    on_attempt: OnAttempt | None = None,
) -> RouterResult[T]:
    """Until one answer is good. `closed` says of a provider's name why it may not be asked now, '' where it may.

    `first` is the position of the first of them in the whole chain. `on_attempt` hears of each attempt when it is over.
    Raises only what the two raise.
    """
    started = clock()
    attempts: list[Attempt] = []
    for position, provider in enumerate(providers, first):
        if why := await closed(provider.name) if closed else "":
            attempt, answer = _noted(provider, position, AttemptOutcome.BUDGET_SPENT, 0.0, None, why), None
        else:
            attempt, answer = await _attempt(provider, position, call_for(provider), breakers, clock)
        attempts.append(attempt)
        if on_attempt is not None:
            heard = on_attempt(attempt)
            if inspect.isawaitable(heard):
                await heard
        if attempt.outcome is AttemptOutcome.OK:
            return RouterResult(tuple(attempts), answer, provider, position, _ms(clock() - started))
    return RouterResult(tuple(attempts), None, None, 0, _ms(clock() - started))


async def _attempt(
    provider: Provider, position: int, call: ModelCall[T], breakers: Breakers, clock: Clock
) -> tuple[Attempt, T | None]:
    """One attempt. The breaker hears of infrastructure only: a bad answer is no reason to stop asking."""
    breaker = breakers.of(provider.name)
    turn = breakers.turn(provider.name, provider.at_once)
    began = clock()
    try:
        # Ten services fail at once when a host reboots. Waiting in our own line is not the server's fault.
        async with asyncio.timeout(provider.timeout_seconds):
            await turn.acquire()
    except TimeoutError:
        detail = f"waited {provider.timeout_seconds:g} s for its turn"
        return _noted(provider, position, AttemptOutcome.TIMEOUT, _ms(clock() - began), None, detail), None
    try:
        return await _ask(provider, position, call, breaker, clock)
    finally:
        turn.release()


async def _ask(
    provider: Provider, position: int, call: ModelCall[T], breaker: Breaker, clock: Clock
) -> tuple[Attempt, T | None]:
    if not breaker.admits():
        why = f"not asked for another {breaker.closed_in():.0f} s"
        return _noted(provider, position, AttemptOutcome.CIRCUIT_OPEN, 0.0, None, why), None
    began = clock()
    try:
        said = await _said(provider, call)
    except asyncio.CancelledError:
        breaker.forget()  # our own stop says nothing about the server
        raise
    latency_ms = _ms(clock() - began)
    breaker.record(unhealthy=isinstance(said, _Failure) and said.unhealthy)
    if isinstance(said, _Failure):
        return _noted(provider, position, said.outcome, latency_ms, None, said.detail), None
    outcome, answer, detail = _judged(said, call)
    return _noted(provider, position, outcome, latency_ms, said, detail), answer


class _Failure(NamedTuple):
    """Why there is no completion. `unhealthy`: it is the server's fault."""

    outcome: AttemptOutcome
    detail: str
    unhealthy: bool = False


async def _said(provider: Provider, call: ModelCall[T]) -> Completion | _Failure:
    try:
        async with asyncio.timeout(provider.timeout_seconds):
            return await provider.ask(call.prompt, call.schema)
    except TimeoutError:
        return _Failure(AttemptOutcome.TIMEOUT, f"no answer within {provider.timeout_seconds:g} s", unhealthy=True)
    except NetworkError as error:
        return _Failure(AttemptOutcome.NETWORK_ERROR, str(error), unhealthy=True)
    except ApiError as error:
        unhealthy = error.status is not None and (error.status >= 500 or error.status == 429)
        return _Failure(AttemptOutcome.API_ERROR, str(error), unhealthy)
    except ModelRefusal as error:
        return _Failure(AttemptOutcome.REFUSAL, str(error))
    except Exception as error:  # noqa: BLE001 - a vendor may raise anything; the event must still get its answer
        return _Failure(AttemptOutcome.API_ERROR, f"{type(error).__name__}: {error}")


def _judged(completion: Completion, call: ModelCall[T]) -> tuple[AttemptOutcome, T | None, str]:
    """The answer out of what stands around it, None where it is not one; and what is to be said of it."""
    said = unwrapped(completion.text, call.schema)
    judged = call.read(said.text)
    outcome, detail = AttemptOutcome.OK, ""
    answer: T | None = None
    if isinstance(judged, Rejection):
        outcome, detail = judged.outcome, judged.detail
        if completion.stop_reason in ("length", "max_tokens") and outcome is AttemptOutcome.INVALID_JSON:
            detail = f"cut off at {completion.completion_tokens} tokens; {detail}"
    else:
        answer = judged
    taken_off = (*completion.unwrapped, *said.removed)
    around = f"{len(taken_off)} unwrapped: {', '.join(taken_off)}" if taken_off else ""
    return outcome, answer, "; ".join(part for part in (detail, around, completion.note) if part)


def _noted(
    provider: Provider, position: int, outcome: AttemptOutcome, latency_ms: float, done: Completion | None, detail: str
) -> Attempt:
    sent, received = (done.prompt_tokens, done.completion_tokens) if done else (0, 0)
    return Attempt(
        name=provider.name,
        model=provider.model,
        provider=provider.vendor,
        position=position,
        outcome=outcome,
        latency_ms=latency_ms,
        prompt_tokens=sent,
        completion_tokens=received,
        cost_usd=provider.price.of(sent, received),
        detail=" ".join(detail.split())[:MAX_DETAIL],
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
