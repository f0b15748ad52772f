"""Plain log files on the disk that fills up, by the rule of logrotate that knows them. Reads rules, no log."""

from __future__ import annotations

import contextlib
import itertools
import re
from pathlib import Path
from typing import Any

from node_agent.investigation.disk import is_of_host_files, lies_on_it
from node_agent.investigation.question import Question, shown

RULES = Path("/etc/logrotate.d")
PROGRAMS = (Path("/usr/sbin/logrotate"), Path("/usr/bin/logrotate"))  # packages bring rules where there is none, too
MAX_RULES, MAX_FILES = 500, 2_000
MAX_BYTES = 64 * 1024
_WORD = re.compile(r'"([^"\n]*)"|\'([^\'\n]*)\'|([^\s{}"\']+)|([{}])')


def fits(question: Question) -> bool:
    return is_of_host_files(question) and any(program.exists() for program in PROGRAMS)


def look(question: Question, rules: Path = RULES) -> dict[str, Any]:
    """Of the rule whose files take most: a host has many, and most of them small ones."""
    taken: dict[str, int] = {}
    for rule in sorted(rules.glob("*"))[:MAX_RULES]:
        if question.over():
            break
        with contextlib.suppress(OSError):
            patterns = patterns_in(rule.read_bytes()[:MAX_BYTES].decode("utf-8", "replace"))
            taken[rule.name] = sum(_bytes_of(pattern, question) for pattern in patterns)
    name = max(taken, key=lambda one: taken[one], default="")
    if not taken.get(name):
        return {}
    return {"rule": shown(name), "bytes": taken[name], "mount": question.facts["mount"]}


def patterns_in(text: str) -> tuple[str, ...]:
    """The files that a rule speaks of: absolute paths in front of a brace. Pure."""
    found: list[str] = []
    waiting: list[str] = []
    depth = 0
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        if depth == 0 and not line.lstrip().startswith(("/", '"', "'", "{")):
            waiting = []  # a directive for all
            continue
        for quoted, single, plain, brace in _WORD.findall(line):
            if brace:
                found += waiting if brace == "{" and depth == 0 else []
                waiting, depth = [], max(0, depth + (1 if brace == "{" else -1))
            elif depth == 0 and (word := quoted or single or plain).startswith("/"):
                waiting.append(word)
    return tuple(dict.fromkeys(found))


def _bytes_of(pattern: str, question: Question) -> int:
    total = 0
    here: dict[Path, bool] = {}  # folder -> does it lie on the full disk
    for path in itertools.islice(Path("/").glob(pattern.lstrip("/")), MAX_FILES):
        if question.over():
            break
        with contextlib.suppress(OSError):
            if path.parent not in here:
                here[path.parent] = lies_on_it(str(path.parent), question)
            total += path.lstat().st_blocks * 512 if here[path.parent] else 0
    return total
