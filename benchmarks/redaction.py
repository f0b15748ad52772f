"""How much of a secret is left, and how much else is taken? A corpus that was drawn before the patterns were read.

    python benchmarks/redaction.py [--seed 7] [--each 25] [--shown] [--touched]

`--shown` prints a line of each kind that is still shown, `--touched` the lines of every day that were changed. Hidden
is a secret of which no eight characters in a row are left. The long line is 200 KB in one field: as `redacted` takes
it (cut first), and through the patterns uncut, as a ratio to a plain search for one word in it.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from daily_lines import daily_lines
from secret_lines import KINDS, is_hidden, secret_lines

from mesh_core.security.redaction import redacted
from mesh_core.security.secrets_in_text import without_secrets

LONG = 200 * 1024


@dataclass(frozen=True)
class Measured:
    """`hidden`: of each kind how many lines; `shown`: (kind, before, after); `touched`: (before, after)."""

    hidden: Counter[str]
    lines: int
    shown: tuple[tuple[str, str, str], ...]
    daily: int
    touched: tuple[tuple[str, str], ...]

    @property
    def hidden_share(self) -> float:
        return self.hidden.total() / self.lines

    @property
    def touched_share(self) -> float:
        return len(self.touched) / self.daily


def measured(seed: int, each: int, daily_each: int = 10) -> Measured:
    hidden: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    shown, lines = [], 0
    for kind, secret, line in secret_lines(seed, each):
        lines += 1
        after = redacted(line)
        if is_hidden(secret, after):
            hidden[kind] += 1
        else:
            shown.append((kind, line, after))
    everyday = list(daily_lines(seed, daily_each))
    touched = [(line, after) for line in everyday if (after := redacted(line)) != line.strip()]
    return Measured(hidden, lines, tuple(shown), len(everyday), tuple(touched))


def seconds(work: Callable[[], object]) -> float:
    """The best of five."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--each", type=int, default=25, help="lines of each kind")
    parser.add_argument("--shown", action="store_true")
    parser.add_argument("--touched", action="store_true")
    given = parser.parse_args()
    found = measured(given.seed, given.each)
    print(f"| kinds | lines | hidden | kinds whole | lines of every day | touched |\n|{'---|' * 6}")
    whole = sum(count == given.each for count in found.hidden.values())
    print(
        f"| {len(KINDS)} | {found.lines} | {100 * found.hidden_share:.1f} % | {whole} | {found.daily} "
        f"| {100 * found.touched_share:.1f} % |"
    )
    print({kind: count for kind, count in found.hidden.items() if count < given.each})
    line = " ".join(text for _, _, text in secret_lines(given.seed, 40))
    line = (line * (LONG // len(line) + 1))[:LONG]
    plain = seconds(lambda: line.count("password"))
    for name, work in (("as a field", redacted), ("uncut", without_secrets)):
        took = seconds(lambda work=work: work(line))  # type: ignore[misc]
        print(f"a line of 200 KB, {name}: {1000 * took:.1f} ms, {took / plain:.0f} times a search for one word")
    for kind, before, after in found.shown if given.shown else ():
        print(f"{kind}\n    {before[:200]!r}\n    {after[:200]!r}")
    for before, after in found.touched if given.touched else ():
        print(f"touched {before!r}\n     -> {after!r}")


if __name__ == "__main__":
    main()
