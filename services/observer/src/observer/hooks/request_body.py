"""What the bytes of a hook's request hold: JSON, a form's fields, a text. Pure; never decides who may send which."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from mesh_core.models.foreign_text import decoded, encoding_of, parse_foreign, parse_foreign_value
from mesh_core.models.strict_json import Refusal

FORM = "application/x-www-form-urlencoded"
MESSAGE = "message"  # the field that a text is
MOST_FORM_FIELDS = 400

Body = dict[str, Any] | list[Any]


def media_of(content_type: str) -> str:
    """`application/json` of the header Content-Type; the first where it names several."""
    return content_type.partition(";")[0].partition(",")[0].strip(' "\t').lower()


def is_json(media: str) -> bool:
    return "json" in media.partition("/")[2]


def is_form_or_text(media: str) -> bool:
    """What a web page may send to any other site: only who shows a key is believed to have sent it."""
    return media == FORM or (media.startswith("text/") and not is_json(media))


def body_in(plain: bytes, content_type: str, max_bytes: int, *, any_shape: bool) -> Body | Refusal:
    """A JSON object; with `any_shape` a list, a form, a text as well. JSON that `curl -d` calls a form, or somebody a
    text, is JSON."""
    if not any_shape:
        return parse_foreign(plain, max_bytes=max_bytes, content_type=content_type)
    media = media_of(content_type)
    if is_form_or_text(media) and not plain.lstrip().startswith((b"{", b"[")):
        if media == FORM:
            return _fields_of(plain, content_type)
        text = decoded(plain, content_type)
        return text if isinstance(text, Refusal) else {MESSAGE: text}
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
