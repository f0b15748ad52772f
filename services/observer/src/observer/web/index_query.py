"""How a route asks the index: one connection, one answer, and a sentence when there is no index just now.

Routes over it are plain functions, so that the server runs them in its threads: SQLite blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Query
from pydantic import BeforeValidator, WithJsonSchema
from sqlalchemy import Connection
from sqlalchemy.exc import TimeoutError as NoneFree

from mesh_core.models.records import EventTypeName, ServiceName
from observer.index.indexer import IndexUnavailable
from observer.index.keys import ms_at
from observer.index.store import IndexCorrupt
from observer.web.app_context import AppContext
from observer.web.errors import RETRY_SECONDS, HttpProblem

T = TypeVar("T")

NameFilter = Annotated[ServiceName | None, Query(description="only this one")]
TypeFilter = Annotated[EventTypeName | None, Query(description="only events of this type")]


def _moment(text: object) -> int | None:
    """Milliseconds since 1970; ValueError (a 422) for what is no RFC 3339 time."""
    return None if text is None else ms_at(str(text)) or 0


TimeFilter = Annotated[
    int | None,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Query(description="RFC 3339, such as 2026-01-31T12:00:00Z"),
]


def query_index(context: AppContext, read: Callable[[Connection, bool], T]) -> T:
    """What `read(connection, complete)` says. An ApiError 503 while the index is made anew."""
    if context.index is None:
        raise HttpProblem(503, "no_index", "this observer keeps no index")
    retry = {"Retry-After": str(RETRY_SECONDS)}
    try:
        with context.index.store.read() as connection:
            return read(connection, context.index.complete)
    except IndexUnavailable as away:
        raise HttpProblem(503, "no_index", str(away), retry) from None
    except IndexCorrupt as broken:
        context.index.report_broken()
        raise HttpProblem(503, "no_index", f"the index is broken ({broken}) and is made anew", retry) from broken
    except (OSError, NoneFree) as error:
        raise HttpProblem(503, "index_busy", f"the index does not answer now: {error}", retry) from error
