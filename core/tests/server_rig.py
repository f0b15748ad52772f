"""A model server that answers as a test says, over real HTTP, and one question to a provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from parts.scripted import Asked, Canned, ScriptedHttp

from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.router import Attempt, Prompt, Provider, Rejection, complete
from mesh_core.models.attempts import AttemptOutcome

PROMPT = Prompt("You answer in JSON.", "Say yes.", 64)
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": ["yes", "no"]}, "sure": {"type": "number"}},
    "required": ["word"],
}
GOOD = '{"word": "yes"}'
Behaviour = Callable[[Asked], Canned]


def read(text: str) -> dict[str, Any] | Rejection:
    try:
        value: dict[str, Any] = json.loads(text)
    except ValueError:
        return Rejection(AttemptOutcome.INVALID_JSON, "not JSON")
    fits = value.get("word") in ("yes", "no") and not isinstance(value.get("sure"), str)
    return value if fits else Rejection(AttemptOutcome.SCHEMA_VIOLATION, "not the form")


class ReactingServer(ScriptedHttp):
    """Answers each request as `behaviour` says."""

    behaviour: Behaviour

    def next_answer(self, asked: Asked) -> Canned:
        self.asked.append(asked)
        return self.behaviour(asked)

    @property
    def chats(self) -> list[Any]:
        return [asked.body for asked in self.asked if asked.path in ("/v1/chat/completions", "/api/chat")]


async def ask(provider: Provider) -> Attempt:
    return (await complete([provider], PROMPT, SCHEMA, read, breakers=Breakers())).attempts[0]


def refusing(field: str, status: int = 400, words: str | None = None, *, kind: str | None = None) -> Behaviour:
    """Takes everything but `field` (or that with `type` kind)."""

    def answer(asked: Asked) -> Canned:
        there = asked.body.get(field)
        if there is not None and (kind is None or there["type"] == kind):
            return Canned.error(status, f"Unsupported parameter: {field}" if words is None else words)
        return Canned.openai(GOOD)

    return answer


def formats(server: ReactingServer) -> list[str | None]:
    return [(body.get("response_format") or {}).get("type") for body in server.chats]


def streamed(*deltas: dict[str, Any], end: str = "\n\n", last: str = "data: [DONE]\n\n") -> Behaviour:
    pieces = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    pieces.append({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 7}})
    text = "".join(f"data: {json.dumps(piece)}{end}" for piece in pieces) + last
    return lambda asked: Canned(text.encode(), headers={"Content-Type": "text/event-stream"})
