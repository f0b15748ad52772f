"""Names and words of any language in one form: `ZFSPoolDegraded`, `zfs_pool_degraded` and `Zfs pool degraded` are one
name. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MAX_TEXT = 4000  # characters of one text that are read
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+")
_ASIDE = re.compile(r"[(\[{][^)\]}]{0,200}[)\]}]")  # `(over 90% for 5m)`, `[/var]`, `{#FSNAME}`
# Written without blanks: a word of them is any two that stand beside each other.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
# How bad it is stands in a severity; collections that put it into the name mean one trouble.
_HOW_BAD = frozenset(
    {"alert", "alarm", "warning", "warn", "critical", "crit", "major", "minor", "disaster", "average", "emergency"}
)


def words_of(text: str) -> list[str]:
    """Its words in lower case without accents, in their order; `HostOutOfMemory` has four."""
    spaced = _HUMP.sub(" ", unicodedata.normalize("NFKC", text[:MAX_TEXT]))
    found = _WORD.findall(spaced)
    return [part for word in found for part in ((word.lower(),) if word.isascii() else _parts(_plain(word)))]


def folded_name(name: str) -> str:
    """The name as one word, without what stands in brackets and without how bad it is; '' where nothing is left."""
    words = words_of(_ASIDE.sub(" ", name[:MAX_TEXT]))
    while len(words) > 1 and words[-1] in _HOW_BAD:
        words.pop()
    return "".join(words)


def folded_pattern(pattern: str) -> str:
    """The same of a name with `*` in it."""
    return "*".join(folded_name(part) for part in pattern.split("*"))


def _plain(word: str) -> str:
    apart = unicodedata.normalize("NFD", word.casefold())
    bare = "".join(c for c in apart if not unicodedata.combining(c) or c in "\u3099\u309a")
    return unicodedata.normalize("NFC", bare)


def _parts(word: str) -> Iterator[str]:
    at = 0
    for run in _UNSPACED.finditer(word):
        if at < run.start():
            yield word[at : run.start()]
        yield from _pairs(run[0])
        at = run.end()
    if at < len(word):
        yield word[at:]


def _pairs(run: str) -> Iterator[str]:
    yield from (run[i : i + 2] for i in range(max(1, len(run) - 1)))
