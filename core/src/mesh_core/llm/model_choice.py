"""Model choice: which of a server's models is asked where nobody named one. Pure; lists nothing itself.

A list of models holds whatever was pulled: models that make embeddings, rank, transcribe or only see. The first one
that can chat is taken, judged by what the server says of it, else by its name; one that then says that it cannot is
passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mesh_core.llm.locality import is_passed_on
from mesh_core.models.name_lists import first_of

MAX_NAMED = 3  # models that the explanation names
_NONE: Mapping[str, str] = {}


@dataclass(frozen=True)
class ListedModel:
    """`name` as the server wants to be asked for it; `says` what it tells about it: type, task, capabilities, ..."""

    name: str
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelChoice:
    """`name` None: none of them can chat. `reason` is one clause for people."""

    name: str | None
    reason: str


def choose(models: Sequence[ListedModel], unfit: Mapping[str, str] = _NONE) -> ModelChoice:
    """The first that can chat; those whose name says that they are made for pictures come last.

    `unfit`: those that were asked already, and what came of it.
    """
    passed_over: list[str] = []
    fit: list[ListedModel] = []
    for model in models:
        reason = unfit.get(model.name) or why_not(model)
        if reason:
            passed_over.append(f"{model.name} ({reason})")
        else:
            fit.append(model)
    fit.sort(key=lambda model: _SEES.search(model.name.lower()) is not None)
    rest = f"; passed over: {first_of(passed_over, MAX_NAMED)}" if passed_over else ""
    if not fit:
        return ModelChoice(None, f"none of its {len(models)} models can chat: {first_of(passed_over, MAX_NAMED)}")
    if len(models) == 1:
        return ModelChoice(fit[0].name, "the only one that the server lists")
    return ModelChoice(fit[0].name, f"the first of {len(models)} on the server's list that can chat{rest}")


def why_not(model: ListedModel) -> str:
    """What it is made for instead of chatting, or ''. What the server says counts before the name."""
    if is_passed_on(model.name):
        return "it answers elsewhere, and is asked only by its name"
    said = " ".join(model.says).lower()
    if said and _CHATS.search(said):
        return ""
    if _SEES.search(said):
        return "it only sees"
    for text in (said, model.name.lower()):
        for reason, pattern in _OTHER:
            if pattern.search(text):
                return reason
    return ""


def cannot_chat(sentence: str) -> bool:
    """Does a server's error say that the model which was asked is none for chatting?"""
    return _REFUSES_CHAT.search(sentence.lower()) is not None


def is_gone(status: int | None, sentence: str) -> bool:
    """Does it say that it has no such model (any more)?"""
    return status in (400, 404) and _GONE.search(sentence.lower()) is not None


_CHATS = re.compile(
    r"chat|completion|\b(?:ll|vl)ms?\b|conversation|text[-_ ]generation|instruct|->(?:\w+\+)*text"
    r"|\bgenerate(?:content)?\b"
)
_OTHER = (
    ("it reranks", re.compile(r"re-?rank|cross-?encoder|text[-_ ]ranking")),
    (
        "it makes embeddings",
        re.compile(
            r"embed|sentence-|feature[-_ ]extraction|minilm|paraphrase|bert(?:a|v\d)?(?![a-z])|2vec|->\w*vector"
            r"|(?<![a-z])(?:bge|gte|e5|bce|m3e|labse|splade|stella|instructor)(?![a-z])"
        ),
    ),
    (
        "it only sees",
        re.compile(
            r"(?<![a-z])(?:(?:sig|b|c)lip\d?|vit|dinov?\d?|yolo\w*|florence|sam\d?|donut|layoutlm\w*|trocr)(?![a-z])"
            r"|image[-_ ](?:to[-_ ]text|classification|segmentation)|object[-_ ]detection"
        ),
    ),
    (
        "it makes pictures",
        re.compile(
            r"diffusion|(?<![a-z])(?:flux|sdxl|sd[\d-]|dall-?e|kandinsky|imagen|controlnet|[ti]2[iv](?![a-z]))"
            r"|^(?:image|video)s?$|->(?:image|video)"
            r"|(?:text[-_ ]to|->)[-_ ]?(?:image|video)|image[-_ ]generation|[-_](?:image|video)(?![a-z])"
        ),
    ),
    (
        "it is for sound",
        re.compile(
            r"whisper|speech|audio|transcri|music|(?<![a-z])(?:x?tts|stt|asr|vad|voice|piper|bark|kokoro|parakeet)(?![a-z])|->\w*(?:audio|speech)"
        ),
    ),
    ("it translates", re.compile(r"translat|(?<![a-z])(?:nllb|m2m|madlad|opus-mt)")),
    ("it judges texts", re.compile(r"moderation|guard(?:ian)?(?![a-z])|shield|classif|(?<![a-z])reward")),
)
# Models for pictures that do answer in words: good for nothing else, but better than none.
_SEES = re.compile(r"vision|llava|moondream|pixtral|(?<![a-z])(?:vlm?|ocr)(?![a-z])|[-\d]v(?![a-z\d])")
_REFUSES_CHAT = re.compile(
    r"(?:not|n't|cannot|no|un)\b[^.]{0,60}(?:support|capable|able|allow)[^.]{0,40}(?:chat|completion|generat)"
    r"|(?:chat|completion|generat)[^.]{0,60}(?:not|n't|un)[ -]?(?:support|available|allowed|implemented)"
    r"|(?:not|n't|cannot)\b[^.]{0,20}used (?:for|in) (?:chat|completion|generat)"
    r"|(?:is|only)\b[^.]{0,30}(?:embedding|rerank)[^.]{0,20}model|not a chat model"
)
_GONE = re.compile(
    r"model\b.{0,140}(?:not found|not exist|no such|unknown|not (?:been )?(?:loaded|available)|unavailable)"
    r"|(?:no such|unknown|invalid) model"
)
