"""How often does a name of a task in a public playbook become a draft that does something else? No model, no host.

    python benchmarks/task_names.py [--drafts]

A name is no request ("Check if k3s is there"), and most of these must come to nothing. What counts is what is drafted:
right where it uses the kind of module that the task really uses and means the same state of it; wrong elsewhere, also
where the name itself says something else than its task does. `requests_sets/task_names.tsv` was written down before
the reader saw it: 30 names at most of each of 15 repositories, drawn by lot among those without a template.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesh_core.actions.register import SHIPPED
from planner_agent.requests.understanding import Draft, NotUnderstood, understand

NAMES = Path(__file__).parent / "requests_sets" / "task_names.tsv"
KINDS = {
    **dict.fromkeys(("apt", "dnf", "yum", "pacman", "zypper", "apk"), "package"),
    **dict.fromkeys(("systemd", "systemd_service", "sysvinit"), "service"),
}
TAKES_AWAY = ("absent", "stopped")


def kind_of(module: str) -> str:
    short = module.rpartition(".")[2]
    return KINDS.get(short, short)


def takes_away(state: object) -> bool:
    return state in TAKES_AWAY


def means(task: Mapping[str, Any]) -> tuple[str, bool]:
    """(kind of module, does it take away or stop?) of a drafted task."""
    module = next(word for word in task if "." in word)
    given = task[module] if isinstance(task[module], dict) else {}
    return kind_of(module), takes_away(given.get("state")) or given.get("enabled") is False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drafts", action="store_true", help="say each draft")
    said = parser.parse_args()
    counts = Counter[str]()
    with NAMES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        made = understand(row["name"], SHIPPED.asked_for, hosts=())
        if not isinstance(made, Draft):
            counts["refused" if isinstance(made, NotUnderstood) else "asked"] += 1
            continue
        truth = (kind_of(row["module"]), takes_away(row["state"]))
        how = "right" if {means(task) for task in made.tasks} == {truth} else "wrong"
        counts[how] += 1
        if said.drafts:
            tasks = [{word: value for word, value in task.items() if word != "name"} for task in made.tasks]
            print(f"{how}: {row['name']} ({row['module']} {row['state']}): {tasks}")
    print("| names | drafted right | wrong | asked | refused |\n|---|---|---|---|---|")
    wrong = f"{counts['wrong']} ({100 * counts['wrong'] / len(rows):.1f} %)"
    print(f"| {len(rows)} | {counts['right']} | {wrong} | {counts['asked']} | {counts['refused']} |")


if __name__ == "__main__":
    main()
