"""Conforming: what an answer says where it is written otherwise than its schema asks, and only one thing can be meant.

The whole text must be one answer: an object, perhaps within another one or as text once more. A value is rewritten only
where the schema leaves one reading (another case of a listed word, a number or a truth value in quotes); fields that
nobody asked for are left out. Pure; what it returns is judged like any other answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mesh_core.models.strict_json import Refusal, parse_object

MAX_ANSWER_BYTES = 64 * 1024
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_LINE_BREAKS = re.compile(r"[\r\n\t]+")
_SPARE_COMMA = re.compile(r",(?=\s{0,100}[}\]])")
# How a call of a tool names what it is called with.
_CALLED_WITH = ("arguments", "parameters", "input")


def conformed(text: str, schema: Mapping[str, object], removed: list[str]) -> str:
    """The same text, unless it is one strict JSON object that is meant otherwise than it is written.

    `removed` gets a few words for each thing that was.
    """
    before = len(removed)
    value = _object_in(text, removed)
    properties = schema.get("properties")
    if value is None or not isinstance(properties, dict):
        del removed[before:]
        return text
    value = _innermost(value, properties, removed)
    for name, asked in properties.items():
        if isinstance(said := value.get(name), str) and isinstance(asked, dict):
            meant, why = _meant(said.strip(), asked)
            if why:
                value[name] = meant
                removed.append(f"{name} {why}")
    if schema.get("additionalProperties") is False and (more := sorted(value.keys() - properties.keys())):
        value = {name: value[name] for name in value if name in properties}
        removed.append(f"more than was asked for ({', '.join(name[:20] for name in more[:3])})")
    return json.dumps(value, ensure_ascii=False) if len(removed) > before else text


def _object_in(text: str, removed: list[str]) -> dict[str, Any] | None:
    """The object that this text is; a line break within a string, or a comma before an end, has one reading only."""
    if text.startswith('"'):
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return None
        removed.append("text in text")
        text = said if isinstance(said, str) else ""
    for why, written in (
        ("", text),
        ("line breaks in a string", unbroken := _LINE_BREAKS.sub(" ", text)),
        ("a comma too many", _SPARE_COMMA.sub("", unbroken)),
    ):
        value = parse_object(written.encode("utf-8", "surrogatepass"), max_bytes=MAX_ANSWER_BYTES)
        if not isinstance(value, Refusal):
            removed += [why] if why else []
            return value
        if not text.startswith("{"):
            break
    return None


def _innermost(value: dict[str, Any], properties: Mapping[str, object], removed: list[str]) -> dict[str, Any]:
    """The answer, where the object is only what a form was called by, or a call of a tool with it."""
    if value.keys() & properties.keys():
        return value
    if len(value) == 1:
        (name, inside) = next(iter(value.items()))
        if isinstance(inside, dict) and inside.keys() & properties.keys():
            removed.append(f"within {name[:20]!r}")
            return inside
    called_with = [value[name] for name in _CALLED_WITH if name in value]
    if isinstance(value.get("name"), str) and len(called_with) == 1:
        call = called_with[0]
        if isinstance(call, str):
            call = parse_object(call.encode("utf-8", "surrogatepass"), max_bytes=MAX_ANSWER_BYTES)
        if isinstance(call, dict) and call.keys() & properties.keys():
            removed.append("tool call")
            return call
    return value


def _meant(text: str, asked: Mapping[str, object]) -> tuple[object, str]:
    """The value that a text stands for where the schema wants another one, and what was odd; (text, "") otherwise."""
    listed = asked.get("enum")
    options = listed if isinstance(listed, list) else [asked["const"]] if "const" in asked else []
    wanted = asked.get("type")
    word = text.lower()
    if word in ("true", "false") and (wanted == "boolean" or any(isinstance(option, bool) for option in options)):
        return word == "true", "as text"
    if word in ("null", "none", "") and None in options:
        return None, "as text"
    if wanted in ("number", "integer") and _NUMBER.fullmatch(text):
        return (float(text) if "." in text or wanted == "number" else int(text)), "as text"
    if isinstance(listed, list) and text not in listed:
        same = [option for option in listed if isinstance(option, str) and option.casefold() == text.casefold()]
        if len(same) == 1:
            return same[0], "in another case"
    return text, ""
