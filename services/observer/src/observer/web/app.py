"""The FastAPI app out of its context: routes, its errors, its OpenAPI. Opens no port and knows no settings."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from mesh_core.policy.inventory.name_book import NameBook
from observer.hooks.sender import HookSender
from observer.hooks.senders import SENDERS
from observer.hooks.world_services import WorldServices
from observer.web.app_context import AppContext
from observer.web.auth_middleware import AuthMiddleware
from observer.web.errors import Problem, install_error_handlers
from observer.web.health_checks import probes_for
from observer.web.page_files import PageFiles, serve_page
from observer.web.request_limits import RequestLimits
from observer.web.routes import API_ROUTES, health, hooks
from observer.web.security_headers import SecurityHeaders
from observer.web.trailing_slash import TrailingSlash

API = "/api/v1"
TITLE = "Mendmesh observer"
# What any route may answer; the page and other clients handle it in one place.
COMMON: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (401, 403, 404, 405, 409, 413, 422, 429, 500, 503)
}


def make_app(context: AppContext) -> FastAPI:
    """One app per observer; everything under /api/v1 is described in /api/v1/openapi.json."""
    app = FastAPI(
        title=TITLE,
        version="1",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=_routes(tuple(SENDERS.values())),
    )
    app.state.context = context
    inventory = context.runtime / "config" / "inventory.yml"
    names = NameBook(inventory, WorldServices(context.world), context.hooks.mapped.domains)
    app.state.hooks = hooks.HookServices(context.bus, context.hooks, names)
    app.state.probes = probes_for(context.runtime, context.actions, context.bus, context.world)
    install_error_handlers(app)
    serve_page(app, PageFiles())
    return app


@cache
def _routes(senders: tuple[HookSender, ...]) -> list[BaseRoute]:
    """What every app answers. A route knows its app by the request only, and describing every answer of each takes
    0.15 s of the processor: once in a process."""
    api = APIRouter(prefix=API, responses=COMMON)
    for noun in API_ROUTES:
        api.include_router(noun.router)
    all_of_it = APIRouter()
    all_of_it.include_router(api)
    all_of_it.include_router(health.router)
    all_of_it.include_router(hooks.hooks_router(senders))
    return all_of_it.routes


def with_middleware(app: FastAPI) -> ASGIApp:
    """What a port may serve: the app behind its middleware. Headers first; a body only of who is known."""
    context: AppContext = app.state.context
    inner: ASGIApp = RequestLimits(app)
    return TrailingSlash(SecurityHeaders(inner if context.auth is None else AuthMiddleware(inner, context.auth)))
