"""A provider that stands before another one and is otherwise that one: for who watches what it is asked."""

from __future__ import annotations

from mesh_core.llm.router import Completion, Price, Prompt, Provider


class WrappedProvider:
    def __init__(self, provider: Provider):
        self._provider = provider

    @property
    def name(self) -> str:
        return self._provider.name

    @property
    def vendor(self) -> str:
        return self._provider.vendor

    @property
    def model(self) -> str:
        return self._provider.model

    @property
    def timeout_seconds(self) -> float:
        return self._provider.timeout_seconds

    @property
    def price(self) -> Price:
        return self._provider.price

    @property
    def at_once(self) -> int:
        return self._provider.at_once

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        return await self._provider.ask(prompt, schema)

    async def close(self) -> None:
        await self._provider.close()
