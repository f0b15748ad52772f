"""A secret's name in a sentence, and the value that the sentence gives. Pure."""

from __future__ import annotations

import re

from mesh_core.security.secret_names import SPOKEN
from mesh_core.security.secret_values import HIDDEN, is_path, is_strange, says_a_state

_IS = re.compile(
    r"[ \t]{1,3}(?:is|was|are|now|ist|lautet|war|est|es|era|è|jest|brzmi|to|är|er|on|je|este|это|е|equals|value|named?|"
    r"(?:was |is )?(?:set|changed|reset|updated) to|called)[ \t]{1,3}(?:now[ \t]{1,3})?"
    r"|[是は為为는은이가：:＝=「『\s]{1,4}"
)
_SPOKEN = re.compile(r"\"[^\"\n]{1,200}\"|'[^'\n]{1,200}'|`[^`\n]{1,200}`|「[^」\n]{1,200}」|[^\s,;'\"`]{1,512}")
_QUOTES = "\"'`「"


def in_sentences(text: str) -> str:
    parts: list[str] = []
    kept = 0
    for offset in _spoken_in(text):
        if offset < kept:
            continue
        joined = _IS.match(text, offset)
        value = _SPOKEN.match(text, joined.end() if joined else offset)
        if value is None or not joined:
            continue
        if (later := _later(text, offset)) is not None and later.start(1) > value.start():
            parts += text[kept : later.start(1)], HIDDEN
            kept = later.end(1)
            continue
        word = value[0]
        quoted = word[0] in _QUOTES and len(word) > 4
        bare = word.strip("\"'`「」.,:;!?()[]")
        said = len(joined[0].strip()) > 0
        if says_a_state(bare) or is_path(bare) or HIDDEN in word:
            continue
        odd = not bare.isalpha() or not (bare.islower() or bare.istitle() or bare.isupper())
        known = text[offset - 8 : offset].lower().endswith(("secret", "secrets", "token", "tokens", "cookie"))
        if (
            (quoted and not (known and bare.replace("-", "").isalpha()))
            or (said and odd and len(bare) > 3 and not bare.isdigit())
            or is_strange(bare)
        ):
            parts += text[kept : value.start()], word.replace(bare, HIDDEN, 1)
            kept = value.end()
    return "".join([*parts, text[kept:]])


def _spoken_in(text: str) -> list[int]:
    """Where a secret's name ends in this text, in order."""
    low = text.lower()
    if len(low) != len(text):  # a letter that is two when small
        low = "".join(small if len(small := c.lower()) == 1 else c for c in text)
    ends: set[int] = set()
    for word in SPOKEN:
        at = low.find(word)
        while at >= 0:
            end = at + len(word)
            apart = not (
                low[max(0, at - 1) : at].isalnum()
                or low[end : end + 1].isalnum()
                or "_" in low[max(0, at - 1) : end + 1]
            )
            if apart or not word.isascii():
                ends.add(end)
            at = low.find(word, end)
    return sorted(ends)


# Further on in the sentence: a value in quotes or brackets, or behind a word that leads to one.
_LATER = re.compile(
    r"(?:\b(?:is|to|as|with|from|tried|ist|lautet|est|es|è)[ \t]+|[:→][ \t]{1,3}|[ \t]-[ \t]|\.{3,}[ \t]?"
    r"|[<(\[`*]{1,3})[\"'`]?"
    r"([^\s\"'`()\[\]<>,;]{6,128})"
)
# Within a sentence about a password, but somebody's name or address, a time, a number, a place.
_NO_SECRET = re.compile(
    r"[\w.+-]+@[\w.-]+|\d+[:.][\w.+~:-]*|\d[\d.:/%-]*\w{0,3}|(?:[\w-]+\.)+[a-z]{2,12}(?::\d+)?/?|/\S*|\w+://\S*"
    r"|(?:[a-z][\w-]*/)+[\w.-]*"
)


def _later(text: str, offset: int) -> re.Match[str] | None:
    """A value within 60 characters behind the name of a password, with letters and digits or signs in it."""
    said = text[max(0, offset - 24) : offset].lower()
    if not any(word in said for word in ("pass", "kennwort", "pwd", "contrase", "hasł", "парол", "wachtwoord")):
        return None
    line = text.find("\n", offset, offset + 60)
    for found in _LATER.finditer(text, offset, line if line >= 0 else offset + 60 + 128):
        value = found[1].rstrip(".,:;!?*")
        if found.start() > offset + 60:
            return None
        odd = (
            any(c.isalpha() for c in value)
            and not value.isalpha()
            and (any(c.isdigit() for c in value) or not value.isalnum())
        )
        if odd and len(value) > 5 and not (_NO_SECRET.fullmatch(value) or says_a_state(value) or HIDDEN in value):
            plain = value.replace("-", "").replace("_", "")
            if any(c.isdigit() for c in value) or not plain.isalpha():
                return found
    return None
