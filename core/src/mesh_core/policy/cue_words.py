"""Which cues the words of an event hold ("no space left", "connection refused"), and where a word counts. Pure.

A program in good health tells at its start what it deals with: certificates, upstreams, recovery. So a line that its
own program calls information, and one that names only a topic, count where they also speak of a failure. And who could
not connect matters: a program that prints it lacks what it depends on, a probe that says it found that program down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

MAX_WORDS = 64 * 1024  # characters of a payload in which cues are looked for
_LOOKED_AT = 1000  # characters of a line that say what kind of line it is

_LEVEL = r"(?:trace|debug|verbose|info|information|informational|notice|note|log)"
_INFORMATIONAL = re.compile(
    rf'"(?:log\.?)?(?:level|lvl|levelname|severity)" ?: ?"{_LEVEL}"'  # JSON
    rf"|\b(?:level|lvl|severity|loglevel)=\"?{_LEVEL}\b"  # logfmt
    r'|"level" ?: ?[123]0\b'  # pino, bunyan
    rf"|[\[(<]{_LEVEL}[\])>]"
    rf"|^[^\"']{{0,60}}?(?:^|[\s|]){_LEVEL}(?:[:\s|\]]|$)"
    r"|^[idv]\d{4} \d\d:\d\d:\d\d"  # glog, klog
    r"|^<[567]>"  # syslog
    r"|^\d+:[a-z] \d\d [a-z]{3} \d{4} [\d:.]{8,12} [.*-] "  # Redis
    r'|"(?:get|head|post|put|patch|delete|options|propfind|report) [^"]{0,800}" [1-4]\d\d\b'  # an access log
)
_FAILURE = (
    r"error|fail|fatal|panic|exception|traceback|refus|denied|cannot|can't|can not|could not|couldn't|unable|expired|"
    r"invalid|timed out|unreach|abort|reject|not found|no such|enotfound|eai_again|unauthorized"
)
_FAILING = re.compile(_FAILURE)
_COMPLAINING = re.compile(
    rf"{_FAILURE}|warn|crit|expir|timeout|missing|unknown|unavailab|mismatch|unsupported|unexpected|untrusted"
    r"|self.signed|\b(?:no|not|bad|down|lost|dead|wrong|broken|without|reset|err)\b"
)
_PRINTED = re.compile(r"(?:^|[^a-z])(?:log|stdout|stderr|journal|console|tail)(?:$|[^a-z])|logs$|loglines$")
_ITSELF = re.compile(r"\blocalhost\b|\b127\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|\[::1\]|\b0\.0\.0\.0\b")


@dataclass(frozen=True)
class CueWords:
    """Words in lower case, by the cue that they stand for. `grave` cues hear their plain words in any line.

    `plain` counts anywhere, `topics` in a line that complains, `logged` in what the program itself printed.
    """

    plain: Mapping[str, tuple[str, ...]]
    topics: Mapping[str, tuple[str, ...]]
    logged: Mapping[str, tuple[str, ...]]
    grave: frozenset[str] = frozenset()

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset((*self.plain, *self.topics, *self.logged))

    def heard_in(self, payload: Mapping[str, Any]) -> set[str]:
        """The cues whose words the payload holds, in its keys or its texts."""
        pieces = list(_pieces(payload))
        everything = "\n".join(text for text, _ in pieces)
        lines = [_Line(line, printed) for text, printed in pieces for line in text.split("\n")]
        found = set()
        for name, words in self.plain.items():
            hits = [word for word in words if _stands_in(word, everything)]
            if hits and (name in self.grave or any(line.has(hits) and not line.is_chatter for line in lines)):
                found.add(name)
        for name, words in self.topics.items():
            hits = [word for word in words if _stands_in(word, everything)]
            if hits and any(line.has(hits) and line.complains and not line.is_chatter for line in lines):
                found.add(name)
        for name, words in self.logged.items():
            hits = [word for word in words if _stands_in(word, everything)]
            if hits and any(line.printed and line.has(hits) and not line.is_about_itself for line in lines):
                found.add(name)
        return found


@dataclass(frozen=True)
class _Line:
    text: str
    printed: bool

    def has(self, words: list[str]) -> bool:
        return any(_stands_in(word, self.text) for word in words)

    @property
    def is_chatter(self) -> bool:
        """Does its own program call it information, and does it speak of no failure?"""
        start = self.text[:_LOOKED_AT]
        return _INFORMATIONAL.search(start) is not None and _FAILING.search(start) is None

    @property
    def complains(self) -> bool:
        return _COMPLAINING.search(self.text[:_LOOKED_AT]) is not None

    @property
    def is_about_itself(self) -> bool:
        """Whoever cannot reach a part of itself lacks nothing that stands elsewhere."""
        return _ITSELF.search(self.text[:_LOOKED_AT]) is not None


def _stands_in(word: str, text: str) -> bool:
    """A `*` in a word is whatever stands between its parts."""
    at = 0
    for part in word.split("*"):
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _pieces(payload: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """(text in lower case, printed by the program itself?): the keys of each mapping, and each string in it."""
    size = 0
    todo: list[tuple[Any, bool]] = [(payload, False)]
    while todo and size < MAX_WORDS:
        value, printed = todo.pop()
        if isinstance(value, Mapping):
            for key, child in value.items():
                todo.append((child, printed or _PRINTED.search(str(key).lower()) is not None))
            text, printed = " ".join(str(key) for key in value), False
        elif isinstance(value, list):
            todo.extend((child, printed) for child in value)
            continue
        elif isinstance(value, str):
            text = value
        else:
            continue
        text = text[: MAX_WORDS - size].lower()
        size += len(text) + 1
        yield text, printed
