"""Unwrapping: an answer out of the paper that models and servers put around it. Pure; judges nothing, digs nowhere.

Taken off is only what stands around the whole answer, where no text of an event can stand: invisible marks, marks of a
chat template, one complete block of thinking at the very beginning, fences and a tag for the answer from end to end.
What is left must be the whole answer (`conforming` reads its values); the reader judges it as strictly as any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mesh_core.llm.conforming import conformed

THINKING_TOKENS = 1500  # that a provider adds for a model which was cut off while it thought
MAX_LAYERS = 8
_MARK = "\ufeff"
_BLANK = f" \t\r\n{_MARK}\u00a0\u200b\u200c\u200d\u200e\u200f\u2060\u3000"
_THOUGHT = r"(?:think|thought|reason|reflect|scratch|analy|monolog|deliberat)"
# Each way to begin a thought, and how that one ends: in brackets under whatever name a model family gives to it, as a
# fold of a chat page, between marks of a chat template, in a channel of its own.
_THOUGHTS = tuple(
    (re.compile(begin, re.IGNORECASE), re.compile(begin + ".*?" + end, re.IGNORECASE | re.DOTALL))
    for begin, end in (
        (
            rf"(?P<open>[<\[◁])(?P<name>[a-z_:-]{{0,20}}{_THOUGHT}[a-z_:-]{{0,20}})(?:[ \t][^<>\[\]]{{0,200}})?[>\]▷]",
            r"(?P=open)/(?P=name)[>\]▷]",
        ),
        (rf"<details[ \t][^<>]{{0,200}}{_THOUGHT}[^<>]{{0,200}}>", r"</details>"),
        (
            rf"<\|(?:start|begin)_(?:of_)?(?P<name>[a-z_]{{0,20}}{_THOUGHT}[a-z_]{{0,20}})\|>",
            r"<\|end_(?:of_)?(?P=name)\|>",
        ),
        (r"<\|channel\|>(?:analysis|commentary)<\|message\|>", r"<\|end\|>"),
        (rf"<unused\d{{1,3}}>{_THOUGHT}", r"<unused\d{1,3}>"),
    )
)
# A mark of a thought is none of a turn: where one stands alone, the thought has no beginning or no end.
_TURN = rf"<\|(?![a-z_]{{0,20}}{_THOUGHT})[a-z_]{{1,40}}\|>"
_BEGINS_TURN = re.compile(
    rf"<(?:s|bos|start_of_turn)>\s*(?:model\b)?|{_TURN}\s*(?:(?:assistant|final)\b)?", re.IGNORECASE
)
_ENDS_TURN = re.compile(rf"(?:</?(?:s|eos|end_of_turn)>|{_TURN})$", re.IGNORECASE)
_TAG = re.compile(r"<(?P<name>(?:final_?)?(?:answer|response|output|result|solution|json)|tool_call)>", re.IGNORECASE)
_FENCE = re.compile(r"`+|~{3,}")
_FENCED_AS = re.compile(r"[ \t]*(?:[^\n`{}]{0,80}\n|\{\.[\w.-]{1,20}\}\s|[\w.+-]{0,20}(?=\s*\{))")


@dataclass(frozen=True)
class Unwrapped:
    """`removed` names each thing that was taken off or rewritten, in order; empty if the text came as it should."""

    text: str
    removed: tuple[str, ...] = ()


def unwrapped(text: str, schema: Mapping[str, object]) -> Unwrapped:
    """The answer in `text`, in the types that `schema` asks for; the text itself where nothing stands around it."""
    removed: list[str] = []
    bare = _bare(text, removed)
    for _ in range(MAX_LAYERS):
        for what, layer in _LAYERS.items():
            if (inside := layer(bare)) is not None and not (what == "thinking" and what in removed):
                removed += [what] if what not in removed[-1:] else []
                bare = _bare(inside, removed)
                break
        else:
            break
    written = conformed(bare, schema, removed)
    return Unwrapped(written, tuple(removed)) if removed else Unwrapped(text)


def thinks(text: str) -> bool:
    """Does it begin with a block of thinking, finished or not?"""
    bare = text.strip(_BLANK)
    return any(begins.match(bare) is not None for begins, _ in _THOUGHTS)


def _bare(text: str, removed: list[str]) -> str:
    bare = text.strip(_BLANK)
    before, _, after = text.partition(bare) if bare else ("", "", "")
    if _MARK in before:
        removed.append("byte order mark")
    elif (before + after).strip(" \t\r\n"):
        removed.append("invisible marks")
    return bare


def _after_thought(text: str) -> str | None:
    found = next(filter(None, (block.match(text) for _, block in _THOUGHTS)), None)
    return text[found.end() :] if found else None


def _within_turn(text: str) -> str | None:
    """Without a mark of the chat template that a server should have kept to itself, at its beginning or its end."""
    if (begins := _BEGINS_TURN.match(text)) is not None:
        return text[begins.end() :]
    ends = _ENDS_TURN.search(text, max(0, len(text) - 50))
    return text[: ends.start()] if ends else None


def _in_tag(text: str) -> str | None:
    tag = _TAG.match(text)
    closed = f"</{tag['name']}>" if tag else ""
    return text[tag.end() : -len(closed)] if tag and text.endswith(closed) else None


def _in_fence(text: str) -> str | None:
    fence = _FENCE.match(text)
    if fence is None or len(text) < 2 * fence.end() or not text.endswith(fence[0]):
        return None
    inside = text[fence.end() : -fence.end()]
    named = _FENCED_AS.match(inside)
    return inside[named.end() :] if named else None


# Thoughts before marks: one of them begins with a mark.
_LAYERS: dict[str, Callable[[str], str | None]] = {
    "thinking": _after_thought,
    "template marks": _within_turn,
    "answer tag": _in_tag,
    "code fence": _in_fence,
}
