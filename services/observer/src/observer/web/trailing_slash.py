"""A path with a slash at its end is the path without it: answered at once, and nobody is sent elsewhere.

The framework's own way is a redirect to an address that it makes of the request: behind a proxy that speaks TLS that is
`http://`, and whoever follows it sends the alert and its key in clear.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class TrailingSlash:
    """An ASGI app around all others: who is asked for what is decided by the same path everywhere."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].removesuffix("/")}
        await self._app(scope, receive, send)
