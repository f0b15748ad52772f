"""Which cues the words of an event hold ("no space left", "connection refused"), and where a word counts. Pure.

A program in good health tells at its start what it deals with: certificates, upstreams, recovery. So a line that its
own program calls information, and one that names only a topic, count where they also speak of a failure. And who could
not connect matters: a program that prints it lacks what it depends on, a probe that says it found that program down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import Any

MAX_WORDS = 64 * 1024  # characters of a payload in which cues are looked for
_LOOKED_AT = 1000  # characters of a line that say what kind of line it is

# How programs write that a line is no trouble, or not yet: as a word before the message, in JSON, logfmt, by number.
_INFO = r"(?:trace|trc|debug|debg|dbg|verbose|vrb|info|inf|(?<!\w )information|informational|notice|note|log)"
_WARNING = r"(?:warn|warning|wrn)"
_NUMBERS = r"(?:[123]0|[567]|100|200|250)"  # pino and bunyan; syslog and GELF; Monolog


def _level(words: str, letters: str) -> str:
    return (
        rf'"[@a-z._]{{0,20}}(?:level|lvl|severity|@l|s)[a-z._]{{0,12}}" ?: ?"(?:{words}|{letters})"'  # JSON
        rf"|\b(?:level|lvl|severity|loglevel)=\"?{words}\b"  # logfmt
        # a word before the message: `INFO:`, `[INFO ]`, `(info)`, `: INFO/`, `|-INFO`, `=INFO REPORT`, `app.INFO:`
        rf"|^[^\"']{{0,80}}?(?:(?:^|[\s|\[(<:,]|\|-|^=){words}(?=[\s:|\])>/,]|$)|\.{words}(?=:))"
        rf"|\[{letters}\]|^{letters}(?:/| \[)|^{letters}\d{{4}} \d\d:\d\d:\d\d"  # ESPHome and Gitea, Android, glog
        rf"|^[\d:.,tz+ -]{{8,40}} {letters}\d? "
    )


_INFORMATIONAL = re.compile(
    _level(_INFO, "[divt]")
    + rf'|"[@a-z._]{{0,20}}(?:level|priority|severity)" ?: ?"?{_NUMBERS}\b'
    + r"|\[system\]"  # MySQL
    + r"|^\d+:[a-z] \d\d [a-z]{3} \d{4} [\d:.]{8,12} [.*-] "  # Redis
)
_WARNED = re.compile(_level(_WARNING, "w") + r'|"level" ?: ?"?(?:40|300)\b')
_SYSLOG = re.compile(r"^<(\d{1,3})>")
# Who asked for what, and what he got: a stranger chose every word of it, the path above all.
_ASKED = re.compile(
    r"\b(?:get|head|post|put|patch|delete|options|propfind|report|connect)\b[\"' ]{1,3}(?:https?://|/)"
    r"|\"(?:uri|url|path|request_uri|requestpath)\" ?: ?\"|\b(?:uri|url|path)=\"?(?:https?://|/)"
)
_ANSWERED = re.compile(r"(?:^|[\s\"|=:/\[])[1-4]\d\d(?=[\s\"|,}\]]|$)")
_ERROR_LEVEL = re.compile(
    r"^[^\"']{0,80}?(?:^|[\s|\[(<:=])(?:err|error|crit|critical|fatal|alert|emerg|panic)\b"
    r'|"[@a-z._]{0,20}(?:level|lvl|severity|@l|s)[a-z._]{0,12}" ?: ?'
    r'(?:"(?:err|crit|fatal|alert|emerg|panic|e"|f")|[56]0\b)'
)
_FAILURE = (
    r"error|fail|fatal|panic|exception|traceback|refus|denied|cannot|can't|can not|could not|couldn't|unable|expired|"
    r"invalid|timed out|unreach|abort|reject|not found|no such|enotfound|eai_again|unauthorized"
)
_FAILING = re.compile(_FAILURE)
_FAILED = re.compile(
    rf"{_FAILURE}|timed?[ -]?out|not possible|not available|unavailab"
    rf"|\bno \w{{1,20}} available|deadline exceeded|\b(?:emerg|crit|err)\b"
)
_COMPLAINING = re.compile(
    rf"{_FAILURE}|crit|timeout|missing|unknown|unavailab|mismatch|unsupported|unexpected|untrusted"
    r"|\bnot (?:yet )?(?:valid|trusted|available|reachable|set)\b|\b(?:bad|down|lost|dead|wrong|broken|reset|err)\b"
    r"|\bno (?:live|such|valid|route|resolver)\b"
)
# "0 errors", "failed: 0", "error=null": of none there is nothing to say.
_NO_FAILURE = re.compile(
    r"\b(?:0|no|zero|without|without any) (?:errors?|failures?|failed|warnings?)\b"
    r"|\"?\b(?:errors?|failures?|failed)\b\"?[=: ]{1,3}(?:0|none|false|null|nil|\"\"|\[\])(?![\w.])"
)
# It says what it does instead, or speaks of somebody who came to it: neither is what ended it.
_SETTLED = re.compile(
    r"[,;:-] ?(?:so )?(?:creating|generating|using|ignoring|skipping|falling back)\b|\bignored\b"
    r"|\busing (?:the )?defaults?\b"
)
_OF_A_CLIENT = re.compile(
    r"\bfrom (?:client |peer )?(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]):\d"
    r"|\bremote error\b|\bclient (?:sent|closed)\b|\bwhile ssl handshaking\b"
)
_PRINTED = re.compile(r"(?:^|[^a-z])(?:log|stdout|stderr|journal|console|tail)(?:$|[^a-z])|logs$|loglines$")
_ITSELF = re.compile(r"\blocalhost\b|\b127\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|\[::1\]|\b0\.0\.0\.0\b")
# Where names are asked for: at an engine's own resolver, at systemd's.
_RESOLVER = re.compile(r"(?:[\d.]{7,15}:\d{1,5}->)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}:53\b")
_CONTINUED = re.compile(r"\s|caused by: ")  # belongs to the line above it


@dataclass(frozen=True)
class CueWords:
    """Words in lower case, by the cue that they stand for. `grave` cues hear their plain words in any line.

    `plain` counts anywhere, `topics` in a line that complains, `logged` in what the program itself printed, `failed_at`
    in a line of its own that speaks of a failure: what it did then. A line that says who asked for what never counts.
    `unless`: a word does not count in a line that also has one of these.
    """

    plain: Mapping[str, tuple[str, ...]]
    topics: Mapping[str, tuple[str, ...]]
    logged: Mapping[str, tuple[str, ...]]
    failed_at: Mapping[str, tuple[str, ...]]
    grave: frozenset[str] = frozenset()
    unless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset((*self.plain, *self.topics, *self.logged, *self.failed_at))

    def heard_in(self, payload: Mapping[str, Any]) -> set[str]:
        """The cues whose words the payload holds, in its keys or its texts."""
        lines = list(_lines(payload))
        everything = "\n".join(line.text for line in lines)

        def heard(words: Mapping[str, tuple[str, ...]], counts: Callable[[str, _Line], bool]) -> set[str]:
            found = set()
            for name, said in words.items():
                hits = [word for word in said if _stands_in(word, everything)]
                own = (line for line in lines if hits and line.has(hits, self.unless) and not line.is_request)
                if any(counts(name, line) for line in own):
                    found.add(name)
            return found

        return (
            heard(self.plain, lambda name, line: name in self.grave or not line.is_chatter)
            | heard(self.topics, lambda _, line: line.complains)
            | heard(self.logged, lambda _, line: line.printed and not line.is_about_itself)
            | heard(self.failed_at, lambda _, line: line.printed and line.failed and not line.is_about_itself)
        )


class _Kind(Enum):
    INFORMATION = auto()
    WARNING = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class _Line:
    """`head` is the line itself, or the one that it continues."""

    text: str
    printed: bool
    head: str

    def has(self, words: list[str], unless: Mapping[str, tuple[str, ...]]) -> bool:
        """One of the words, and beside it none of those that take it back."""
        return any(
            _stands_in(word, self.text) and not any(_stands_in(other, self.text) for other in unless.get(word, ()))
            for word in words
        )

    @cached_property
    def kind(self) -> _Kind:
        """What its own program calls it."""
        return _kind_of(self.head[:_LOOKED_AT])

    @property
    def _start(self) -> str:
        return self.text[:_LOOKED_AT]

    @cached_property
    def _said(self) -> str:
        return _NO_FAILURE.sub("", self._start)

    @cached_property
    def _names_no_cause(self) -> bool:
        return bool(_SETTLED.search(self._start) or _OF_A_CLIENT.search(self._start))

    @cached_property
    def is_request(self) -> bool:
        start = self._start
        return bool(_ASKED.search(start) and _ANSWERED.search(start) and not _ERROR_LEVEL.search(start))

    @cached_property
    def is_chatter(self) -> bool:
        """Does its own program call it information, and does it speak of no failure?"""
        return self.kind is _Kind.INFORMATION and _FAILING.search(self._said) is None

    @cached_property
    def complains(self) -> bool:
        """A warning names no cause: what it warns of has not happened."""
        if self.kind is _Kind.WARNING or self.is_chatter or self._names_no_cause:
            return False
        return _COMPLAINING.search(self._said) is not None

    @cached_property
    def failed(self) -> bool:
        return self.kind is _Kind.UNKNOWN and not self._names_no_cause and _FAILED.search(self._said) is not None

    @cached_property
    def is_about_itself(self) -> bool:
        """Whoever cannot reach a part of itself lacks nothing that stands elsewhere."""
        return _ITSELF.search(_RESOLVER.sub("", self._start)) is not None


def _lines(payload: Mapping[str, Any]) -> Iterator[_Line]:
    head = ""
    for text, printed in _pieces(payload):
        for line in text.split("\n"):
            if not _CONTINUED.match(line):
                head = line
            yield _Line(line, printed, head)


def _kind_of(start: str) -> _Kind:
    number = _SYSLOG.match(start)
    told = _INFORMATIONAL.search(start)
    error = _ERROR_LEVEL.search(start)
    if (told and not (error and error.end() <= told.end())) or (number and int(number[1]) % 8 > 4):
        return _Kind.INFORMATION
    return _Kind.WARNING if _WARNED.search(start) else _Kind.UNKNOWN


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
            todo.extend((child, printed) for child in reversed(value))  # in order: a line continues the one before
            continue
        elif isinstance(value, str):
            text = value
        else:
            continue
        text = text[: MAX_WORDS - size].lower()
        size += len(text) + 1
        yield text, printed
