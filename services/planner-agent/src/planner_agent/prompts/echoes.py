"""Echoes: does a model's reason say again what the evidence tells it to say? Pure; knows no model and no policy.

Whoever can write a log line can write a sentence for the card on which a person decides. So a reason is a model's own
words, or the rules' own are shown in its place: in any language, what is mostly copied is dropped, and out of a line
that speaks to a reader three words are enough, or what it puts between quotation marks.
"""

from __future__ import annotations

import base64
import contextlib
import re
import unicodedata
from collections.abc import Iterable, Iterator

RUN_WORDS = 3  # so many words in a row are no accident
SHORT_WORDS = 4.0  # "certificate has expired" is how anybody says it
LONG_WORDS = 7.0  # so many are a quotation; a shorter one ("no space left on device") may stand in a sentence
MOST_COPIED = 0.5  # share of a reason that may be such runs

# Scripts without blanks between words: a character counts as half a word.
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORDS = re.compile(rf"[{_UNSPACED}]|[^\W\d_{_UNSPACED}]+")
_PACKED = re.compile(r"[A-Za-z0-9+/]{16,}")
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_QUOTED = re.compile("[\"'`“”„«»‘’「」]([^\"'`“”„«»‘’「」]{4,200})(?=[\"'`“”„«»‘’「」])")


def repeats(reason: str, evidence: Iterable[str], own: Iterable[str]) -> bool:
    """Does `reason` repeat the texts of the evidence? What stands in `own` (the rules' words) is nobody's plant."""
    said = _words(reason)
    whole, ours = _row(said), "\n".join(_row(_words(text)) for text in own)
    if whole in ours:
        return False
    texts = [clear for piece in evidence for clear in (piece, *_unpacked(piece))]
    shown = "\n".join(_row(_words(text)) for text in texts)
    if whole in shown:
        return True
    spoken = [line for text in texts for line in _spoken(text)]
    dictated = [_row(words) for line in spoken for span in _QUOTED.findall(line) if len(words := _words(span)) > 1]
    if any(phrase in whole and phrase not in ours for phrase in dictated):
        return True
    runs = [_row(said[start : start + RUN_WORDS]) for start in range(len(said) - RUN_WORDS + 1)]
    found = [start for start, run in enumerate(runs) if run in shown and run not in ours]
    if not found:
        return False
    addressed = _row(_words("\n".join(spoken)))
    if any(runs[start] in addressed for start in found):
        return True
    copied = {place for start in found for place in range(start, start + RUN_WORDS)}
    longest = row = total = everything = 0.0
    for place, word in enumerate(said):
        weight = 0.5 if _UNSPACED_CHARACTER.match(word) else 1.0
        row = row + weight if place in copied else 0.0
        total += weight if place in copied else 0.0
        everything += weight
        longest = max(longest, row)
    return longest >= LONG_WORDS or (total >= SHORT_WORDS and total >= MOST_COPIED * everything)


def _unpacked(text: str) -> Iterable[str]:
    """What stands there in base64, where that is text: a model reads it as well as a line in the open."""
    for word in _PACKED.findall(text):
        with contextlib.suppress(ValueError):
            yield base64.b64decode(word + "=" * (-len(word) % 4), validate=True).decode()


def _spoken(text: str) -> Iterator[str]:
    """Its lines that speak to a reader, whole, and the line that one of them announces."""
    announced = False
    for line in text.split("\n"):
        speaks = _SPEAKS.search(_folded(line)) is not None
        if speaks or announced:
            yield line
        announced = speaks and line.rstrip().endswith((":", "："))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _words(text: str) -> list[str]:
    """Its words without digits and marks: an address or an error number is a fact, and no sentence."""
    return _WORDS.findall(_folded(text))


def _row(words: list[str]) -> str:
    """With a blank on both sides, so that a row is found in another at words only."""
    return f" {' '.join(words)} "


# What a line says that is meant for whoever answers or approves, rather than for whoever runs the service.
_SPEAKS = re.compile(
    "|".join(
        (
            # the answer's own words, which stay English whatever surrounds them
            r"\b(?:ignor|notif|redeploy|requires_human|confidence|json|evidence|prompt|llm|ai\b|assistant|chatbot)",
            r"\b(?:approv|instruct|operator|polic|you must|you are|you should|your answer|say that|answer with)",
            r"\b(?:respond|reply|pretend|disregard|reason:|planner|answer\W{1,3}restart)",
            r"\bin (?:this|the following) form\b",
            r"\b(?:the|your|for) (?:reader|reviewer|reason)\b",
            r"\b(?:say|write|tell|repeat|state|claim|report|explain) (?:this|as|that|them|it|the|exactly|only|:)",
            r"genehmig|frei(?:ge)?geb|freigab|bestätig|ignorier|antworte|anweisung|schreib|melde nicht|betreiber",
            r"approuv|ignorez|ignore[rz]\b|répond|consigne|écri[stv]|opérateur|validez",
            r"aprueb|aprob|ignora|responde|instrucci|escrib|operador|aprov|instru[cç]|responda|escrev",
            r"approva|rispond|istruzion|scriv[ie]|operatore|goedgekeur|keur |negeer|antwoord|instructie|schrijf",
            r"zatwierd|zignoruj|odpowied|polecen|instrukcj|napisz|schval|ignoruj|godkänn|ignorera|svara|onayla|yanıt",
            r"одобр|игнорир|ответь|инструкц|напиши|оператор|схвал|ігнор|відпов|напиш",
            r"批准|忽略|无视|指令|回答|回复|承認|無視|指示|答え|승인|무시|지시|대답|답변",
            r"وافق|الموافقة|تجاهل|أجب|تعليمات|अनुमोद|स्वीकृ|अनदेखा|निर्देश|उत्तर",
        )
    )
)
