"""The part of a sentence that says where: "on web01 and web02", "on all servers". Pure.

It becomes one token of its own, so that what a recipe reads holds nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from planner_agent.requests.understanding.language import Language
from planner_agent.requests.understanding.lexicon import fold
from planner_agent.requests.understanding.tokens import TextToken, TokenKind

# Where nobody says which hosts there are: a name with a number behind it, as people call machines.
_LIKE_A_HOST = re.compile(r"(?i)[a-z][a-z-]*[0-9]{1,3}(?:\.[a-z0-9.-]+)?")


PLACES = ("에", "에서", "의")  # the particles of a place, in Korean


@dataclass(frozen=True)
class HostPart(TextToken):
    """`names` are those that it says; none: all that the request is for. `away`: it said "from". `bare`: nothing but
    the name itself says so ("ping nas"); a recipe that takes values takes it for one ("install docker")."""

    names: tuple[str, ...] = ()
    away: bool = False
    bare: bool = False


def with_host_parts(
    tokens: Sequence[TextToken], language: Language, hosts: Collection[str] | None
) -> tuple[TextToken, ...]:
    """The tokens with each such part as a HostPart. `hosts`: which names are hosts, None where nobody knows."""
    reader = _Reader(tokens, language, hosts)
    made: list[TextToken] = []
    place = 0
    while place < len(tokens):
        end, part = reader.part_at(place)
        if part:
            made.append(part)
            place = end
        else:
            made.append(tokens[place])
            place += 1
    return tuple(made)


class _Reader:
    def __init__(self, tokens: Sequence[TextToken], language: Language, hosts: Collection[str] | None):
        self.tokens = tokens
        self.words = [fold(token.word) for token in tokens]
        self.language = language
        self.hosts = {host.lower(): host for host in hosts} if hosts is not None else None
        self.prepositions = {fold(word) for word in language.host_prepositions}
        self.away = {fold(word) for word, roles in language.prepositions.items() if "source" in roles}
        self.all = [tuple(map(fold, one.split())) for one in language.all_words]
        self.everywhere = [tuple(map(fold, one.split())) for one in language.everywhere]
        self.articles = {fold(word) for word in language.articles}
        self.separators = {*map(fold, language.separators), ","}

    def part_at(self, start: int) -> tuple[int, HostPart | None]:
        for words in self.everywhere:
            if end := self._stands(words, start):
                return end, HostPart(TokenKind.SIGN, "")
        place, led = start, ""
        if self._word(place) in self.prepositions:
            led, place = self._word(place), place + 1
        for end in self._after_all(place):
            if self._is_host_word(end):
                return end + 1, HostPart(TokenKind.SIGN, "", away=led in self.away)
        if self.language.verb_last and self.tokens[place].word[-1:] == "에" and self._is_host_word(place):
            return place + 1, HostPart(TokenKind.SIGN, "")
        plain = place + (self._word(place) in self.articles)
        noun = self._is_host_word(plain)
        end, names = self._names(plain + 1 if noun else plain)
        if not names:
            return start, None
        behind = self._is_host_word(end)
        said = bool(led) or noun or behind or self.tokens[end - 1].ending in PLACES
        if said:
            return end + behind, HostPart(TokenKind.SIGN, "", names=names, away=led in self.away)
        if self.hosts is not None and len(names) == 1 and place == start == plain:
            one = self.tokens[start]
            return end, HostPart(one.kind, one.text, one.ending, names=names, bare=True)
        return start, None

    def _after_all(self, start: int) -> Iterator[int]:
        """Where it goes on behind each of the words for all that stand there."""
        for words in self.all:
            if end := self._stands(words, start):
                yield end

    def _names(self, start: int) -> tuple[int, tuple[str, ...]]:
        """Names of hosts with "and" between them."""
        names: list[str] = []
        place = end = start
        while name := self._host(place):
            names.append(name)
            place = end = place + 1
            while self._word(place) in self.separators:
                place += 1
            if place == end:
                break
        return end, tuple(names)

    def _host(self, place: int) -> str:
        if place >= len(self.tokens) or self.tokens[place].kind is not TokenKind.WORD:
            return ""
        word = self.tokens[place].word
        if self.hosts is not None:
            return self.hosts.get(word, "")
        return self.tokens[place].text if _LIKE_A_HOST.fullmatch(word) else ""

    def _is_host_word(self, place: int) -> bool:
        word = self._word(place)
        for wanted in map(fold, self.language.host_words):
            if wanted.endswith("*"):
                if word.startswith(wanted[:-1]) and word.isalpha():
                    return True
            elif word == wanted or (
                self.language.verb_last and word.startswith(wanted) and word[len(wanted) :] in self.language.particles
            ):
                return True
        return False

    def _stands(self, words: Sequence[str], start: int) -> int:
        """Where it ends, 0 where it does not stand there."""
        end = start + len(words)
        return end if words and tuple(self.words[start:end]) == tuple(words) else 0

    def _word(self, place: int) -> str:
        return self.words[place] if place < len(self.words) else ""
