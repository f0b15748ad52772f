"""How good are the decisions? Labelled events through policy + rules, and through the chain; writes predictions.

    python benchmarks/decisions.py --data EVENTS.jsonl --out DIR [--llamacpp-url URL] [--limit N]

A row of EVENTS.jsonl is {"id", "event": {...}, "preferred", "acceptable": [...], "unacceptable": [...]}. It prints a
short table by itself; the prediction files ({"id", "proposal", "latency_s"}) are for a scorer of your own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.llm.router import Provider, complete
from mesh_core.llm.rules_fallback import answer_or_rules
from mesh_core.models.events import HealthEvent
from mesh_core.models.records import is_name
from mesh_core.policy.policy import Policy
from planner_agent.prompts.evidence import evidence_for
from planner_agent.prompts.prompts import answer_schema, prompt_for, read_answer, rules_answer

ACTIONS = ("restart", "redeploy", "notify", "ignore")


def event_of(row: dict[str, Any]) -> HealthEvent:
    """As it came, also where a name would be refused at the door: the policy is to see those too."""
    known = {key: value for key, value in row["event"].items() if key in HealthEvent.model_fields}
    return HealthEvent.model_construct(**{"severity": "warning", "payload": {}, "service": None, **known})


async def decide(
    policy: Policy, event: HealthEvent, providers: list[Provider], breakers: Breakers
) -> tuple[dict[str, Any], Counter[str]]:
    allowed = policy.allows(event)
    if event.service is not None and not is_name(event.service):  # the door refuses it: a dead letter, no model
        said = {"action": allowed.preferred, "service": event.service, "node": event.node}
        return {**said, "reason": allowed.reason, "confidence": 0.5, "requires_human": True}, Counter()
    result = await complete(
        providers,
        prompt_for(event, evidence_for(event), allowed),
        answer_schema(event, allowed),
        read_answer(event, allowed),
        breakers=breakers,
    )
    answer = answer_or_rules(result, providers, rules_answer(event, allowed)).answer
    proposal = answer.model_dump(mode="json") | {"requires_human": True, "service": answer.service or ""}
    return proposal, Counter(
        t.outcome.value if t.outcome == "ok" else f"{t.outcome}: {t.detail}" for t in result.attempts
    )


async def run(rows: list[dict[str, Any]], policy: Policy, providers: list[Provider], out: Path) -> None:
    predictions, outcomes = {}, Counter[str]()
    breakers = Breakers(failures=10**6)
    for row in rows:
        began = time.perf_counter()
        proposal, attempts = await decide(policy, event_of(row), providers, breakers)
        outcomes += attempts
        predictions[row["id"]] = {
            "id": row["id"],
            "proposal": proposal,
            "latency_s": round(time.perf_counter() - began, 4),
        }
    out.write_text("".join(json.dumps(p, ensure_ascii=False) + "\n" for p in predictions.values()), encoding="utf-8")
    kinds = Counter[str]()
    for what, number in outcomes.items():
        kinds[what.partition(":")[0]] += number
    print(f"\n{out.name}: {len(rows)} events, attempts: {dict(kinds) or 'none'}")
    for what, number in outcomes.most_common(20):
        if what != "ok":
            print(f"  {number} x {what[:150]}")
    for line in table(rows, predictions):
        print(line)


def table(rows: list[dict[str, Any]], predictions: dict[str, dict[str, Any]]) -> Iterable[str]:
    given = {row["id"]: predictions[row["id"]]["proposal"]["action"] for row in rows}
    harm = [row for row in rows if given[row["id"]] in row["unacceptable"]]
    classes = [a for a in ACTIONS if any(row["preferred"] == a for row in rows)]
    shares = []
    yield f"{'preferred':10} {'n':>4} " + " ".join(f"{a:>9}" for a in ACTIONS)
    for wanted in classes:
        of_class = [row for row in rows if row["preferred"] == wanted]
        counts = Counter(given[row["id"]] for row in of_class)
        shares.append(counts[wanted] / len(of_class))
        yield f"{wanted:10} {len(of_class):>4} " + " ".join(f"{counts[a]:>9}" for a in ACTIONS)
    latencies = sorted(predictions[row["id"]]["latency_s"] for row in rows)
    yield (
        f"unacceptable {len(harm) / len(rows):.3f}   balanced preferred {sum(shares) / len(shares):.3f} (always-notify "
        f"{1 / len(classes):.2f})   p50 {latencies[len(latencies) // 2]:.3f} s   max {latencies[-1]:.3f} s"
    )
    if harm:
        yield "unacceptable: " + " ".join(row["id"] for row in harm)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="labelled events, one JSON object a line")
    parser.add_argument("--out", type=Path, required=True, help="folder for the prediction files")
    parser.add_argument("--llamacpp-url", help="an OpenAI-compatible server; without it only the rules is run")
    parser.add_argument("--policy", type=Path, help="a config/policy.yml over the shipped one")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--misses", action="store_true", help="name each event that got another action than preferred")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.data.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = rows[: given.limit or None]
    policy = Policy.load(given.policy)
    given.out.mkdir(parents=True, exist_ok=True)
    await run(rows, policy, [], given.out / "floor.jsonl")
    if given.misses:
        for row in rows:
            allowed = policy.allows(event_of(row))
            if allowed.preferred != row["preferred"]:
                names = ",".join(a for a in ACTIONS if a in allowed.actions)
                print(f"{row['id']} {row['preferred']} -> {allowed.preferred} by {allowed.rule} of {names}")
    if given.llamacpp_url:
        provider = OpenAICompatibleProvider(name="llamacpp", url=given.llamacpp_url, timeout_seconds=30)
        await run(rows, policy, [provider], given.out / "chain.jsonl")
        await provider.close()


if __name__ == "__main__":
    asyncio.run(main())
