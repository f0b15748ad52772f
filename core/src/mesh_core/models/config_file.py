"""A file of settings that a person writes: no key that nobody knows, and one sentence about what is wrong. Pure."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails


class FilePart(BaseModel):
    """A mapping in such a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def not_yaml(error: Exception) -> str:
    """What a YAML parser said, in one line of at most 300 characters of its own."""
    return f"not YAML: {' '.join(str(error).split())[:300]}"


def first_error(error: ValidationError) -> ErrorDetails:
    """What to tell of it: a key that nobody knows before one that is missing, for it is that one, misspelt."""
    found = error.errors(include_url=False, include_context=False)
    return next((one for one in found if one["type"] == "extra_forbidden"), found[0])


def first_problem(error: ValidationError) -> str:
    """`KEY.KEY: what to write instead`, of the first thing that does not fit."""
    first = first_error(error)
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "extra_forbidden":
        return f"{where}: no such key; take it out or correct its spelling"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"
