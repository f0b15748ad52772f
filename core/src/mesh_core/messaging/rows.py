"""Rows of Redis that planners wrote, read as records. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from pydantic import ValidationError

from mesh_core.models.records import Record

R = TypeVar("R", bound=Record)
PARSED = 1024  # that are kept as they were read: what waits is compared with each of them


def read_rows(form: type[R], rows: Iterable[bytes]) -> list[R]:
    """Without what a newer planner wrote in another form."""
    return [one for row in rows if (one := read_row(form, row)) is not None]


def read_row(form: type[R], row: bytes | None) -> R | None:
    """None for no row, and for what a newer planner wrote in another form."""
    parsed = _parsed(form, row) if row else None
    return parsed if isinstance(parsed, form) else None


@lru_cache(maxsize=PARSED)
def _parsed(form: type[Record], row: bytes) -> Record | None:
    try:
        return form.model_validate_json(row)
    except ValidationError:
        return None
