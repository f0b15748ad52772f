"""How does the lint judge what people write? Fuzzed playbooks, and real ones out of public repositories; runs nothing.

    python benchmarks/playbooks.py --fuzz 60000 [--seed N]   texts that are nearly playbooks: nothing raises, and what
                                                             passes holds nothing off the list by a second reading
    python benchmarks/playbooks.py --repositories FOLDER     FOLDER/OWNER+NAME/repo are git directories: a line for each
                                                             file that names hosts, with the rules that refuse it

`hosts` is set to one host before it is judged, as a request or an edit would. Facts are kept, nobody's text.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "core" / "tests")]

from lint_rig import lint  # noqa: E402
from playbook_fuzz import mutated  # noqa: E402
from playbook_walker import holes_in  # noqa: E402

MAX_BYTES = 100_000
_HOSTS = re.compile(r"^(\s*-?\s*hosts\s*:).*$", re.MULTILINE)
_PARTS = re.compile(r"(?:^|/)(?:tasks|handlers|vars|defaults|meta|group_vars|host_vars|molecule|ansible_collections)/")
# The first rule whose words a sentence has; their names are those of docs/playbooks.md.
RULES = (
    ("plain YAML", re.compile("plain YAML|not a list of plays|nested deeper")),
    ("roles and includes", re.compile("cannot be reviewed here|reads the executor's disk|module include ")),
    ("other hosts", re.compile("another host|which hosts|plain host name|a play is for")),
    ("modules", re.compile("the module |exactly one module|how the play itself runs")),
    ("attachments", re.compile("an attachment")),
    ("lookups", re.compile("it is a lookup")),
    ("templates", re.compile("template|condition|the filter|the attribute")),
    ("variables", re.compile("the variable |variables must")),
    ("arguments as a mapping", re.compile("as a mapping")),
    ("keywords", re.compile("a (?:play|block|task) may not use")),
)


def rules_of(problems: tuple[str, ...]) -> list[str]:
    """The rules that these sentences are about, in their order."""
    named = (next((name for name, words in RULES if words.search(one)), "arguments") for one in problems)
    return list(dict.fromkeys(named))


def fuzz(count: int, seed: int) -> int:
    """How many texts raised or held more than the lists allow."""
    texts, bad, passed, begun = mutated(random.Random(seed)), 0, 0, time.process_time()
    for text in (next(texts) for _ in range(count)):
        try:
            found = [] if lint(text).problems else [*holes_in(text), ""]
        except Exception as error:  # noqa: BLE001  (just this must not happen, whatever it is)
            found = [f"{type(error).__name__}: {error}"]
        passed += found[-1:] == [""]
        if any(found):
            bad += 1
            print(f"{[one for one in found if one]}\n{text!r}")
    spent = (time.process_time() - begun) / count * 1000
    print(
        f"{count} texts, seed {seed}: {bad} wrong, {passed} passed, {spent:.1f} ms of CPU each with the second reading"
    )
    return bad


def repositories(folder: Path) -> Iterator[tuple[str, str, int, str]]:
    for repo in sorted(folder.glob("*/repo")):
        listed = _git(repo, "ls-tree", "-r", "-l", "HEAD").decode("utf-8", "replace")
        for line in listed.splitlines():
            about, _, path = line.partition("\t")
            size = about.split()[3]
            if not re.search(r"\.(?:ya?ml|md)$", path) or _PARTS.search(path) or not size.isdigit():
                continue
            text = _git(repo, "show", f"HEAD:{path}").decode("utf-8", "replace") if int(size) <= MAX_BYTES else ""
            if _HOSTS.search(text):
                problems = lint(_HOSTS.sub(r"\1 n1", text)).problems
                yield repo.parent.name.replace("+", "/"), path, int(size), ", ".join(rules_of(problems)) or "accepted"


def _git(repo: Path, *words: str) -> bytes:
    return subprocess.run(["git", "--git-dir", str(repo), *words], capture_output=True, check=True).stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fuzz", type=int, metavar="COUNT")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--repositories", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    if given.repositories:
        rows = list(repositories(given.repositories))
        print("repository\tpath\tbytes\trules")
        print("\n".join("\t".join(map(str, row)) for row in rows))
        print(Counter(row[3].partition(",")[0] for row in rows).most_common(), file=sys.stderr)
    if given.fuzz:
        sys.exit(bool(fuzz(given.fuzz, given.seed)))
