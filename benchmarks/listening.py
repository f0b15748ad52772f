"""A provider that remembers what its model said last, whatever the planner makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.llm.router import Completion, Prompt


class Listening:
    """`said`: the object that it answered with, {} if none could be read."""

    def __init__(self, provider: OpenAICompatibleProvider):
        self._provider = provider
        self.name, self.vendor, self.price = provider.name, provider.vendor, provider.price
        self.timeout_seconds, self.at_once = provider.timeout_seconds, provider.at_once
        self.said: Mapping[str, Any] = {}

    @property
    def model(self) -> str:
        return self._provider.model

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        self.said = {}
        done = await self._provider.ask(prompt, schema)
        try:
            answer = json.loads(done.text)
        except ValueError:
            return done
        self.said = answer if isinstance(answer, dict) else {}
        return done

    async def close(self) -> None:
        await self._provider.close()
