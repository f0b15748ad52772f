"""What does the router cost per call? CPU of this process against a trivial server in another one, beside raw httpx.

    python benchmarks/router.py [--calls 400] [--rounds 5]

A `router` call is breaker, wall clock, request, strict parse, schema and grounding of the answer; a `thought` is all
that the planner does for an answer: policy, evidence, wording and narrowed schema as well. Raw httpx posts the same
body and parses the answer. Cases are interleaved; a figure is the median of the rounds. CPU figures survive a busy
machine better than wall ones; the ratio to raw httpx of the same run is the one to compare.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import httpx

from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.providers.anthropic import AnthropicProvider
from mesh_core.llm.providers.ollama import OllamaProvider
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.llm.router import Provider, complete
from mesh_core.models.events import HealthEvent
from mesh_core.policy.answer_schema import narrow
from mesh_core.policy.policy import Policy
from planner_agent.prompts.evidence import evidence_for
from planner_agent.prompts.prompts import base_schema, prompt_for, read_answer, rules_answer

GOAL_MS = 1.3
Call = Callable[[], Awaitable[object]]
EVENT = HealthEvent(
    id="nas-01/1-0",
    type="container_died",
    node="nas-01",
    service="jellyfin",
    severity="error",
    payload={
        "runtime": "docker",
        "status": "exited",
        "exit_code": 137,
        "compose": {"project": "media", "service": "jellyfin"},
        "logs": [f"2026-01-01T00:00:{n:02d}Z INFO request path=/item/{n} status=200" for n in range(20)],
    },
)
ANSWER = {
    "action": "restart",
    "service": "jellyfin",
    "node": "nas-01",
    "reason": "the container exited with 137 and does not run",
    "confidence": 0.7,
    "requires_human": True,
}


async def serve(port_to: int) -> None:
    """Answers every POST at once in the vendor's shape that its path asks for; prints its port."""
    text = json.dumps(ANSWER)
    shapes = {
        b"/v1/chat/completions": {
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 310, "completion_tokens": 48, "total_tokens": 358},
        },
        b"/api/chat": {
            "model": "m",
            "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": text},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 310,
            "eval_count": 48,
        },
        b"/v1/messages": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 310, "output_tokens": 48},
        },
    }
    bodies = {path: json.dumps(shape).encode() for path, shape in shapes.items()}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = next(int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.startswith(b"content-length"))
                await reader.readexactly(length)
                body = bodies[head.split(b" ", 2)[1]]
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(b"content-length: %d\r\n\r\n" % len(body) + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port_to)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def cases(url: str) -> dict[str, Call]:
    policy, breakers = Policy.load(None), Breakers()
    client = httpx.AsyncClient(timeout=None, trust_env=False)
    allowed = policy.allows(EVENT)
    fixed = prompt_for(EVENT, evidence_for(EVENT), allowed)
    body = {
        "model": "m",
        "messages": [{"role": "system", "content": fixed.system}, {"role": "user", "content": fixed.user}],
        "max_tokens": fixed.max_tokens,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": narrow(base_schema(), EVENT, allowed)},
        },
    }

    async def raw() -> object:
        reply = await client.post(f"{url}/v1/chat/completions", json=body)
        return json.loads(reply.json()["choices"][0]["message"]["content"])

    schema, read = narrow(base_schema(), EVENT, allowed), read_answer(EVENT, allowed)

    def chained(provider: Provider) -> Call:
        async def call() -> object:
            result = await complete((provider,), fixed, schema, read, breakers=breakers)
            if result.answer is None:
                raise RuntimeError(f"the trivial server's answer was not accepted: {result.attempts}")
            return result.answer

        return call

    def thought(*providers: Provider) -> Call:
        async def call() -> object:
            may = policy.allows(EVENT)
            result = await complete(
                providers,
                prompt_for(EVENT, evidence_for(EVENT), may),
                narrow(base_schema(), EVENT, may),
                read_answer(EVENT, may),
                breakers=breakers,
            )
            return result.answer or rules_answer(EVENT, may)(result.attempts)

        return call

    local = OpenAICompatibleProvider(name="llamacpp", url=url, model="m")
    return {
        "raw httpx": raw,
        "router, llama.cpp provider": chained(local),
        "router, Ollama provider": chained(OllamaProvider(name="ollama", host=url, model="m")),
        "router, Anthropic provider": chained(AnthropicProvider(name="haiku", model="m", api_key="k", base_url=url)),
        "thought, llama.cpp provider": thought(local),
        "thought, rules only": thought(),
    }


async def measure(url: str, calls: int, rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    """(CPU ms, wall ms) per call and round of each case."""
    todo = cases(url)
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in todo}
    for call in todo.values():
        for _ in range(20):
            await call()
    for _ in range(rounds):
        for name, call in todo.items():
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(calls):
                await call()
            found[name][0].append((time.process_time() - cpu) / calls * 1000)
            found[name][1].append((time.perf_counter() - wall) / calls * 1000)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(0))
        return
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        port = int((server.stdout.readline() if server.stdout else "") or 0)
        if (os.cpu_count() or 1) > 1 and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(server.pid, {1})
            os.sched_setaffinity(0, {0})
        found = asyncio.run(measure(f"http://127.0.0.1:{port}", given.calls, given.rounds))
    finally:
        server.kill()
        server.wait()
    base = statistics.median(found["raw httpx"][0])
    print(f"{'router overhead per call':38} {'CPU ms':>8} {'min-max':>13} {'x raw':>6} {'wall ms':>8}")
    for name, (cpu, wall) in found.items():
        middle = statistics.median(cpu)
        spread = f"{min(cpu):.2f}-{max(cpu):.2f}"
        print(f"{name:38} {middle:8.2f} {spread:>13} {middle / base:6.2f} {statistics.median(wall):8.2f}")
    ours = statistics.median(found["router, llama.cpp provider"][0])
    print(f"goal: llama.cpp provider <= {GOAL_MS} ms CPU: {'met' if ours <= GOAL_MS else 'missed'} ({ours:.2f} ms)")


if __name__ == "__main__":
    main()
