"""A provider that writes down what it is handed before another one gets it. Changes nothing in it."""

from __future__ import annotations

from pathlib import Path

import structlog

from mesh_core.llm.router import Completion, Prompt, Provider
from mesh_core.llm.sent import SentPrompt, note_sent
from mesh_core.llm.wrapped import WrappedProvider
from mesh_core.models.records import rfc3339, utc_now

log = structlog.get_logger()


class Noting(WrappedProvider):
    def __init__(self, provider: Provider, runtime: Path, *, outside: bool):
        super().__init__(provider)
        self._runtime = runtime
        self._outside = outside

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        """As `Provider.ask`. A prompt about nothing (a doctor's question) is not noted."""
        if prompt.about:
            now = rfc3339(utc_now())
            sent = SentPrompt(now, self.name, self.vendor, self.model, self._outside, prompt.system, prompt.user)
            if problem := note_sent(self._runtime, prompt.about, sent):  # keeps no event from its answer
                log.warning("sent.not_noted", about=prompt.about, to=sent.to, reason=str(problem))
        return await super().ask(prompt, schema)
