"""`name=value` in any notation: is this value a secret, by its name and its look? Pure."""

from __future__ import annotations

import re

from mesh_core.security.secret_names import NO, SECOND, STRONG, WEAK, of_two_words, strength_of
from mesh_core.security.secret_values import HIDDEN, KEY_OF_HEX, is_path, is_random, is_strange, name_like, says_a_state

MAX_VALUE = 2048  # characters of one value

_SEPARATOR = re.compile(r"=>|->|→|\?=|\|\||%3[ADad](?:%20)?|[:=：＝]{1,3}")
_NAME = re.compile(r"[\w.-]{1,60}\Z")
_OPENING = re.compile(r"[ \t]{0,8}((?:\\{0,4}[\"'`])|)")
_SCHEME_WORD = re.compile(
    r"(?i)(?:bearer|basic|digest|negotiate|token|apikey|key|splunk|sso-key|pass|plain|pbkdf2)[ \t]{1,4}(?=\S{6})"
)
_BARE = re.compile(r"[^\s'\"`<>]{1,2048}")
_NUMBERS = re.compile(r"\[(?:\s{0,4}(?:0x)?[0-9A-Fa-f]{1,3}\s{0,4},?){8,64}\]")
# The value stands on the next line: an empty rest, a block, a line that goes on. Not where a mapping begins there.
_NEXT_LINE = re.compile(
    r"[ \t]{0,8}(?:\|[+-]?|>[+-]?|\\|\"\"\"|'{3})?[ \t]{0,8}\n[ \t]{0,40}(?![\w.'\"-]{1,80}[ \t]?[:=]|-[ \t]|#|\n)"
)
_PROSE = re.compile(r"[ \t]+[A-Za-z]{2,}")
_NEXT_NAME = re.compile(
    r"&(?:quot|amp|lt|gt|#\d{2,4});|%2[06]|[,;&](?=[ \t]{0,2}[A-Za-z_][\w.\[\]-]{0,40}[=:]|\s|\Z)|\\[nrt]|\|\|"
)
_TO_THE_END = re.compile(r"(?i)(?:authorization|cookies?|passphrase|mnemonic)\Z")
QUERY = 3  # a weak name in an address: "?code=", "&sig="
_OF = frozenset({"for", "of", "von", "für", "fuer", "de", "para", "per", "dla", "voor", "pour", "du", "di", "do"})
_AROUND = " \t'\"`\\])"


def assigned(text: str) -> str:
    parts: list[str] = []
    kept = offset = 0
    while found := _SEPARATOR.search(text, offset):
        offset = found.end()
        said = text[max(kept, found.start() - 100) : found.start()].rstrip(_AROUND).removesuffix("&quot;")
        words = said.rsplit(None, 3)
        if not words:
            continue
        name = _NAME.search(words[-1][-60:])
        last = name[0] if name else ""
        strength = strength_of(last)
        if last and found[0] == ":" and words[-1].endswith(f"/{last}"):
            continue  # a place: /run/secrets:/run/secrets:ro
        if strength < STRONG and last.lower() in SECOND and len(words) > 1:
            strength = strength_of(" ".join(words[-3:]))
        elif strength == NO and len(words) > 2 and words[-2].lower() in _OF:  # password for grafana: ...
            strength = -strength_of(words[-3])
        if strength == NO and not said.isascii() and of_two_words(said[-24:]):
            strength = STRONG
        if strength == WEAK and said[-len(last) - 1 : -len(last)] in ("?", "&") and last:
            strength = QUERY
        if strength == NO:
            continue
        start, end = _value_at(text, found.end(), last)
        value = text[start:end]
        prose = found[0] == ":" and value.isalpha() and _PROSE.match(text, end) and not _TO_THE_END.search(last)
        if start < end and not prose and is_hidden(strength, last, value, found[0]):
            parts += text[kept:start], HIDDEN
            kept = offset = end
    return "".join([*parts, text[kept:]])


def _value_at(text: str, offset: int, name: str) -> tuple[int, int]:
    """(start, end) of the value behind a separator, without its quotes."""
    if below := _NEXT_LINE.match(text, offset):
        offset = below.end()
    if numbers := _NUMBERS.match(text, offset + (text[offset : offset + 1] == " ")):
        return numbers.span()
    if text.startswith("&quot;", offset):
        offset += 6
    opening = _OPENING.match(text, offset)
    if opening is None:
        return offset, offset
    start, quote = opening.end(), opening[1]
    line = text.find("\n", start, start + MAX_VALUE)
    last = line if line >= 0 else min(len(text), start + MAX_VALUE)
    if quote:
        closing = text.find(quote, start, last)
        return start, closing if closing >= 0 else last
    if _TO_THE_END.search(name):
        # a whole header; where the header stands in quotes, to the quote's end
        closing = min((at for q in "\"'" if (at := text.find(q, start, last)) >= 0), default=last)
        return start, closing
    if scheme := _SCHEME_WORD.match(text, start):
        start = scheme.end()
    bare = _BARE.match(text, start)
    if bare is None:
        return start, start
    value = bare[0]
    if cut := _NEXT_NAME.search(value):
        value = value[: cut.start()]
    if (
        value.count(")") > value.count("(")
        or value.count("]") > value.count("[")
        or value.count("}") > value.count("{")
    ):
        value = value.rstrip(".,:;)]}")
    return start, start + len(value.rstrip(".,:;") or value)


def _is_file(name: str) -> bool:
    """Does it end as the name of a source file does?"""
    stem, dot, ending = name.rpartition(".")
    return bool(stem and dot) and 0 < len(ending) < 5 and strength_of(ending) == NO


def is_hidden(strength: int, name: str, value: str, separator: str) -> bool:
    if value.startswith("[") and _NUMBERS.fullmatch(value):
        return True
    if says_a_state(value.partition(" ")[0] or value) or is_path(value) or value == HIDDEN:
        return False
    digits = value.isdigit()
    lowered = name.lower()
    if strength == STRONG:
        if digits and separator == ":" and _is_file(name):
            return False  # TokenFilter.java:87
        if digits and (lowered.endswith("s") or (lowered == "pass" and len(value) < 4)):
            return False  # tokens: 812, pass=5
        if digits and len(value) < 4 and lowered.endswith("token"):
            return False  # an answer's number
        return not (name == "PASS" and separator == ":" and (value.isalpha() or name_like(value)))  # a test's result
    if strength < NO:  # password for grafana: ...
        return not value.isalpha() and not digits
    if lowered.endswith("pin"):
        return digits and len(value) > 3
    if strength == QUERY:
        return len(value) > 5 and not value.isalpha() and not digits
    return is_random(value) or KEY_OF_HEX.fullmatch(value) is not None or (is_strange(value) and len(value) >= 10)
