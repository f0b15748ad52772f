"""A sentence to its tokens: words, quoted texts, addresses, paths, signs. Pure; nothing is judged here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from planner_agent.requests.understanding.language import HANGUL, Language
from planner_agent.requests.understanding.schedules import read_schedules


class TokenKind(StrEnum):
    WORD = "word"  # a name, a number, or a word of the language
    TEXT = "text"  # stood in quotes, which are gone
    URL = "url"
    PATH = "path"
    KEY = "key"  # a public key of ssh
    ADDRESS = "address"  # of the internet: no recipe takes one
    TIMES = "times"  # when something is repeated
    SIGN = "sign"


@dataclass(frozen=True)
class TextToken:
    """`text` as it was written, `word` in small letters. `ending`: a particle that stood behind it, without a blank.

    The text of TIMES is a crontab's fields; `said` are the words that stood there.
    """

    kind: TokenKind
    text: str
    ending: str = ""
    said: str = ""

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind in (TokenKind.WORD, TokenKind.SIGN) else ""


_LATIN = "A-Za-z0-9_\u00c0-\u024f"
_PATTERN = re.compile(
    r"(?P<text>\"[^\"]{1,2000}\"|“[^”]{1,2000}”|„[^“”]{1,2000}[“”]|«[^»]{1,2000}»|‘[^’]{1,2000}’|`[^`]{1,2000}`"
    r"|(?<![\w'])'[^']{1,2000}'(?!\w))"
    r"|(?P<key>(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-[\w-]{1,40}) [A-Za-z0-9+/]{20,1500}={0,3}(?: [\w.-]+@[\w.-]+)?)"
    r"|(?P<url>(?:https?|ssh|git)://[^\s\"'<>가-힣]+|[\w.-]+@[\w.-]+:[\w./~-]+)"
    rf"|(?P<address>(?<![{_LATIN}.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?:/\d{{1,2}})?(?![{_LATIN}]))"
    rf"|(?P<path>(?<![{_LATIN}])[^\s\w\"'(\[<>,;:=`“„«‘/]{{0,3}}/[{_LATIN}.@+/~%-]*)"
    rf"|(?P<word>[{_LATIN}](?:[{_LATIN}.+@:/-]|['’](?=[{_LATIN}]))*)"
    r"|(?P<hangul>[가-힣]+)"
    r"|(?P<sign>[^\s])"
)
_FILE = re.compile(r"[\w-][\w.-]*\.[a-z][a-z0-9]{0,4}")
_TRAILING = ".:,;!?-/"
_ELIDED = re.compile(r"(?i)(l|d|n|s|qu|j|c)['’](.+)")


def tokens_of(text: str, language: Language) -> tuple[TextToken, ...]:
    """In order. What says when something is repeated is one token, wherever its words stand."""
    made: list[TextToken] = []
    for piece in read_schedules(text, language.code):
        made += [TextToken(TokenKind.TIMES, piece.fields, said=piece.said)] if piece.fields else []
        made += _tokens(piece.text, language)
    return tuple(_with_endings(made, language))


@dataclass(frozen=True)
class _Glued(TextToken):
    """Stood behind the token before it, without a blank."""


def _tokens(text: str, language: Language) -> Iterator[TextToken]:
    end = -1
    for found in _PATTERN.finditer(text):
        kind, said = str(found.lastgroup), found[0]
        if kind == "hangul":
            made = _Glued if found.start() == end else TextToken
            yield made(TokenKind.WORD, said)
        elif kind == "text":
            yield TextToken(_kind_of_quoted(said[1:-1]), said[1:-1])
        elif kind == "sign":
            yield TextToken(TokenKind.SIGN, said)
        else:
            bare = said if kind == "key" else said.rstrip(_TRAILING) if kind != "path" else said.rstrip(".:,;!?")
            elided = _ELIDED.fullmatch(bare) if kind == "word" and language.code == "fr" else None
            if elided:
                yield TextToken(TokenKind.WORD, f"{elided[1]}'")
                yield TextToken(TokenKind.WORD, elided[2])
            elif bare:
                yield TextToken(TokenKind(kind), bare.replace("’", "'"))
            yield from (TextToken(TokenKind.SIGN, sign) for sign in said[len(bare) :])
        end = found.end()


_APART = ("을", "를", "에", "로", "으로", "에서")  # that some write with a blank before them


def _is_particle(token: TextToken, before: TextToken, language: Language) -> bool:
    apart = token.text in _APART and before.kind is not TokenKind.SIGN and not HANGUL.search(before.text)
    return token.text in language.particles and (isinstance(token, _Glued) or apart)


def _kind_of_quoted(text: str) -> TokenKind:
    """A path, an address or a file's name is what it is, also in quotes."""
    whole = _PATTERN.fullmatch(text)
    if whole and whole.lastgroup in ("path", "url"):
        return TokenKind(whole.lastgroup)
    return TokenKind.WORD if _FILE.fullmatch(text) else TokenKind.TEXT


def _with_endings(tokens: list[TextToken], language: Language) -> Iterator[TextToken]:
    """A Korean particle belongs to the name before it."""
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else None
        if isinstance(token, _Glued) and number and token.text in language.list_particles:
            yield TextToken(TokenKind.SIGN, ",")
        elif number and _is_particle(token, tokens[number - 1], language):
            continue
        elif following and _is_particle(following, token, language):
            yield replace(token, ending=following.text)
        else:
            yield TextToken(token.kind, token.text, said=token.said)
