"""A file of settings that a person writes: no key that nobody knows, and one sentence about what is wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from mesh_core.models.records import PATTERNS_IN_WORDS

_A_LIST = "write it as a list, such as [ONE, TWO]"
_INSTEAD = {
    **dict.fromkeys(
        ("model_type", "dict_type", "model_attributes_type"), "write it as a mapping, each line KEY: VALUE"
    ),
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type"), _A_LIST),
    "string_type": "write it as a text, in quotes",
    "missing": "is missing; write it",
}
_OF_A_VALUE = {
    **dict.fromkeys(("int_parsing", "int_parsing_size", "int_type", "int_from_float"), "should be a whole number"),
    **dict.fromkeys(("float_parsing", "float_type"), "should be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "should be true or false"),
    "string_type": "should be a text",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "should be an object"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type"), "should be a list"),
    "finite_number": "should be a number, not infinite",
    "greater_than_equal": "should be at least {ge:.12g}",
    "less_than_equal": "should be at most {le:.12g}",
    "greater_than": "should be more than {gt:.12g}",
    "less_than": "should be less than {lt:.12g}",
    "string_too_long": "should have at most {max_length} characters",
    "string_too_short": "should have at least {min_length} characters",
    "too_long": "has too many entries, the most is {max_length}",
    "too_short": "has too few entries, the least is {min_length}",
}


class FilePart(BaseModel):
    """A mapping in such a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def not_yaml(error: Exception) -> str:
    """What a YAML parser said, in one line of at most 300 characters of its own, without where it was."""
    problem = getattr(error, "problem", None)
    said = ", ".join(part for part in (getattr(error, "context", None), problem) if part) if problem else str(error)
    return f"not YAML: {' '.join(said.split())[:300]}"


def errors_in(error: ValidationError) -> list[ErrorDetails]:
    """What does not fit, a key that nobody knows before one that is missing: it is that one, misspelt."""
    found = error.errors(include_url=False)
    return sorted(found, key=lambda one: one["type"] != "extra_forbidden")


def first_error(error: ValidationError) -> ErrorDetails:
    return errors_in(error)[0]


def first_problem(error: ValidationError) -> str:
    return problem_of(first_error(error))


def problem_of(error: ErrorDetails, form: type[BaseModel] | None = None) -> str:
    """`KEY.KEY: what to write instead`. `form`, whose keys are known: what a misspelt one looks like."""
    where = ".".join(str(part) for part in error["loc"] if part != "[key]") or "the file"
    if error["type"] == "extra_forbidden":
        meant = looks_like(str(error["loc"][-1]), keys_at(form, error["loc"][:-1])) if form else ""
        return f"{where}: no such key; take it out or correct its spelling{meant}"
    return f"{where}: {said_instead(error)}"


def said_instead(error: ErrorDetails) -> str:
    """What to write instead, or what the value's own rule says of it."""
    said = _INSTEAD.get(error["type"]) or said_of_value(error)
    if error["type"] in ("enum", "literal_error"):
        said += looks_like(str(error["input"]), _LISTED.findall(said))
    return said


def said_of_value(error: ErrorDetails) -> str:
    """What its rule says of a value: `should be ...`, or the words of a rule of our own."""
    context = error.get("ctx", {})
    if wanted := PATTERNS_IN_WORDS.get(context.get("pattern", "")):
        return f"should be {wanted}"
    of_a_secret = context.get("field_type") == "Value"  # whose length pydantic tells as if it were a list
    if words := _OF_A_VALUE.get(f"string_{error['type']}" if of_a_secret else error["type"]):
        return words.format(**context)
    return error["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")


def spelled(pattern: str, words: str) -> AfterValidator:
    """A text that fits from end to end, its letters and digits being those of ASCII; of another one people hear that it
    should be what these `words` say."""

    def fit(text: str) -> str:
        if re.fullmatch(pattern, text, re.ASCII) is None:
            raise ValueError(f"should be {words}")
        return text

    return AfterValidator(fit)


def keys_at(form: type[BaseModel], where: Sequence[object]) -> list[str]:
    """The keys that a form has there, as they are written; [] where that cannot be told."""
    for step in where:
        field = form.model_fields.get(step) if isinstance(step, str) else None
        inner = _part_in(field.annotation) if field else (None if isinstance(step, str) else form)
        if inner is None:
            return []
        form = inner
    return [field.alias or name for name, field in form.model_fields.items()]


def _part_in(annotation: object) -> type[BaseModel] | None:
    """The one form that a field's type speaks of: itself, of a list, of what may be absent."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = {part for part in map(_part_in, get_args(annotation)) if part}
    return found.pop() if len(found) == 1 else None


def looks_like(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """`; 'x' looks like y`, to stand behind a list of known names; '' where none is like it."""
    found = get_close_matches(word, [*known], 1, cutoff)
    return f"; {word!r} looks like {found[0]}" if found else ""


_LISTED = re.compile(r"'([^']*)'")  # a value in pydantic's list of those that fit
