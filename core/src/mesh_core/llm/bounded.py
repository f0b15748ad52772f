"""Answers of model servers, read whole within a bound: hooks for the HTTP clients of the providers. Knows no vendor.

An answer is 16 KiB at most. A server that goes on talking, or sends a small body that unpacks into a huge one, costs a
mebibyte and one try. What is read is what was sent: nothing is unpacked, because nothing packed is asked for. An answer
in another encoding than UTF-8 is handed on in UTF-8, so that no client has to know of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mesh_core.llm.router import ApiError
from mesh_core.models.foreign_text import decoded, encoding_of

MAX_BODY_BYTES = 1024 * 1024  # a gateway's list of models is the longest honest answer
Hook = Callable[[Any], Awaitable[None]]


def bounded(stream_of: Callable[[bytes], object], max_bytes: int = MAX_BODY_BYTES) -> dict[str, list[Hook]]:
    """`event_hooks` for a client of httpx or httpx2; `stream_of` is that library's `ByteStream`.

    A hook sees an answer before the client reads any of it. Raises ApiError out of the request: the clients of the
    vendors pass it on, or name it as the cause of theirs. Header lines are bounded by the library (100 KiB).
    """

    async def ask_plain(request: Any) -> None:
        request.headers["accept-encoding"] = "identity"

    async def read_whole(response: Any) -> None:
        packed = response.headers.get("content-encoding", "identity").strip().lower()
        if packed not in ("", "identity"):
            raise ApiError(response.status_code, f"the body is packed ({packed[:20]!r}), and a plain one was asked for")
        body = bytearray()
        async for chunk in response.stream:
            body += chunk
            if len(body) > max_bytes:
                raise ApiError(response.status_code, f"the body is larger than {max_bytes} bytes")
        await response.stream.aclose()
        media = response.headers.get("content-type", "")
        if encoding_of(body, media) != "utf-8" and isinstance(text := decoded(body, media), str):
            body[:] = text.encode("utf-8", "surrogatepass")
            response.headers["content-type"] = f"{media.partition(';')[0].strip()}; charset=utf-8"
        response.stream = stream_of(bytes(body))

    return {"request": [ask_plain], "response": [read_whole]}
