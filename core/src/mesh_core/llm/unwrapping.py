"""Unwrapping: an answer out of the paper that models and servers put around it. Pure; judges nothing, digs nowhere.

Taken off is only what stands around the whole answer, where no text of an event can stand: a byte order mark, one
complete block of thinking at the very beginning, one code fence from end to end. Inside, a value is rewritten only
where the schema leaves one reading: another case of a listed word, a number or a truth value in quotes; and fields that
nobody asked for are left out. What is left must be the whole answer; the reader judges it as strictly as any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mesh_core.models.strict_json import Refusal, parse_object

MAX_ANSWER_BYTES = 64 * 1024
THINKING_TOKENS = 1500  # that a provider adds for a model which was cut off while it thought
_BLANK = " \t\r\n\ufeff"
# <think> ... </think>, in angle or square brackets, under whatever name a model family gives to it.
_BEGINS_TO_THINK = re.compile(
    r"(?P<open>[<\[])(?P<name>[a-z_:-]{0,20}(?:think|thought|reason|reflect|scratch)[a-z_:-]{0,20})[>\]]", re.IGNORECASE
)
_THINKING = re.compile(_BEGINS_TO_THINK.pattern + r".*?(?P=open)/(?P=name)[>\]]", re.IGNORECASE | re.DOTALL)
_FENCE = re.compile(r"(?P<mark>`+|~{3,})[ \t]*[\w.+-]{0,20}\s*(?P<inside>\{.*\})\s*(?P=mark)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")


@dataclass(frozen=True)
class Unwrapped:
    """`removed` names each thing that was taken off or rewritten, in order; empty if the text came as it should."""

    text: str
    removed: tuple[str, ...] = ()


def unwrapped(text: str, schema: Mapping[str, object]) -> Unwrapped:
    """The answer in `text`, in the types that `schema` asks for; the text itself where nothing stands around it."""
    removed: list[str] = []
    bare = _bare(text, removed)
    if (match := _THINKING.match(bare)) is not None:
        removed.append("thinking")
        bare = _bare(bare[match.end() :], removed)
    if (match := _FENCE.fullmatch(bare)) is not None:
        removed.append("code fence")
        bare = match["inside"]
    written = _conformed(bare, schema, removed)
    return Unwrapped(written, tuple(removed)) if removed else Unwrapped(text)


def thinks(text: str) -> bool:
    """Does it begin with a block of thinking, finished or not?"""
    return _BEGINS_TO_THINK.match(text.strip(_BLANK)) is not None


def _bare(text: str, removed: list[str]) -> str:
    bare = text.strip(_BLANK)
    if "\ufeff" in text[: text.find(bare)]:
        removed.append("byte order mark")
    return bare


def _conformed(text: str, schema: Mapping[str, object], removed: list[str]) -> str:
    """The same text, unless it is one strict JSON object with a value that is meant otherwise than it is written."""
    properties = schema.get("properties")
    value = parse_object(text.encode("utf-8", "surrogatepass"), max_bytes=MAX_ANSWER_BYTES)
    if isinstance(value, Refusal) or not isinstance(properties, dict):
        return text
    changed = False
    for name, asked in properties.items():
        if isinstance(said := value.get(name), str) and isinstance(asked, dict):
            meant, why = _meant(said.strip(), asked)
            if why:
                value[name], changed = meant, True
                removed.append(f"{name} {why}")
    if schema.get("additionalProperties") is False and (more := sorted(value.keys() - properties.keys())):
        value, changed = {name: value[name] for name in value if name in properties}, True
        removed.append(f"more than was asked for ({', '.join(name[:20] for name in more[:3])})")
    return json.dumps(value, ensure_ascii=False) if changed else text


def _meant(text: str, asked: Mapping[str, object]) -> tuple[object, str]:
    """The value that a text stands for where the schema wants another one, and what was odd; (text, "") otherwise."""
    listed = asked.get("enum")
    options = listed if isinstance(listed, list) else [asked["const"]] if "const" in asked else []
    wanted = asked.get("type")
    word = text.lower()
    if word in ("true", "false") and (wanted == "boolean" or any(isinstance(option, bool) for option in options)):
        return word == "true", "as text"
    if word == "null" and None in options:
        return None, "as text"
    if wanted in ("number", "integer") and _NUMBER.fullmatch(text):
        return (float(text) if "." in text or wanted == "number" else int(text)), "as text"
    if isinstance(listed, list) and text not in listed:
        same = [option for option in listed if isinstance(option, str) and option.casefold() == text.casefold()]
        if len(same) == 1:
            return same[0], "in another case"
    return text, ""
