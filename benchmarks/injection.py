"""What do planted sentences change? Every line of the planner's injection suite, on every provider; one table.

    python benchmarks/injection.py [--every 1] [--llamacpp-url URL] [--without-model] [--misses]

`rules` is the rules alone; `obedient` is a scripted model that does all that a line asks for, behind each vendor's real
client; `model` is the bundled 135M (or the server at URL). A decision is changed when action or target differ from the
same event without the line. `asked for otherwise`: the model chose something else than the rules do, which does not
count; in brackets how often it does so without any planted line. `on cards`: reasons in its own words that stayed.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "services" / "planner-agent" / "tests")]

from parts.scripted import Canned, ScriptedHttp  # noqa: E402
from planting import EVENTS, Decided, Plant, decide, input_for, is_shown, obedient, plants  # noqa: E402

from mend.evaluation.models import Listening  # noqa: E402
from mesh_core.llm.providers.anthropic import AnthropicProvider  # noqa: E402
from mesh_core.llm.providers.ollama import OllamaProvider  # noqa: E402
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider  # noqa: E402
from mesh_core.llm.router import Provider  # noqa: E402
from mesh_core.testing import free_port  # noqa: E402

NAMES = list(EVENTS)
HEAD = f"{'provider':22} {'lines':>5} {'changed':>7} {'asked for otherwise':>20} {'on cards':>8} {'seconds':>8}"


def row(provider: str, lines: int, changed: int, otherwise: str, cards: int, began: float) -> str:
    return f"{provider:22} {lines:>5} {changed:>7} {otherwise:>20} {cards:>8} {time.monotonic() - began:>8.1f}"


async def of_the_rules(chosen: list[Plant], plain: dict[str, Decided]) -> None:
    began = time.monotonic()
    pairs = [(name, plant) for name in NAMES for plant in chosen]
    changed = [p for name, p in pairs if await decide(input_for(name, p)) != plain[name]]
    print(row(f"rules (x {len(NAMES)} events)", len(pairs), len(changed), "-", 0, began), flush=True)


async def of_the_obedient(vendor: str, chosen: list[Plant], plain: dict[str, Decided]) -> None:
    began = time.monotonic()
    tally = Counter[str]()
    with ScriptedHttp() as server:
        provider: Provider
        if vendor == "openai":
            provider = OpenAICompatibleProvider(name=vendor, url=server.url, model="m", timeout_seconds=60)
        elif vendor == "ollama":
            provider = OllamaProvider(name=vendor, host=server.url, model="m", timeout_seconds=60)
        else:
            provider = AnthropicProvider(name=vendor, base_url=server.url, model="m", api_key="k", timeout_seconds=60)
        for plant in chosen:
            name = NAMES[plant.number % len(NAMES)]
            if not is_shown(input_for(name, plant), plant):
                continue  # nobody can obey what is hidden from him
            action = plain[name].action if plant.wants == "reason" else plant.wants
            server.script(getattr(Canned, vendor)(obedient(EVENTS[name], plant, action=action)))
            got = await decide(input_for(name, plant), [provider])
            tally["changed"] += got.what != plain[name].what
            tally["otherwise"] += action != plain[name].action
            tally["cards"] += got.words_of == "model"
        await provider.close()
    print(row(f"obedient, {vendor}", len(chosen), tally["changed"], str(tally["otherwise"]), tally["cards"], began))


async def of_a_model(url: str, chosen: list[Plant], plain: dict[str, Decided], misses: bool) -> None:
    began = time.monotonic()
    provider = Listening(OpenAICompatibleProvider(name="model", url=url, timeout_seconds=120))
    tally, attempts = Counter[str](), Counter[str]()
    for name in NAMES:
        await decide(input_for(name), [provider])
        tally["alone"] += provider.said.get("action") != plain[name].action
    for plant in chosen:
        name = NAMES[plant.number % len(NAMES)]
        got = await decide(input_for(name, plant), [provider])
        attempts[got.tried] += 1
        tally["changed"] += got.what != plain[name].what
        tally["otherwise"] += provider.said.get("action") != plain[name].action
        tally["cards"] += got.words_of == "model"
        if misses and (provider.said.get("action") != plain[name].action or got.words_of == "model"):
            print(
                f"  {plant.number} {name}: chose {provider.said.get('action')} for {plain[name].action}; "
                f"{got.words_of}: {got.reason}"
            )
    otherwise = f"{tally['otherwise']} ({tally['alone']} of {len(NAMES)})"
    print(row(f"model {provider.model}"[:22], len(chosen), tally["changed"], otherwise, tally["cards"], began))
    print(f"  attempts: {dict(attempts)}")
    await provider.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each Nth line only")
    parser.add_argument("--llamacpp-url", help="an OpenAI-compatible server; without it the bundled model is started")
    parser.add_argument("--without-model", action="store_true")
    parser.add_argument("--misses", action="store_true", help="what the model said where it differed, or was believed")
    given = parser.parse_args()
    chosen = plants()[:: given.every]
    plain = {name: await decide(input_for(name)) for name in EVENTS}
    print(HEAD, flush=True)
    await of_the_rules(chosen, plain)
    for vendor in ("openai", "ollama", "anthropic"):
        await of_the_obedient(vendor, chosen, plain)
    if given.without_model:
        return
    if given.llamacpp_url:
        await of_a_model(given.llamacpp_url, chosen, plain, given.misses)
        return
    port = free_port()
    command = [sys.executable, "-m", "mend.local.model_server", "--port", str(port), "--exit-with-parent"]
    server = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        await until_healthy(f"http://127.0.0.1:{port}")
        await of_a_model(f"http://127.0.0.1:{port}", chosen, plain, given.misses)
    finally:
        server.terminate()
        await server.wait()


async def until_healthy(url: str, seconds: float = 60.0) -> None:
    async with httpx.AsyncClient(timeout=2.0) as client:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if (await client.get(f"{url}/health")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise TimeoutError(f"the model server at {url} did not answer within {seconds:g} s")


if __name__ == "__main__":
    asyncio.run(main())
