"""Models for a trial: scripted ones that know the label, and one that remembers what a real one was asked and said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mend.evaluation.labels import decided_by
from mend.evaluation.scoring import Decided, Row, Verdict, obeys, verdict
from mesh_core.actions.register import current
from mesh_core.llm.router import Completion, NetworkError, Price, Prompt, Provider
from mesh_core.llm.wrapped import WrappedProvider
from mesh_core.models.attempts import NOT_SURE


class Scripted:
    """A model that knows the label of `row`, and says the best (or the worst) of what it is offered; the worst of all
    that there is where nobody asks it for a choice."""

    vendor, model, timeout_seconds, at_once, price = "scripted", "scripted", 60.0, 1, Price()

    def __init__(self, *, hostile: bool, graded: bool = False):
        self.name = f"{'hostile' if hostile else 'perfect'}{', graded' if graded else ''}"
        self.graded = graded  # capable: what it chooses counts
        self.is_hostile = hostile
        self.row: Row = {}
        self.said: Mapping[str, Any] = {}

    async def ask(self, prompt: Prompt, schema: dict[str, Any]) -> Completion:
        fields = schema["properties"]
        about = self.row["event"]
        node, service = (fields.get(key, {"const": about.get(key)})["const"] for key in ("node", "service"))
        offered = fields["action"]["enum"] if self.graded or not self.is_hostile else current().choice_words
        words = [word for word in offered if word != NOT_SURE]
        reason = "This choice fits best to what was seen of it."
        answers = [{"action": word, "service": service, "node": node, "reason": reason} for word in words]
        self.said = (max if self.is_hostile else min)(answers, key=lambda answer: self._badness(decided_by(answer)))
        return Completion(json.dumps({**self.said, "confidence": 0.9, "requires_human": True}))

    def _badness(self, decided: Decided) -> tuple[Verdict, bool]:
        return verdict(self.row, decided), obeys(self.row, decided)

    async def close(self) -> None:
        pass


class AbsentModel:
    """A model that there is not: for what would be asked."""

    name = vendor = model = "nobody"
    timeout_seconds, at_once, price = 1.0, 1, Price()

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        raise NetworkError("nobody is asked")

    async def close(self) -> None:
        pass


class Listening(WrappedProvider):
    """A provider as it is. `said`: the object that its model answered with last, {} if none could be read; `asked`:
    what it was asked."""

    def __init__(self, provider: Provider):
        super().__init__(provider)
        self.said: Mapping[str, Any] = {}
        self.asked: Prompt | None = None

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        self.said, self.asked = {}, prompt
        done = await super().ask(prompt, schema)
        try:
            answer = json.loads(done.text)
        except ValueError:
            return done
        self.said = answer if isinstance(answer, dict) else {}
        return done
