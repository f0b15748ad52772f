"""What the bytes of a hook's request hold: JSON, or the fields of a form. Pure; never decides who may send which."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from mesh_core.models.foreign_text import decoded, encoding_of, parse_foreign, parse_foreign_value
from mesh_core.models.strict_json import Refusal

FORM = "application/x-www-form-urlencoded"
MOST_FORM_FIELDS = 400

Body = dict[str, Any] | list[Any]


def media_of(content_type: str) -> str:
    """`application/json` of the header Content-Type; the first where it names several."""
    return content_type.partition(";")[0].partition(",")[0].strip(' "\t').lower()


def body_in(plain: bytes, content_type: str, max_bytes: int, *, any_shape: bool) -> Body | Refusal:
    """A JSON object; with `any_shape` a list and a form as well. JSON that `curl -d` calls a form is JSON."""
    if not any_shape:
        return parse_foreign(plain, max_bytes=max_bytes, content_type=content_type)
    if media_of(content_type) == FORM and not plain.lstrip().startswith((b"{", b"[")):
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
