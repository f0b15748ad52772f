"""How well does the planner judge? Labelled events by its own way: the rules, and what a model can do in their offer.

    python benchmarks/judgement.py [--data EVENTS.jsonl ...] [--policy FILE] [--families] [--misses]
                                   [--llamacpp-url URL] [--every 1]

Sets lie beside it; all may be looked at but those of ONLY_SCORED, of which only totals are ever printed.
`perfect` is a scripted model that knows the label and takes the best of
what it is offered (the ceiling), `hostile` takes the worst (the reach); `... counted` is what the planner makes of
their answers, `graded` if they had shown that they choose better than the rules. `hook`: the raw bodies of a set
through the observer's hooks, `direct`: the same rows as they are labelled, `fields`: those of generic hooks without
their expressions. A server at URL is asked about each Nth event, and stands there as the others do.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from mend.evaluation.labels import NO_ANSWER, event_of, is_shown, read_labelled
from mend.evaluation.models import Listening, Scripted
from mend.evaluation.scoring import Decided, Figures, Row, Share, Verdict, figures, verdict
from mend.evaluation.trial import TrialPlanner
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.models.events import HealthEvent
from mesh_core.policy.names.known_names import KnownNames
from mesh_core.policy.policy import Policy
from observer.hooks.alert import Alert, Nothing, Read, Unfit
from observer.hooks.plain_text import fields_of_text
from observer.hooks.rules import HookRules, read_hooks
from observer.hooks.senders import SENDERS, any_json

SETS = Path(__file__).parent / "judgement_sets"
NAMES = (
    "open opened third_open third_opened fourth_open fourth_opened fifth_open fifth_opened sixth_open sixth_opened "
    "seventh_open seventh_opened seventh_kept eighth_open eighth_opened eighth_kept ninth_open ninth_opened ninth_kept "
    "tenth_opened tenth_kept eleventh_opened twelfth_opened twelfth_kept "
    "thirteenth_opened"
)
ALL = tuple(SETS / f"{name}.jsonl" for name in NAMES.split())
ONLY_SCORED = tuple(file for file in ALL if not is_shown(file.stem))
HEAD = (
    "| set | events | who | unacceptable | of trust A | balanced | fix | wrong target | hidden | attacks |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def hook_rules(per_minute: int = 1) -> HookRules:
    """Those of the sets' own senders."""
    return read_hooks(SETS / "hooks.yml", token=None, secret=None, loopback=True, per_minute=per_minute)


def names_of(rows: Sequence[Row], rules: HookRules) -> KnownNames:
    """What a mesh with the hosts of these events knows."""
    return KnownNames({row["event"]["node"]: "" for row in rows}, domains=frozenset(rules.mapped.domains))


def event_of_hook(
    row: Row, rules: HookRules, names: KnownNames, *, by_fields: bool = False
) -> HealthEvent | Unfit | None:
    """What the observer makes of the raw body; None: nothing that is trouble. `by_fields`: as if nobody had described
    its sender."""
    sender, body = row["hook"]["sender"], row["hook"]["body"]
    if isinstance(body, str):  # which came as text/plain
        body = fields_of_text(body)
    if by_fields:
        sender = any_json.NAME
    kind, _, name = sender.partition("/")
    found = rules.generic[name].alerts_in(body, name) if kind == "generic" else SENDERS[sender].alerts_in(body)
    reads: list[Read] = [found] if isinstance(found, Unfit) else found
    firing = (one for one in reads if isinstance(one, Alert) and one.firing)
    read = next(firing, next(iter(reads), Nothing("no alert in it")))
    if isinstance(read, Unfit):
        return read
    if not isinstance(read, Alert) or not read.firing:
        return None
    now = datetime.fromisoformat(row["event"]["timestamp"])
    return rules.mapped.event_for(read, read.episode or "1", now, names)


async def judged(rows: Sequence[Row], events: Sequence[HealthEvent | Unfit | None], planner: TrialPlanner) -> list[Any]:
    """For each row (what comes of it, what the model chose)."""
    pairs = zip(rows, events, strict=True)
    return [
        (NO_ANSWER, NO_ANSWER) if isinstance(event, Unfit) else await planner.decide(row, event) for row, event in pairs
    ]


async def of_a_set(
    name: str, rows: Sequence[Row], policy: Policy, rules: HookRules, server: Listening | None
) -> list[Decided]:
    """Prints its lines, and gives what the rules alone decided."""
    events = [event_of(row) for row in rows]
    alone = [came for came, _ in await judged(rows, events, TrialPlanner(policy))]
    print(line(name, "rules alone", rows, alone))
    scripted = [Scripted(hostile=hostile, graded=True) for hostile in (False, True)]
    for model in (*scripted, *([server] if server else [])):
        both = await judged(rows, events, TrialPlanner(policy, model))
        print(line(name, model.name, rows, [chosen for _, chosen in both]))
        print(line(name, f"{model.name}, counted", rows, [came for came, _ in both]))
    if with_body := [number for number, row in enumerate(rows) if "hook" in row]:
        some = [rows[number] for number in with_body]
        names = names_of(rows, rules)
        through = await judged(some, [event_of_hook(row, rules, names) for row in some], TrialPlanner(policy))
        print(line(f"{name}, hook", "rules alone", some, [came for came, _ in through]))
        print(line(f"{name}, direct", "rules alone", some, [alone[number] for number in with_body]))
        some = [row for row in some if row["hook"]["sender"].startswith("generic/")]
        through = await judged(
            some, [event_of_hook(row, rules, names, by_fields=True) for row in some], TrialPlanner(policy)
        )
        print(line(f"{name}, fields", "rules alone", some, [came for came, _ in through]))
    return alone


def line(name: str, who: str, rows: Sequence[Row], decided: Sequence[Decided]) -> str:
    found = figures(rows, decided)
    low, high = found.mean_interval
    parts = [
        *(name, str(len(rows)), who, _percent(found.unacceptable)),
        f"{found.plain.hits} of {found.plain.total}",
        f"{found.mean:.2f} ({low:.2f} to {high:.2f})",
        _told(found.fix),
        *(f"{share.hits} of {share.total}" for share in (found.wrong_target, found.hidden, found.attacks)),
    ]
    return f"| {' | '.join(parts)} |"


def _percent(share: Share) -> str:
    low, high = share.interval
    return f"{100 * share.value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _told(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.2f} ({low:.2f} to {high:.2f})"


def by_family(rows: Sequence[Row], decided: Sequence[Decided]) -> Iterator[str]:
    yield "| family | events | unacceptable | preferred | mended |\n|---|---|---|---|---|"
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        numbers[row["source"]["family"]].append(number)
    for family, some in sorted(numbers.items()):
        found: Figures = figures([rows[n] for n in some], [decided[n] for n in some])
        hits = sum(share.hits for share in found.balanced)
        mended = f"{found.fix.hits} of {found.fix.total}"
        yield f"| {family} | {len(some)} | {found.unacceptable.hits} | {hits} | {mended} |"


def misses(rows: Sequence[Row], decided: Sequence[Decided], policy: Policy) -> Iterator[str]:
    """What was preferred and what came instead, by the rule that said so; the kinds with most first, two of each."""
    kinds: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row, one in zip(rows, decided, strict=True):
        if verdict(row, one) is not Verdict.PREFERRED:
            kinds[row["preferred"], one.action, policy.allows(event_of(row)).rule].append(row)
    for (wanted, given, rule), found in sorted(kinds.items(), key=lambda item: -len(item[1])):
        yield f"{len(found)} x {wanted} -> {given} by {rule}"
        yield from (f"    {row['id']} {row['event']['type']}: {row['rationale']}" for row in found[:2])
    harm = [row["id"] for row, one in zip(rows, decided, strict=True) if verdict(row, one) is Verdict.UNACCEPTABLE]
    yield f"harm: {' '.join(harm) or 'none'}"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="*", type=Path, default=ALL, help="sets, a JSON object a line")
    parser.add_argument("--policy", type=Path, help="a config/policy.yml over the shipped one")
    parser.add_argument("--families", action="store_true", help="totals of each family, of the rules alone")
    parser.add_argument("--misses", action="store_true", help="what the rules missed; never of what is only scored")
    parser.add_argument("--llamacpp-url", help="an OpenAI-compatible server to ask as well")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each Nth event only")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    policy = Policy.load(given.policy)
    rules = hook_rules(per_minute=10**6)
    sets = {file: read_labelled(file)[:: given.every] for file in given.data}
    server = None
    if given.llamacpp_url:
        server = Listening(OpenAICompatibleProvider(name="model", url=given.llamacpp_url, timeout_seconds=120))
    print(HEAD)
    alone = {file: await of_a_set(file.stem, rows, policy, rules, server) for file, rows in sets.items()}
    if server:
        await server.close()
    for file, rows in sets.items():
        if given.families:
            print(f"\n{file.stem}:\n", *by_family(rows, alone[file]), sep="\n")
        if given.misses and file.resolve() not in ONLY_SCORED:
            print(f"\n{file.stem}:", *misses(rows, alone[file], policy), sep="\n")
    counts = Counter(action for rows in sets.values() for action in (row["preferred"] for row in rows))
    print(f"\nlabelled: {', '.join(f'{count} {action}' for action, count in counts.most_common())}")


if __name__ == "__main__":
    asyncio.run(main())
