"""What the bytes of a request to a hook hold: JSON, a form, a text. Pure; never decides who may send which."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from mesh_core.models.foreign_text import decoded, encoding_of, parse_foreign, parse_foreign_value
from mesh_core.models.strict_json import Refusal
from observer.hooks.plain_text import fields_of_text, is_text

FORM = "application/x-www-form-urlencoded"
MOST_FORM_FIELDS = 400
_BLANK = re.compile(rb"[ \t\n]")

Body = dict[str, Any] | list[Any]


def media_of(content_type: str) -> str:
    """`application/json` of the header Content-Type; the first where it names several."""
    return content_type.partition(";")[0].partition(",")[0].strip(' "\t').lower()


def body_in(plain: bytes, content_type: str, max_bytes: int, *, any_shape: bool) -> Body | Refusal:
    """A JSON object; with `any_shape` a list, a form and a text as well. What `curl -d` calls a form is JSON where it
    begins so, and a text where blanks stand in it, which in a form are written otherwise."""
    if not any_shape:
        return parse_foreign(plain, max_bytes=max_bytes, content_type=content_type)
    media = media_of(content_type)
    if not plain.lstrip().startswith((b"{", b"[")):
        if is_text(media) or (media == FORM and _BLANK.search(plain.strip())):
            text = decoded(plain, content_type)
            return text if isinstance(text, Refusal) else fields_of_text(text)
        if media == FORM:
            return _fields_of(plain, content_type)
    value = parse_foreign_value(plain, max_bytes=max_bytes, content_type=content_type)
    if isinstance(value, dict | list | Refusal):
        return value
    return Refusal("neither an object nor a list of objects; send one of these")


def _fields_of(plain: bytes, content_type: str) -> dict[str, Any] | Refusal:
    """Texts by field; a field that comes several times is a list of them."""
    if isinstance(charset := encoding_of(plain, content_type), Refusal):
        return charset
    if isinstance(text := decoded(plain, content_type), Refusal):
        return text
    if text.count("&") >= MOST_FORM_FIELDS:
        return Refusal(f"a form of more than {MOST_FORM_FIELDS} fields; send fewer")
    try:
        pairs = parse_qsl(text.strip(), keep_blank_values=True, encoding=charset, errors="strict")
    except UnicodeError:
        return Refusal(f"a field of this form is not {charset.upper()}; name its charset in Content-Type")
    fields: dict[str, list[str]] = {}
    for name, said in pairs:
        fields.setdefault(name, []).append(said)
    return {name: said[0] if len(said) == 1 else said for name, said in fields.items()}
