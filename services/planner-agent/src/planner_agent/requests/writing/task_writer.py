"""Asks the models that may write, in the chain's order, until the lint takes what one of them wrote. Files nothing.

For each of them: which steps, with which values, and once more with what was found wrong; then the next one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog

from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.router import Attempt, Prompt, Provider, Rejection, complete
from mesh_core.models.attempts import AttemptOutcome
from mesh_core.models.proposals import ModelRef
from mesh_core.models.requests import Request
from planner_agent.requests.understanding import Beyond
from planner_agent.requests.wording import told_text
from planner_agent.requests.writing.answers import (
    FilledStep,
    Schema,
    choice_schema,
    left_out,
    read_choice,
    read_values,
    values_schema,
)
from planner_agent.requests.writing.prompts import choice_prompt, values_prompt
from planner_agent.requests.writing.steps import Step, Task, steps_for

Tell = Callable[[str, Attempt], Awaitable[None]]  # of an attempt, by the request's id
WrongWith = Callable[[tuple[Task, ...]], str]  # what the lint says of them; '' where it takes them
_TO_BE_SAID_AGAIN = (AttemptOutcome.SCHEMA_VIOLATION, AttemptOutcome.UNGROUNDED, AttemptOutcome.INVALID_JSON)

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True)
class Written:
    """Tasks that the lint took, and whose they are."""

    tasks: tuple[Mapping[str, Any], ...]
    model: ModelRef


class TaskWriter:
    """`providers` are the whole chain; of these the `marked` ones may write. `tell` hears of each attempt."""

    def __init__(self, providers: Sequence[Provider], marked: frozenset[str], breakers: Breakers, tell: Tell):
        self._providers = tuple(enumerate(providers, 1))
        self._marked = marked
        self._breakers = breakers
        self._tell = tell

    def problem_with(self, named: str | None) -> str:
        """The sentence about a model that a request names and that may not write; '' where it may, or none is named."""
        names = [provider.name for _, provider in self._providers]
        if named is None or named in self._writing(names):
            return ""
        may = self._writing(names)
        which = f"name one of {', '.join(may)}" if may else "none of this chain may"
        why = (
            "is not in the chain" if named not in names else "may not write: config/chain.yml does not say writes: true"
        )
        return f"the model {named} {why}; {which}, or leave --model away"

    def may_write(self, named: str | None) -> bool:
        """Is there anybody to be asked?"""
        return any(True for _ in self._asked(named))

    async def write(
        self, request: Request, order: Beyond, recipes: Mapping[str, Recipe], wrong: WrongWith
    ) -> Written | str:
        """What one of them wrote, or a few words about each that could not. Three answers of each at most."""
        attachments = [file.attachment for file in request.files]
        steps = steps_for(recipes, order.values, order.needed, attachments)
        failed: list[str] = []
        for position, provider in self._asked(request.model) if steps else ():
            asking = _Asking(request, order, steps, wrong, position, provider, self._breakers, self._tell)
            if tasks := await asking.run():
                ref = ModelRef(
                    name=provider.model, provider=provider.vendor, position=position, latency_ms=asking.latency_ms
                )
                log.info("requests.written", request=request.id, model=provider.model, position=position)
                return Written(tasks, ref)
            failed.append(f"{provider.name}: {asking.last_words}")
        return "; ".join(failed) or "nothing that a model may choose takes its values"

    def _asked(self, named: str | None) -> list[tuple[int, Provider]]:
        wanted = self._marked if named is None else self._marked & {named}
        return [(position, provider) for position, provider in self._providers if provider.name in wanted]

    def _writing(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name in self._marked]


class _Asking:
    """One model over one request."""

    def __init__(
        self,
        request: Request,
        order: Beyond,
        steps: tuple[Step, ...],
        wrong: WrongWith,
        position: int,
        provider: Provider,
        breakers: Breakers,
        tell: Tell,
    ):
        self._request, self._order, self._steps, self._wrong = request, order, steps, wrong
        self._position, self._provider, self._breakers, self._tell = position, provider, breakers, tell
        self._attachments = [file.attachment for file in request.files]
        self._shown = (told_text(request), [file.name for file in request.files])
        self._bounds = (request.max_tokens, request.temperature)
        self._last: Attempt | None = None
        self.latency_ms = 0.0

    async def run(self) -> tuple[Task, ...] | None:
        prompt = choice_prompt(*self._shown, self._steps, *self._bounds)
        chosen = await self._ask(prompt, choice_schema(self._steps), read_choice(self._steps))
        if chosen is None:
            return None
        filled = tuple(one for one in chosen if isinstance(one, FilledStep))
        finding = self._wrong_with(filled) if filled else ""
        if filled and not finding:
            return self._tasks(filled)
        return await self._filled(tuple(dict.fromkeys(_step_of(one) for one in chosen)), finding)

    @property
    def last_words(self) -> str:
        return f"{self._last.outcome}, {self._last.detail}"[:200] if self._last else "not asked"

    async def _filled(self, steps: tuple[Step, ...], finding: str) -> tuple[Task, ...] | None:
        """Once more with what was found wrong, where nothing was before."""
        read, schema = read_values(steps, self._steps), values_schema(steps)

        def judged(text: str) -> tuple[FilledStep, ...] | Rejection:
            said = read(text)
            wrong = "" if isinstance(said, Rejection) else self._wrong_with(said)
            return Rejection(AttemptOutcome.UNGROUNDED, wrong) if wrong else said

        for _ in range(1 if finding else 2):
            prompt = values_prompt(*self._shown, steps, *self._bounds, finding)
            if filled := await self._ask(prompt, schema, judged):
                return self._tasks(filled)
            if self._last is None or self._last.outcome not in _TO_BE_SAID_AGAIN:
                return None
            finding = self._last.detail
        return None

    def _wrong_with(self, filled: tuple[FilledStep, ...]) -> str:
        return left_out(filled, self._order.needed) or self._wrong(self._tasks(filled))

    def _tasks(self, filled: Sequence[FilledStep]) -> tuple[Task, ...]:
        return tuple(task for one in filled for task in one.step.tasks(one.values, self._attachments))

    async def _ask(self, prompt: Prompt, schema: Schema, read: Callable[[str], T | Rejection]) -> T | None:
        async def tell(attempt: Attempt) -> None:
            self._last = attempt
            self.latency_ms += attempt.latency_ms
            await self._tell(self._request.id, replace(attempt, position=self._position))

        asked = replace(prompt, about=self._request.id)
        result = await complete([self._provider], asked, schema, read, breakers=self._breakers, on_attempt=tell)
        return result.answer


def _step_of(one: Step | FilledStep) -> Step:
    return one.step if isinstance(one, FilledStep) else one
