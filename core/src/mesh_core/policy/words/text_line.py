"""One line of an event's text: what its own program calls it, whether it speaks of a failure, and of whom. Pure.

Programs write levels in many ways, and many write none. What a line says of a request was written by whoever asked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

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
_REFUSED_TO_ONE = re.compile(r"(?:^|[\s\]])(?:unauthorized|forbidden|not found|bad request)(?: \([^)]{0,60}\))?: /")
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
    rf"{_FAILURE}|abgelaufen|ungültig|expiré|caducad|scadut|vencid|verlopen|wygas|истёк|истек|просроч|过期|期限切れ|만료"
    r"|crit|timeout|missing|unknown|unavailab|mismatch|unsupported|unexpected|untrusted"
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
# Who came to it stands in the line: what went wrong was between the two. (A proxy says so of what is behind it, too.)
_WHO_CAME = r"(?:r(?:emote)?|client|peer|source)[ _-]?(?:ip|addr(?:ess)?|host)|rip|client|remote"
_OF_SOMEBODY = re.compile(
    rf"{_OF_A_CLIENT.pattern}|\b(?:{_WHO_CAME})\b\"?[:= ]{{1,2}}['\"]?(?:[\da-f]{{0,4}}:[\da-f:]+|\[|\d{{1,3}}\.\d)"
    r"|\bclient\b\"?[:=] ?\"?[\da-f\[]|\b(?:for user|client) \S{1,60} from [\da-f\[]|\]: sasl |\bby client\b"
)
_ITSELF = re.compile(r"\blocalhost\b|\b127\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|\[::1\]|(?<![\w:])::1:\d|\b0\.0\.0\.0\b")
_REACHED_FOR = re.compile(r"\bto ([a-z0-9][\w.-]{0,80}\w)")
# Where names are asked for: at an engine's own resolver, at systemd's.
_RESOLVER = re.compile(r"(?:[\d.]{7,15}:\d{1,5}->)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}:53\b")
CONTINUED = re.compile(r"\s|caused by: ")  # belongs to the line above it


class LineKind(Enum):
    INFORMATION = auto()
    WARNING = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class TextLine:
    """`head` is the line itself, or the one that it continues."""

    text: str
    printed: bool
    head: str

    def has(self, words: Collection[str], unless: Mapping[str, tuple[str, ...]]) -> bool:
        """One of the words, and beside it none of those that take it back."""
        return any(
            stands_in(word, self.text) and not any(stands_in(other, self.text) for other in unless.get(word, ()))
            for word in words
        )

    @cached_property
    def kind(self) -> LineKind:
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
        """Does it only tell who asked for what, and that he was answered?"""
        start = self._start
        if _REFUSED_TO_ONE.search(start):
            return True
        return bool(_ASKED.search(start) and _ANSWERED.search(start) and not _ERROR_LEVEL.search(start))

    @cached_property
    def is_of_somebody(self) -> bool:
        """Does it speak of one who came to this program, and of nothing that the program itself needs?"""
        if "upstream" in self._start:
            return False
        # Of a database: whom it did not let in.
        refused = self.kind is not LineKind.UNKNOWN and "'@'" in self._start
        return refused or _OF_SOMEBODY.search(self._start) is not None

    @cached_property
    def is_chatter(self) -> bool:
        """Does its own program call it information, and does it speak of no failure?"""
        return self.kind is LineKind.INFORMATION and _FAILING.search(self._said) is None

    @cached_property
    def complains(self) -> bool:
        """A warning names no cause: what it warns of has not happened."""
        if self.kind is LineKind.WARNING or self.is_chatter or self._names_no_cause:
            return False
        return _COMPLAINING.search(self._said) is not None

    @cached_property
    def failed(self) -> bool:
        """Does its program say, of itself and as an error, that something failed?"""
        return self.kind is LineKind.UNKNOWN and not self._names_no_cause and _FAILED.search(self._said) is not None

    @cached_property
    def is_about_itself(self) -> bool:
        """Whoever cannot reach a part of itself lacks nothing that stands elsewhere."""
        return _ITSELF.search(_RESOLVER.sub("", self._start)) is not None

    def reaches_for(self, names: Collection[str]) -> bool:
        """Does it say that it could not get to one of these?"""
        return not {*_REACHED_FOR.findall(self._start)}.isdisjoint(names)


def _kind_of(start: str) -> LineKind:
    number = _SYSLOG.match(start)
    told = _INFORMATIONAL.search(start)
    error = _ERROR_LEVEL.search(start)
    if (told and not (error and error.end() <= told.end())) or (number and int(number[1]) % 8 > 4):
        return LineKind.INFORMATION
    return LineKind.WARNING if _WARNED.search(start) else LineKind.UNKNOWN


def stands_in(word: str, text: str) -> bool:
    """A `*` in a word is whatever stands between its parts."""
    if "*" not in word:
        return word in text
    at = 0
    for part in word.split("*"):
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True
