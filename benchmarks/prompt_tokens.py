"""What a model server reads anew of a prompt, and what that takes: the bundled model, or the server at URL.

    python benchmarks/prompt_tokens.py SET.jsonl [--every 8] [--llamacpp-url URL] [--read 90] [--write 68]

Each event that policy offers a choice for is asked once, one after the other, as a planner asks. The counts are the
server's own (`timings` of llama.cpp): what it kept of the prompt before, what it read anew, what it wrote. The seconds
are those of a core that reads and writes as many tokens a second as is said here, whatever this machine is busy with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from mend.evaluation.labels import event_of, read_labelled
from mend.evaluation.models import Listening
from mend.evaluation.trial import TrialPlanner
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.policy.policy import Policy
from mesh_core.testing import free_port

HEAD = f"{'':8} {'kept':>6} {'read anew':>9} {'written':>8} {'seconds':>8}"


def heard(client: httpx.AsyncClient, timings: list[dict[str, Any]]) -> None:
    """The server's own counts of each answer of this client, into `timings`."""

    async def note(response: httpx.Response) -> None:
        said = json.loads(await response.aread())
        if isinstance(said, dict) and "timings" in said:
            timings.append(said["timings"])

    client.event_hooks["response"].append(note)


async def ask(url: str, rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    provider = OpenAICompatibleProvider(name="model", url=url, timeout_seconds=120)
    timings: list[dict[str, Any]] = []
    heard(provider._http, timings)
    planner = TrialPlanner(Policy.load(None), Listening(provider))
    for row in rows:
        await planner.diagnose(event_of(row))
    await provider.close()
    return timings[1:], sum(one.outcome == "ok" for one in planner.attempts)  # the first reads all of it


def say(timings: Sequence[dict[str, Any]], read: float, write: float) -> None:
    each = [(one["cache_n"], one["prompt_n"], one["predicted_n"]) for one in timings]
    spent = sorted(anew / read + written / write for _, anew, written in each)
    print(HEAD)
    middle = [median(column) for column in zip(*each, strict=True)]
    print(f"{'median':8} {middle[0]:6.0f} {middle[1]:9.0f} {middle[2]:8.0f} {median(spent):8.2f}")
    print(f"{'95 %':8} {'':6} {'':9} {'':8} {spent[int(len(spent) * 0.95)]:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--llamacpp-url")
    parser.add_argument("--read", type=float, default=90)
    parser.add_argument("--write", type=float, default=68)
    said = parser.parse_args()
    rows = read_labelled(said.set)[:: said.every]
    server, url = None, said.llamacpp_url
    if not url:
        port = free_port()
        words = [sys.executable, "-m", "mend.local.model_server", "--port", str(port), "--exit-with-parent"]
        server, url = subprocess.Popen(words, stdout=subprocess.DEVNULL), f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                if httpx.get(f"{url}/health", timeout=10).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        timings, believed = asyncio.run(ask(url, rows))
        print(f"{len(rows)} events, {believed} answers believed")
        say(timings, said.read, said.write)
        rates = [(one["prompt_per_second"], one["predicted_per_second"]) for one in timings]
        print(
            f"here: {median(r for r, _ in rates):.0f} tokens read a second, {median(w for _, w in rates):.0f} written"
        )
    finally:
        if server:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
