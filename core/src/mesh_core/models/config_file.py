"""A file of settings that a person writes: no key that nobody knows, and one sentence about what is wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

_NO_MAPPING = ("model_type", "dict_type", "model_attributes_type")


class FilePart(BaseModel):
    """A mapping in such a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def not_yaml(error: Exception) -> str:
    """What a YAML parser said, in one line of at most 300 characters of its own."""
    return f"not YAML: {' '.join(str(error).split())[:300]}"


def errors_in(error: ValidationError) -> list[ErrorDetails]:
    """What does not fit, a key that nobody knows before one that is missing: it is that one, misspelt."""
    found = error.errors(include_url=False, include_context=False)
    return sorted(found, key=lambda one: one["type"] != "extra_forbidden")


def first_error(error: ValidationError) -> ErrorDetails:
    return errors_in(error)[0]


def first_problem(error: ValidationError) -> str:
    return problem_of(first_error(error))


def problem_of(error: ErrorDetails) -> str:
    """`KEY.KEY: what to write instead`."""
    where = ".".join(str(part) for part in error["loc"] if part != "[key]") or "the file"
    if error["type"] == "extra_forbidden":
        return f"{where}: no such key; take it out or correct its spelling"
    if error["type"] in _NO_MAPPING:
        return f"{where}: write it as a mapping, each line KEY: VALUE"
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] in ("enum", "literal_error"):
        said += looks_like(str(error["input"]), _LISTED.findall(said))
    return f"{where}: {said}"


def looks_like(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """`; 'x' looks like y`, to stand behind a list of known names; '' where none is like it."""
    found = get_close_matches(word, [*known], 1, cutoff)
    return f"; {word!r} looks like {found[0]}" if found else ""


_LISTED = re.compile(r"'([^']*)'")  # a value in pydantic's list of those that fit
