"""How well are requests read? Sentences with what each means, through the recipes; no model, no host.

    python benchmarks/requests.py [FILE.yml ...] [--misses]
    python benchmarks/requests.py --beyond [--misses]

Four sets lie beside it: what the words were chosen with (known), what was written down before and never used for it
(unseen), what was written when all was done (later), and what somebody else wrote to break it (strangers). Right: the
recipes and all their values, or a question where the sentence leaves something open. Asked: a question or a refusal
where it could be read. Wrong: a draft that says something else; the one thing that must not be. `--beyond`: of the
sentences that no recipe knows (beyond.yml), which a model that may write is shown.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mesh_core.actions.register import SHIPPED
from mesh_core.models.proposals import Attachment
from mesh_core.models.yaml_loader import SafeLoader
from planner_agent.requests.understanding import Draft, understand
from planner_agent.requests.understanding.answering import answered
from planner_agent.requests.understanding.reading import joined, read_request
from planner_agent.requests.understanding.results import NotUnderstood

SETS = Path(__file__).parent / "requests_sets"
NAMES = ("known", "unseen", "later", "strangers")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGkP1PpZ3m4J7cVt2f0hS1d9mQv5k8xW0y3bN6aE7rTz anna@example.org"


def attachment(name: str) -> Attachment:
    text = KEY if name.endswith(".pub") else f"the text of {name}"
    return Attachment(name=name, sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


def verdict(row: Mapping[str, Any], attachments: list[Attachment], hosts: list[str]) -> tuple[str, object]:
    """(right, asked or wrong; what came of it)."""
    answers = row.get("answers", {})
    made = understand(row["ask"], SHIPPED.asked_for, answers=answers, attachments=attachments, hosts=hosts)
    if row["want"] == "ask":
        return ("wrong" if isinstance(made, Draft) else "right"), made
    if not isinstance(made, Draft):
        return "asked", made
    read = read_request(row["ask"], SHIPPED.asked_for, attachments=attachments, hosts=hosts)
    assert not isinstance(read, NotUnderstood)
    done = [answered(one, {k: v for k, v in answers.items() if k in one.open}, attachments)[0] for one in read.readings]
    got = [{one.name: dict(flat({**one.way.sets, **one.values}))} for one in joined(done)]
    wanted = [{name: dict(flat(values, attachments)) for name, values in one.items()} for one in row["want"]]
    return ("right" if got == wanted else "wrong"), got


def flat(values: Mapping[str, Any], attachments: list[Attachment] | None = None) -> Iterator[tuple[str, Any]]:
    """Slots, and their parts as slots of their own. In what is wanted a file's name stands for what it enters as."""
    names = {one.name: KEY if one.name.endswith(".pub") else f"files/{one.sha256}" for one in attachments or ()}
    for name, value in values.items():
        if name == "changes":
            continue  # how it is proven, not what was said
        ports = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
        if ports:
            yield name, [one["number"] for one in ports]
            yield from {("protocol", one["protocol"]) for one in ports if "protocol" in one}
        elif isinstance(value, dict):
            yield from ((part, said) for part, said in value.items() if said != "*" or part in ("minute", "hour"))
        else:
            yield name, names.get(value, value) if isinstance(value, str) else value


def shown(text: str, hosts: list[str] | None) -> bool:
    """Would a model that may write be asked?"""
    made = understand(text, SHIPPED.asked_for, hosts=hosts)
    return isinstance(made, NotUnderstood) and made.beyond is not None


def report_beyond(misses: bool) -> None:
    said = yaml.load((SETS / "beyond.yml").read_text(encoding="utf-8"), SafeLoader)
    print("| a model is | sentences | shown to one |\n|---|---|---|")
    for name, wanted in (("model", True), ("nobody", False)):
        seen = {text: shown(text, said["hosts"]) for text in said[name]}
        print(f"| {'welcome' if wanted else 'not to be asked'} | {len(seen)} | {sum(seen.values())} |")
        for text in [text for text, is_shown in seen.items() if is_shown is not wanted] if misses else ():
            print(f"  {text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, default=[SETS / f"{name}.yml" for name in NAMES])
    parser.add_argument("--misses", action="store_true", help="say each sentence that is not right")
    parser.add_argument("--beyond", action="store_true", help="which sentences a model is shown")
    given = parser.parse_args()
    if given.beyond:
        report_beyond(given.misses)
        return
    print("| set | sentences | right | asked | wrong | CPU, ms each |\n|---|---|---|---|---|---|")
    for file in given.files:
        said = yaml.load(file.read_text(encoding="utf-8"), SafeLoader)
        attachments = [attachment(name) for name in said["attachments"]]
        understand("install nginx", SHIPPED.asked_for)  # the words are read once
        counts, misses = Counter[str](), []
        for row in said["sentences"]:
            how, made = verdict(row, attachments, said["hosts"])
            counts[how] += 1
            if how != "right":
                misses.append(f"{how}: {row['ask']}\n    {made}")
        count, began = len(said["sentences"]), time.process_time()
        for row in said["sentences"]:
            understand(row["ask"], SHIPPED.asked_for, attachments=attachments, hosts=said["hosts"])
        each = (time.process_time() - began) / count * 1000
        print(f"| {file.stem} | {count} | {counts['right']} | {counts['asked']} | {counts['wrong']} | {each:.1f} |")
        if given.misses:
            print("\n".join(misses))


if __name__ == "__main__":
    main()
