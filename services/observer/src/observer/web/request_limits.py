"""How much a request may bring, and how long it may take. What is too big is refused without being read.

A body is read here, whole and bounded, before any route sees it. Only the hooks read theirs themselves, as late as they
can: AuthMiddleware knows nobody there, so until a hook has looked at the key it is a stranger's body.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from observer.web.errors import HttpProblem, error_response

BODY_BYTES = 64 * 1024
EDIT_BYTES = 300 * 1024
HOOK_BYTES = 1024 * 1024
BODY_SECONDS = 10.0
ANSWER_SECONDS = 30.0
PLAYBOOK_SECONDS = 75.0  # a planner may take a minute of it
LINGER_SECONDS = 1.0
LINGER_BYTES = 2 * 1024 * 1024
HOOKS = "/hooks/"
PLAYBOOK = "/api/v1/playbook"


class RequestLimits:
    """An ASGI app around another one."""

    def __init__(self, app: ASGIApp, *, body_seconds: float = BODY_SECONDS, answer_seconds: float = ANSWER_SECONDS):
        self._app = app
        self._body_seconds = body_seconds
        self._answer_seconds = answer_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False
        body = _Body(scope, receive, send)

        async def noticed(message: Message) -> None:
            nonlocal started
            if not started:
                started = True
                bound.reschedule(None)  # a stream may take as long as somebody listens
            await body.send(message)

        try:
            again = body.receive if scope["path"].startswith(HOOKS) else _again(await self._read(body), receive)
            seconds = PLAYBOOK_SECONDS if scope["path"] == PLAYBOOK else self._answer_seconds
            async with asyncio.timeout(seconds) as bound:
                await self._app(scope, again, noticed)
        except HttpProblem as error:
            await error_response(error)(scope, receive, body.send)
        except TimeoutError:
            if started:
                raise
            slow = HttpProblem(
                504, "slow", "this took too long and was given up; look whether it happened all the same"
            )
            await error_response(slow)(scope, receive, body.send)

    async def _read(self, body: _Body) -> bytes:
        """The whole body. Raises ApiError."""
        if body.announced > body.limit:
            raise _too_large(body.limit)
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._body_seconds):
                while not body.over:
                    message = await body.receive()
                    if message["type"] == "http.disconnect":
                        raise HttpProblem(400, "gone", "the connection was closed before the request was whole")
                    parts.append(message.get("body", b""))
        except TimeoutError:
            raise HttpProblem(408, "slow", f"the request was not whole after {self._body_seconds:g} s") from None
        return b"".join(parts)


class _Body:
    """What a request brings, piece by piece. `over`: no more of it will come. An answer that is given before that ends
    the connection: nobody wants the rest.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send):
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "")
        self.limit = limit_for(scope["path"])
        self.announced = int(announced) if announced.isdigit() else 0
        self.over = not (announced or "transfer-encoding" in headers)
        self._receive, self._send = receive, send
        self._size = 0

    async def receive(self) -> Message:
        """The next piece. Raises ApiError when it is one too many."""
        message = await self._receive()
        self.over = not message.get("more_body", False)
        self._size += len(message.get("body", b""))
        if self._size > self.limit:
            raise _too_large(self.limit)
        return message

    async def send(self, message: Message) -> None:
        if self.over:
            await self._send(message)
        elif message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
            await self._send(message)
        elif message.get("more_body"):
            await self._send(message)
        else:
            # Answer, and then listen a moment longer: a connection that is cut at once takes the answer with it.
            await self._send({**message, "more_body": True})
            await self._drop_the_rest()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drop_the_rest(self) -> None:
        dropped = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.over and dropped < LINGER_BYTES:
                    message = await self._receive()
                    dropped += len(message.get("body", b""))
                    self.over = not message.get("more_body", False)


def limit_for(path: str) -> int:
    """How many bytes a request to this path may bring."""
    if path.startswith(HOOKS):
        return HOOK_BYTES
    edits = path.startswith("/api/v1/proposals/") and path.endswith("/edit")
    return EDIT_BYTES if edits or path in (PLAYBOOK, "/api/v1/requests") else BODY_BYTES


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _too_large(limit: int) -> HttpProblem:
    return HttpProblem(413, "too_large", f"a request like this may bring at most {limit} bytes")
