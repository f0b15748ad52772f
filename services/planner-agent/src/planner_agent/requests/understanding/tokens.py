"""A sentence to its tokens: words, quoted texts, addresses, paths, signs. Pure; nothing is judged here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from planner_agent.requests.understanding.language import HANGUL, Language
from planner_agent.requests.understanding.schedules import read_schedules


class Kind(StrEnum):
    WORD = "word"  # a name, a number, or a word of the language
    TEXT = "text"  # stood in quotes, which are gone
    URL = "url"
    PATH = "path"
    KEY = "key"  # a public key of ssh
    ADDRESS = "address"  # of the internet: no recipe takes one
    TIMES = "times"  # when something is repeated; `value` holds the crontab's fields
    SIGN = "sign"


@dataclass(frozen=True)
class Token:
    """`text` as it was written, `word` in small letters. `ending`: a particle that stood behind it, without a blank."""

    kind: Kind
    text: str
    ending: str = ""

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind in (Kind.WORD, Kind.SIGN) else ""


_LATIN = "A-Za-z0-9_\u00c0-\u024f"
_PATTERN = re.compile(
    r"(?P<text>\"[^\"]{1,2000}\"|“[^”]{1,2000}”|„[^“”]{1,2000}[“”]|«[^»]{1,2000}»|‘[^’]{1,2000}’|`[^`]{1,2000}`"
    r"|(?<![\w'])'[^']{1,2000}'(?!\w))"
    r"|(?P<key>(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-[\w-]{1,40}) [A-Za-z0-9+/]{20,1500}={0,3}(?: [\w.-]+@[\w.-]+)?)"
    r"|(?P<url>(?:https?|ssh|git)://[^\s\"'<>가-힣]+|[\w.-]+@[\w.-]+:[\w./~-]+)"
    rf"|(?P<address>(?<![{_LATIN}.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?:/\d{{1,2}})?(?![{_LATIN}]))"
    rf"|(?P<path>(?<![{_LATIN}])~?/[{_LATIN}.@+/~%-]*)"
    rf"|(?P<word>[{_LATIN}](?:[{_LATIN}.+@:/-]|['’](?=[{_LATIN}]))*)"
    r"|(?P<hangul>[가-힣]+)"
    r"|(?P<sign>[^\s])"
)
_FILE = re.compile(r"[\w-][\w.-]*\.[a-z][a-z0-9]{0,4}")
_TRAILING = ".:,;!?-/"
_ELIDED = re.compile(r"(?i)(l|d|n|s|qu|j|c)['’](.+)")


def tokens_of(text: str, language: Language) -> tuple[Token, ...]:
    """In order. What says when something is repeated is one token, wherever its words stand."""
    made: list[Token] = []
    for part, times in read_schedules(text, language.code):
        made += [Token(Kind.TIMES, times)] if times else []
        made += _tokens(part, language)
    return tuple(_with_endings(made, language))


@dataclass(frozen=True)
class _Glued(Token):
    """Stood behind the token before it, without a blank."""


def _tokens(text: str, language: Language) -> Iterator[Token]:
    end = -1
    for found in _PATTERN.finditer(text):
        kind, said = str(found.lastgroup), found[0]
        if kind == "hangul":
            made = _Glued if found.start() == end else Token
            yield made(Kind.WORD, said)
        elif kind == "text":
            yield Token(_kind_of_quoted(said[1:-1]), said[1:-1])
        elif kind == "sign":
            yield Token(Kind.SIGN, said)
        else:
            bare = said if kind == "key" else said.rstrip(_TRAILING) if kind != "path" else said.rstrip(".:,;!?")
            elided = _ELIDED.fullmatch(bare) if kind == "word" and language.code == "fr" else None
            if elided:
                yield Token(Kind.WORD, f"{elided[1]}'")
                yield Token(Kind.WORD, elided[2])
            elif bare:
                yield Token(Kind(kind), bare.replace("’", "'"))
            yield from (Token(Kind.SIGN, sign) for sign in said[len(bare) :])
        end = found.end()


_APART = ("을", "를", "에", "로", "으로", "에서")  # that some write with a blank before them


def _is_particle(token: Token, before: Token, language: Language) -> bool:
    apart = token.text in _APART and before.kind is not Kind.SIGN and not HANGUL.search(before.text)
    return token.text in language.particles and (isinstance(token, _Glued) or apart)


def _kind_of_quoted(text: str) -> Kind:
    """A path, an address or a file's name is what it is, also in quotes."""
    whole = _PATTERN.fullmatch(text)
    if whole and whole.lastgroup in ("path", "url"):
        return Kind(whole.lastgroup)
    return Kind.WORD if _FILE.fullmatch(text) else Kind.TEXT


def _with_endings(tokens: list[Token], language: Language) -> Iterator[Token]:
    """A Korean particle belongs to the name before it."""
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else None
        if isinstance(token, _Glued) and number and token.text in language.list_particles:
            yield Token(Kind.SIGN, ",")
        elif number and _is_particle(token, tokens[number - 1], language):
            continue
        elif following and _is_particle(following, token, language):
            yield replace(token, ending=following.text)
        else:
            yield Token(token.kind, token.text)
