"""In front of every route: which requests come in at all. What is not let through here reaches no code of a route.

Looks at headers only. A route that forgets to ask who is there is closed all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mesh_core.runtime.service import cancelled
from mesh_core.security.users import BadPeople, Role
from observer.auth.auth import Auth
from observer.auth.person import AuthMode, Person
from observer.auth.request_origin import RequestOrigin, from_another_site, origin_of
from observer.web.errors import HttpProblem, error_response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOGIN, LOGOUT = "/api/v1/login", "/api/v1/logout"
PUBLIC_PATHS = frozenset({"/healthz", "/readyz"})
DISCLOSING_PATHS = frozenset({"/readyz", "/metrics"})  # paths of folders, counts: nothing for another site's page
RECHECK_SECONDS = 10.0


class AuthMiddleware:
    """An ASGI app around another one. Leaves `person` and `origin` in the request's state."""

    def __init__(self, app: ASGIApp, auth: Auth):
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        origin = origin_of(client[0] if client else "", scope["scheme"], scope["headers"], self._auth.rules)
        try:
            person = self._judge(scope["method"], scope["path"], origin)
        except HttpProblem as error:
            await error_response(error)(scope, receive, send)
            return
        except BadPeople as error:
            unusable = HttpProblem(503, "users_unusable", f"nobody can sign in: {error}")
            await error_response(unusable)(scope, receive, send)
            return
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["origin"] = origin
        if person is None:
            await self._app(scope, receive, send)
        else:
            state["person"] = person
            await self._while_allowed(person, scope, receive, send)

    def _judge(self, method: str, path: str, origin: RequestOrigin) -> Person | None:
        """Who it is, None where nobody asks. Raises ApiError."""
        changing = method not in SAFE_METHODS
        if path.startswith("/hooks/"):
            if "origin" in origin.headers or "sec-fetch-site" in origin.headers:
                raise HttpProblem(403, "cross_origin", "hooks are for programs; no page of a browser may call them")
            return None  # each hook has a token or a signature of its own
        if (
            path in DISCLOSING_PATHS
            and self._auth.mode is AuthMode.LINK
            and not self._auth.no_page_could_rebind(origin)
        ):
            raise _unknown_host(origin)
        if path in PUBLIC_PATHS:
            return None
        if path == "/metrics":
            return self._known(origin) if self._auth.mode is AuthMode.LISTED else None
        if not self._auth.host_fits(origin):
            raise _unknown_host(origin)
        if changing and from_another_site(origin):
            raise HttpProblem(403, "cross_origin", "another site's page sent this; only the observer's own page may")
        if not path.startswith("/api/") or path == LOGIN:
            return None
        person = self._known(origin)
        if changing:
            if person.role is not Role.OPERATOR and path != LOGOUT:
                raise HttpProblem(
                    403, "forbidden", f"{person.name} may look, but not decide: that takes the role operator"
                )
            if not self._auth.csrf_fits(person, origin):
                raise HttpProblem(
                    403,
                    "csrf",
                    "the header X-CSRF-Token is missing or of another session: take `csrf` from GET /api/v1/session",
                )
        return person

    def _known(self, origin: RequestOrigin) -> Person:
        person = self._auth.person(origin)
        if person is not None:
            return person
        challenge = {"WWW-Authenticate": "Bearer"}
        if "authorization" in origin.headers:
            raise HttpProblem(401, "unauthenticated", "this Bearer token is not known (any more)", challenge)
        if self._auth.mode is AuthMode.LINK:
            raise HttpProblem(401, "link_needed", "sign in first: `mend page` on this machine makes a link", challenge)
        raise HttpProblem(401, "unauthenticated", "sign in first, or send a Bearer token", challenge)

    async def _while_allowed(self, person: Person, scope: Scope, receive: Receive, send: Send) -> None:
        """A long answer (a live stream) ends within seconds of a sign-out, not when its reader leaves."""
        looked, over = time.monotonic(), False

        async def watched(message: Message) -> None:
            nonlocal looked, over
            if over:
                return
            if message["type"] == "http.response.body" and message.get("more_body"):
                now = time.monotonic()
                if now - looked > RECHECK_SECONDS:
                    looked = now
                    if not self._still(person):
                        over = True
                        await send({"type": "http.response.body", "body": b"", "more_body": False})
                        inner.cancel()
                        return
            await send(message)

        inner = asyncio.ensure_future(self._app(scope, receive, watched))
        try:
            await inner
        except asyncio.CancelledError:
            if not over:
                await cancelled(inner)
                raise

    def _still(self, person: Person) -> bool:
        try:
            return self._auth.still(person)
        except BadPeople:
            return False


def _unknown_host(origin: RequestOrigin) -> HttpProblem:
    detail = f"this observer is not known as {origin.host[:120]!r}; if it should be, name that in OBSERVER_HOSTS"
    return HttpProblem(403, "host", detail)
