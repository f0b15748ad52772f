"""Questions about a playbook's syntax and their answers in Redis: who asks waits a little, who answers reads on.

A question that nobody answers in time is lost, and so is one of before its executor's start: whoever asked knows that
it was not checked, and the run itself begins with the same check.
"""

from __future__ import annotations

import asyncio
import time

from mesh_core.messaging.bus import Bus
from mesh_core.models.syntax_check import SyntaxAnswer, SyntaxQuestion

KEPT = 16  # questions in the stream; each may have 256 KiB
ANSWER_SECONDS = 60
POLL_SECONDS = 0.1
BLOCK_MS = 1000


async def ask(bus: Bus, question: SyntaxQuestion, seconds: float) -> SyntaxAnswer | None:
    """The answer, None where nobody gave one in that time. Raises BusDown."""
    until = time.monotonic() + seconds
    await bus.call("XADD", question.stream, "MAXLEN", KEPT, "*", "p", question.wire())
    while time.monotonic() < until:
        await asyncio.sleep(POLL_SECONDS)
        if (said := await _answer(bus, question)) is not None:
            return said
    return None


async def read_questions(bus: Bus, after: str) -> list[tuple[str, bytes]]:
    """(entry id, what was asked) behind that entry, after at most BLOCK_MS. Raises BusDown."""
    found = await bus.call("XREAD", "COUNT", 4, "BLOCK", BLOCK_MS, "STREAMS", SyntaxQuestion.stream, after)
    return [(entry.decode(), fields.get(b"p", b"")) for _, entries in found or () for entry, fields in entries]


async def put_answer(bus: Bus, question: SyntaxQuestion, answer: SyntaxAnswer) -> None:
    """Raises BusDown."""
    await bus.call("SET", question.answer_key, answer.wire(), "EX", ANSWER_SECONDS)


async def _answer(bus: Bus, question: SyntaxQuestion) -> SyntaxAnswer | None:
    raw = await bus.call("GET", question.answer_key)
    return SyntaxAnswer.model_validate_json(raw) if raw else None
