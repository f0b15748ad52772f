"""What is gathered when trouble begins: what its probe knows, what lies behind it on the host, and what is done there.

All of it is bounded, and none of it holds up the event. Judges nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from node_agent.checks.check_result import CheckResult
from node_agent.checks.failures import described, is_stopping

EVIDENCE_SECONDS = 5.0
OF_OTHERS = frozenset({"depends_on"})  # words of evidence that tell how other things are

Look = Callable[[CheckResult], Awaitable[dict[str, Any]]]


async def look_nowhere(result: CheckResult) -> dict[str, Any]:
    return {}


class EvidenceGatherer:
    """`investigate`: what lies behind it on the host; `at_work`: what is done there. Neither ever raises."""

    def __init__(self, *, investigate: Look = look_nowhere, at_work: Look = look_nowhere):
        self._investigate = investigate
        self._at_work = at_work

    async def of_host(self, result: CheckResult) -> dict[str, Any]:
        """Of trouble that is the probe's own: it is not asked."""
        return _said(await self._at_work(result))

    async def of(self, result: CheckResult, ask_probe: Look) -> dict[str, Any]:
        """All of it, looked for side by side."""
        looks = [self._at_work(result), _asked(ask_probe, result), self._investigate(result)]
        return _said(*await asyncio.gather(*looks))

    async def of_others(self, result: CheckResult, ask_probe: Look) -> dict[str, Any]:
        """Only what says how other things are, which may be otherwise a minute later."""
        fresh = await self._at_work(result)
        if result.facts.keys() & OF_OTHERS:
            said = await _asked(ask_probe, result)
            fresh |= {word: said[word] for word in OF_OTHERS if word in said}
        return fresh


def _said(*parts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items() if value != []}


async def _asked(ask_probe: Look, result: CheckResult) -> dict[str, Any]:
    """Late or broken evidence does not hold up the event."""
    try:
        async with asyncio.timeout(EVIDENCE_SECONDS):
            return await ask_probe(result)
    except (Exception, asyncio.CancelledError) as error:  # as in a check
        if is_stopping():
            raise
        return {"evidence_missing": described(error)[:200]}
