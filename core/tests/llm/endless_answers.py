"""Asks one provider of the given vendor at each of the given servers, then a good one; prints attempts and own memory.

    python endless_answers.py VENDOR GOOD_URL KIND=URL...

A process of its own, because memory that was taken once is rarely given back.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.providers.anthropic import AnthropicProvider
from mesh_core.llm.providers.ollama import OllamaProvider
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.llm.router import Prompt, Provider, Rejection, complete
from mesh_core.models.attempts import AttemptOutcome

PROMPT = Prompt("You answer in JSON.", "Say yes.", 64)
# What never comes to an end by itself has to be short; all else may take the time of a busy machine.
ATTEMPT_SECONDS = {"endless-interim": 2.0}
MOST_SECONDS = 60.0


def provider_of(vendor: str, name: str, url: str, seconds: float) -> Provider:
    if vendor == "openai":
        return OpenAICompatibleProvider(name=name, url=url, model="m", timeout_seconds=seconds)
    if vendor == "ollama":
        return OllamaProvider(name=name, host=url, model="m", timeout_seconds=seconds)
    return AnthropicProvider(name=name, base_url=url, model="m", api_key="k", timeout_seconds=seconds)


def read(text: str) -> str | Rejection:
    return text if text == "yes" else Rejection(AttemptOutcome.INVALID_JSON, "not what was asked for")


def mib(name: str) -> float:
    """VmRSS (now) or VmHWM (the most so far) of this process; ru_maxrss would count the parent's before the exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


async def main(vendor: str, good_url: str, bad: list[str]) -> None:
    good = provider_of("openai", "good", good_url, MOST_SECONDS)
    breakers = Breakers()
    await complete([good], PROMPT, {}, read, breakers=breakers)
    await provider_of(vendor, "unused", good_url, 1.0).close()
    before = mib("VmRSS")
    for one in bad:
        kind, _, url = one.partition("=")
        hostile = provider_of(vendor, kind, url, ATTEMPT_SECONDS.get(kind, MOST_SECONDS))
        result = await complete([hostile, good], PROMPT, {}, read, breakers=breakers)
        await hostile.close()
        first = result.attempts[0]
        print(
            json.dumps(
                {
                    "kind": kind,
                    "outcome": first.outcome,
                    "detail": first.detail,
                    "ms": first.latency_ms,
                    "next": result.attempts[1].outcome if len(result.attempts) > 1 else None,
                    "grew_mib": round(max(0.0, mib("VmHWM") - before), 1),
                }
            )
        )
    await good.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
