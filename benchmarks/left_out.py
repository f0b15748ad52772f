"""What of the rules carries over? Each family of a labelled set, judged without what speaks for that family alone.

    python benchmarks/left_out.py SET.jsonl

The rules were written by hand with some sets in sight, so nothing can be learnt anew without a family. What can be
taken away is what only that family shows to be needed: the rules that decide none of the others' events, and the words
(of cues and of names) that stand in none of the others'. What remains judges the family; all of them together are one
figure, beside that of the whole policy. It is a lower bound: another family may have brought the same rule or word.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from pathlib import Path

from mend.evaluation.labels import event_of, read_labelled
from mend.evaluation.scoring import Decided, Row, figures
from mend.evaluation.trial import TrialPlanner
from mesh_core.policy.policy import Policy
from mesh_core.policy.policy_file import Document, read_policy
from mesh_core.policy.words.text_line import stands_in
from mesh_core.runbooks.shipped import shipped_index

WORDS = ("cues", "topics", "logged", "failed_at", "names")


def shipped() -> Document:
    text = resources.files("mesh_core.policy").joinpath("default_policy.yml").read_text(encoding="utf-8")
    return read_policy(text, "default_policy.yml")


def made_of(document: Document) -> Policy:
    return Policy(document, runbooks=shipped_index())


def words_of_one(document: Document, texts: Mapping[str, str]) -> Mapping[str, set[str]]:
    """By family the listed words that stand in its events and in no other's."""
    found: dict[str, set[str]] = defaultdict(set)
    listed = {word.lower() for part in WORDS for said in getattr(document, part).values() for word in said}
    for word in listed:
        families = [family for family, text in texts.items() if stands_in(word, text)]
        if len(families) == 1:
            found[families[0]].add(word)
    return found


def without(document: Document, rules: Collection[str], words: Collection[str]) -> Document:
    parts = {
        part: {name: tuple(w for w in said if w.lower() not in words) for name, said in getattr(document, part).items()}
        for part in WORDS
    }
    kept = tuple(rule for rule in document.rules if rule.name not in rules)
    return document.model_copy(update={**parts, "rules": kept})


async def decided(policy: Policy, rows: Sequence[Row]) -> list[Decided]:
    planner = TrialPlanner(policy)
    return [(await planner.decide(row, event_of(row)))[0] for row in rows]


def line(name: str, rows: Sequence[Row], said: Sequence[Decided], taken: str = "") -> str:
    found = figures(rows, said)
    low, high = found.mean_interval
    right = sum(one.action == row["preferred"] for one, row in zip(said, rows, strict=True))
    return (
        f"{name:30} {len(rows):>4} {right:>5} {found.unacceptable.hits:>4}  "
        f"{found.mean:.2f} ({low:.2f} to {high:.2f})  {found.fix.hits} of {found.fix.total}  {taken}"
    )


async def main(path: Path) -> None:
    document, families = shipped(), defaultdict[str, list[Row]](list)
    for row in read_labelled(path):
        families[row["source"]["family"]].append(row)
    whole = made_of(document)
    speaks: dict[str, set[str]] = defaultdict(set)  # rule -> the families of which it decides an event
    for family, rows in families.items():
        for row in rows:
            speaks[whole.allows(event_of(row)).trace[0].name].add(family)
    texts = {family: "\n".join(str(row["event"]) for row in rows).lower() for family, rows in families.items()}
    words = words_of_one(document, texts)
    print(f"{'family':30} {'rows':>4} {'right':>5} {'harm':>4}  {'balanced':22} fix      taken away")
    every: list[Row] = []
    all_left: list[Decided] = []
    all_whole: list[Decided] = []
    for family, rows in sorted(families.items()):
        rules = {rule for rule, seen in speaks.items() if seen == {family}}
        left = await decided(made_of(without(document, rules, words[family])), rows)
        print(line(family, rows, left, f"{len(rules)} rules, {len(words[family])} words"))
        every, all_left = [*every, *rows], [*all_left, *left]
        all_whole += await decided(whole, rows)
    print(line("all, each left out", every, all_left))
    print(line("all, whole policy", every, all_whole))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    asyncio.run(main(parser.parse_args().set))
