"""Echoes: does a model's reason say again what the evidence tells it to say? Pure; knows no model and no policy.

Whoever can write a log line can write a sentence for the card on which a person decides. So a reason is a model's own
words, or the rules' own are shown in its place: in any language, what is mostly copied is dropped, and out of a line
that speaks to a reader three words are enough.
"""

from __future__ import annotations

import base64
import contextlib
import re
import unicodedata
from collections.abc import Iterable

RUN_WORDS = 3  # so many words in a row are no accident
SHORT_WORDS = 4.0  # "certificate has expired" is how anybody says it
LONG_WORDS = 7.0  # so many are a quotation; a shorter one ("no space left on device") may stand in a sentence
MOST_COPIED = 0.5  # share of a reason that may be such runs

# Scripts without blanks between words: a character counts as half a word.
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORDS = re.compile(rf"[{_UNSPACED}]|[^\W\d_{_UNSPACED}]+")
_PACKED = re.compile(r"[A-Za-z0-9+/]{16,}")
_LINES = re.compile(r"[\n.!?;。！？]+")

Run = tuple[str, ...]


def repeats(reason: str, evidence: Iterable[str], own: Iterable[str]) -> bool:
    """Does `reason` repeat the texts of the evidence? What stands in `own` (the rules' words) is nobody's plant."""
    said = _words(reason)
    ours = {run for text in own for run in _runs(_words(text))}
    anywhere: set[Run] = set()
    spoken: set[Run] = set()
    whole = f" {' '.join(said)} "
    if any(whole in f" {' '.join(_words(text))} " for text in own):
        return False
    for text in (clear for piece in evidence for clear in (piece, *_unpacked(piece))):
        words = _words(text)
        if whole in f" {' '.join(words)} ":
            return True
        anywhere.update(_runs(words))
        for line in _LINES.split(text):
            if _SPEAKS.search(_folded(line)):
                spoken.update(_runs(_words(line)))
    here = _runs(said)
    if any(run in spoken and run not in ours for run in here):
        return True
    copied = [False] * len(said)
    for start, run in enumerate(here):
        if run in anywhere and run not in ours:
            copied[start : start + RUN_WORDS] = [True] * RUN_WORDS
    weights = [0.5 if re.match(f"[{_UNSPACED}]", word) else 1.0 for word in said]
    longest = row = total = 0.0
    for is_copy, weight in zip(copied, weights, strict=True):
        row = row + weight if is_copy else 0.0
        total += weight if is_copy else 0.0
        longest = max(longest, row)
    return longest >= LONG_WORDS or (total >= SHORT_WORDS and total >= MOST_COPIED * sum(weights))


def _unpacked(text: str) -> Iterable[str]:
    """What stands there in base64, where that is text: a model reads it as well as a line in the open."""
    for word in _PACKED.findall(text):
        with contextlib.suppress(ValueError):
            yield base64.b64decode(word + "=" * (-len(word) % 4), validate=True).decode()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _words(text: str) -> list[str]:
    """Its words without digits and marks: an address or an error number is a fact, and no sentence."""
    return _WORDS.findall(_folded(text))


def _runs(words: list[str]) -> list[Run]:
    return [tuple(words[start : start + RUN_WORDS]) for start in range(len(words) - RUN_WORDS + 1)]


# What a line says that is meant for whoever answers or approves, rather than for whoever runs the service.
_SPEAKS = re.compile(
    "|".join(
        (
            # the answer's own words, which stay English whatever surrounds them
            r"\b(?:ignor|notif|redeploy|requires_human|confidence|json|evidence|prompt|llm|ai\b|assistant|chatbot)",
            r"\b(?:approv|instruct|operator|polic|you must|you are|you should|your answer|say that|write (?:this|as|that)|reply)",
            r"\b(?:respond|pretend|disregard|answer with|reason:)",
            r"genehmig|freigeb|freigab|bestätig|ignorier|antworte|anweisung|schreib|melde nicht|betreiber",
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
