"""How much a request may bring, and how long it may take. What is too big is refused without being read.

A body is read here, whole and bounded, before any route sees it.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from observer.web.errors import ApiError, answer

BODY_BYTES = 64 * 1024
EDIT_BYTES = 300 * 1024
HOOK_BYTES = 1024 * 1024
BODY_SECONDS = 10.0
ANSWER_SECONDS = 30.0
LINGER_SECONDS = 1.0
LINGER_BYTES = 2 * 1024 * 1024
CLOSE = {"Connection": "close"}  # the rest of the body is not wanted


class Bounds:
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

        async def noticed(message: Message) -> None:
            nonlocal started
            if not started:
                started = True
                bound.reschedule(None)  # a stream may take as long as somebody listens
            await send(message)

        try:
            body = await self._read(scope, receive)
        except ApiError as no:
            await _refuse(no, scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._answer_seconds) as bound:
                await self._app(scope, _again(body, receive), noticed)
        except TimeoutError:
            if started:
                raise
            slow = ApiError(504, "slow", "this took too long and was given up; look whether it happened all the same")
            await answer(slow)(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body. Raises ApiError."""
        limit = limit_for(scope["path"])
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            raise _too_large(limit)
        if not (announced or "transfer-encoding" in headers):
            return b""
        parts: list[bytes] = []
        size, more = 0, True
        try:
            async with asyncio.timeout(self._body_seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(400, "gone", "the connection was closed before the request was whole", CLOSE)
                    part = message.get("body", b"")
                    size, more = size + len(part), message.get("more_body", False)
                    if size > limit:
                        raise _too_large(limit)
                    parts.append(part)
        except TimeoutError:
            raise ApiError(408, "slow", f"the request was not whole after {self._body_seconds:g} s", CLOSE) from None
        return b"".join(parts)


async def _refuse(no: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, and then listen a moment longer: a connection that is cut at once takes the answer with it."""
    end: list[Message] = []

    async def all_but_the_end(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            message = {**message, "more_body": True}
            end.append({"type": "http.response.body", "body": b"", "more_body": False})
        await send(message)

    await answer(no)(scope, receive, all_but_the_end)
    dropped = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while dropped < LINGER_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    break
    for message in end:
        await send(message)


def limit_for(path: str) -> int:
    """How many bytes a request to this path may bring."""
    if path.startswith("/hooks/"):
        return HOOK_BYTES
    return EDIT_BYTES if path.startswith("/api/v1/proposals/") and path.endswith("/edit") else BODY_BYTES


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "too_large", f"a request like this may bring at most {limit} bytes", CLOSE)
