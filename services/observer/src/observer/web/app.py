"""The FastAPI app out of a room: its routes, its errors, its OpenAPI. Opens no port and knows no settings."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from observer.web.bounds import Bounds
from observer.web.errors import Problem, answer_errors
from observer.web.gate import Gate
from observer.web.headers import Headers
from observer.web.health_checks import probes_for
from observer.web.page import Page, serve_page
from observer.web.room import Room
from observer.web.routes import (
    audit,
    events,
    health,
    history,
    hooks,
    proposals,
    runs,
    series,
    session,
    silences,
    stream,
    timeline,
    world,
)

API = "/api/v1"
TITLE = "Mendmesh observer"
# What any route may answer; the page and other clients handle it in one place.
COMMON: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (401, 403, 404, 405, 409, 413, 422, 429, 500, 503)
}


def make_app(room: Room) -> FastAPI:
    """One app per observer; everything under /api/v1 is described in /api/v1/openapi.json."""
    app = FastAPI(title=TITLE, version="1", openapi_url=f"{API}/openapi.json", docs_url=None, redoc_url=None)
    app.state.room = room
    app.state.hooks = hooks.HookContext(room.bus, room.hooks)
    app.state.probes = probes_for(room.runtime, room.actions, room.bus, room.world)
    answer_errors(app)
    api = APIRouter(prefix=API, responses=COMMON)
    for noun in (session, world, proposals, silences, runs, stream, audit, events, history, timeline, series):
        api.include_router(noun.router)
    app.include_router(api)
    app.include_router(health.router)
    app.include_router(hooks.hooks_router())
    serve_page(app, Page())
    return app


def guarded(app: FastAPI) -> ASGIApp:
    """What a port may serve: the app behind its gate. Headers first; a body only of who may come in."""
    room: Room = app.state.room
    inner: ASGIApp = Bounds(app)
    return Headers(inner if room.auth is None else Gate(inner, room.auth))
