"""Do lines tell of work that goes on: the same line again, with a number that rises towards its end, or a verb of
working beside how far it is? Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

MOST_LINES = 200
_LINE_CHARS = 300
_BEFORE = 12  # characters before the number that are the same in each line: not its time
_BESIDE = 40  # characters between a verb and its number
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(?: ?%|(?: ?/ ?| (?:of|von|sur|de|di|van|z|из) )(\d{1,9}))")
_NUMBER = re.compile(r"\d+")
# What may rise as well while nothing is done: tries, and what is used up.
_NO_WORK = re.compile(
    r"attempt|retr[yi]|tries|try |versuch|tentativ|intento|usage|used|cpu|memory|\bmem\b|\bloads?\b|disk|full|lag\b"
    r"|fail|error|loss|queue|backlog|pool|connections|active|utili[sz]ation|battery|swap"
)
# Work on data that takes its time; `-ing` and `-ed` of it, and how other languages say that it goes on.
_WORKS = re.compile(
    r"\b(?:re-?)?(?:hash|scan|index|import|export|convert|migrat|encod|transcod|build|repair|restor|compact|sync|verif"
    r"|check|optimi[sz]|vacuum|copy|cop|transferr|decrypt|recover|replay|analy[sz]|defragment|silver|scrub|unpack|extract|download|upload|fetch|pull|load)"
    r"(?:y?ing|i?ed)\b"
    r"|\b(?:indexiere|indiziere|prüfe|überprüfe|konvertiere|importiere|kopiere|aktualisiere)\b|\bwird \w{4,20}t\b"
    r"|\ben cours\b|\bin corso\b|\ben curso\b|\b(?:index|verific|import|copi|analiz|actualiz|convirti)(?:ando|endo)\b"
    r"|\b(?:firmware|software|database|schema|system) (?:update|upgrade|migration)\b|\beta\b"
    r"|индексация|проверка|копирование|正在|中:"
)


# So many of so many things.
_THINGS = re.compile(
    r"\b(?:files|items|records|rows|pages|photos|tracks|assets|blocks|chunks|objects|documents|dateien|fichiers|archivos)\b"
)
_THOUSANDS = re.compile(r"(?<=\d)[,'](?=\d{3}\b)")


def tells_of_progress(printed: Sequence[str], every: Sequence[str] = ()) -> bool:
    """Lines in order, in lower case: what the program printed, and all that is said of it.

    What came to its end counts as well: a line more must take nothing back."""
    done: dict[str, list[float]] = {}
    for text, found in _parts(printed):
        if not _NO_WORK.search(text):
            shape = _NUMBER.sub("#", text[max(0, found.start() - _BEFORE) :])
            done.setdefault(shape, []).append(_share(found))
    return any(shares[0] < max(shares) for shares in done.values()) or any(map(_is_under_way, every[-MOST_LINES:]))


def _parts(lines: Sequence[str]) -> Iterator[tuple[str, re.Match[str]]]:
    for line in lines[-MOST_LINES:]:
        text = line[:_LINE_CHARS]
        if found := _PART.search(text):
            yield text, found


def _is_under_way(line: str) -> bool:
    """`hashing 41 %`, `61% hashed`, `(12/340) wird geprüft`: begun, and not done."""
    text = _THOUSANDS.sub("", line[:_LINE_CHARS])
    if not _PART.search(text):
        return False
    for said in (*_WORKS.finditer(text), *_THINGS.finditer(text)):
        near = text[max(0, said.start() - _BESIDE) : said.end() + _BESIDE]
        found = _PART.search(near)
        if found and 0 < _share(found) < 1 and not _NO_WORK.search(near):
            return True
    return False


def _share(found: re.Match[str]) -> float:
    return float(found[1]) / (float(found[2] or 100) or 1.0)
