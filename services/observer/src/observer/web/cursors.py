"""Pages of a sorted list: after which item to go on. A cursor is the last item's name, so nothing is kept for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query

T = TypeVar("T")
Cursor = Annotated[str | None, Query(max_length=600, description="`next` of the page before")]


def page_after(
    items: Sequence[T], cursor: str | None, limit: int, name: Callable[[T], str]
) -> tuple[list[T], str | None]:
    """(the page, the cursor of the next one). An item that is gone meanwhile begins the list anew."""
    start = 0
    if cursor is not None:
        start = next((number + 1 for number, item in enumerate(items) if name(item) == cursor), 0)
    page = list(items[start : start + limit])
    return page, name(page[-1]) if page and start + limit < len(items) else None
