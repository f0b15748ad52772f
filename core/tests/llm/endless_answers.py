"""Asks one rung of the given vendor at each of the given servers, then a good one; prints the tries and its own memory.

    python endless_answers.py VENDOR GOOD_URL KIND=URL...

A process of its own, because memory that was taken once is rarely given back.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from mesh_core.llm.breaker import Breakers
from mesh_core.llm.ladder import Prompt, Rejection, Rung, climb
from mesh_core.llm.rungs.anthropic import AnthropicRung
from mesh_core.llm.rungs.ollama import OllamaRung
from mesh_core.llm.rungs.openai_compatible import OpenAICompatibleRung
from mesh_core.models.attempts import AttemptOutcome

PROMPT = Prompt("You answer in JSON.", "Say yes.", 64)
ATTEMPT_SECONDS = 2.0


def rung_of(vendor: str, name: str, url: str, seconds: float) -> Rung:
    if vendor == "openai":
        return OpenAICompatibleRung(name=name, url=url, model="m", timeout_seconds=seconds)
    if vendor == "ollama":
        return OllamaRung(name=name, host=url, model="m", timeout_seconds=seconds)
    return AnthropicRung(name=name, base_url=url, model="m", api_key="k", timeout_seconds=seconds)


def read(text: str) -> str | Rejection:
    return text if text == "yes" else Rejection(AttemptOutcome.INVALID_JSON, "not what was asked for")


def mib(name: str) -> float:
    """VmRSS (now) or VmHWM (the most so far) of this process; ru_maxrss would count the parent's before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


async def main(vendor: str, good_url: str, bad: list[str]) -> None:
    good = rung_of("openai", "good", good_url, 30.0)
    breakers = Breakers()
    await climb([good], PROMPT, {}, read, breakers=breakers)
    await rung_of(vendor, "unused", good_url, 1.0).close()
    before = mib("VmRSS")
    for one in bad:
        kind, _, url = one.partition("=")
        hostile = rung_of(vendor, kind, url, ATTEMPT_SECONDS)
        climbed = await climb([hostile, good], PROMPT, {}, read, breakers=breakers)
        await hostile.close()
        first = climbed.tries[0]
        print(
            json.dumps(
                {
                    "kind": kind,
                    "outcome": first.outcome,
                    "detail": first.detail,
                    "ms": first.latency_ms,
                    "next": climbed.tries[1].outcome if len(climbed.tries) > 1 else None,
                    "grew_mib": round(max(0.0, mib("VmHWM") - before), 1),
                }
            )
        )
    await good.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
