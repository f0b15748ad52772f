"""An answer that came in pieces although it was asked for whole: events of a server, put together to one body. Pure.

Some servers and gateways stream whatever they are told. The pieces are the answer, in order: nothing is looked for.
"""

from __future__ import annotations

import json
from typing import Any

PIECES = "pieces"  # a key of what is put together, and the word for it in an attempt's detail
_MARKS = ("event:", "id:", "retry:", ":")


def joined_chunks(raw: bytes) -> dict[str, Any] | None:
    """The body that the server would have sent at once; None where these bytes are no such stream.

    A piece that tells an error is the answer.
    """
    if not raw.lstrip().startswith((b"data:", *(mark.encode() for mark in _MARKS))):
        return None
    whole: dict[str, Any] = {PIECES: True, "choices": []}
    message: dict[str, str] = {}
    stop = None
    for line in raw.decode("utf-8", "replace").splitlines():
        said = line.strip()
        if not said or said.startswith(_MARKS) or (said := said.removeprefix("data:").strip()) == "[DONE]":
            continue
        try:
            piece = json.loads(said)
        except (ValueError, RecursionError):
            return None
        if not isinstance(piece, dict):
            return None
        if piece.get("error"):
            return piece
        whole["usage"] = piece.get("usage") or whole.get("usage")
        choices = piece.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(first, dict):
            stop = first.get("finish_reason") or stop
            for key, text in (first.get("delta") or first.get("message") or {}).items():
                if isinstance(text, str) and key != "role":
                    message[key] = message.get(key, "") + text
    whole["choices"] = [{"message": message, "finish_reason": stop}]
    return whole


def joined_lines(raw: bytes) -> dict[str, Any] | None:
    """The same where an answer came as an object a line, as Ollama streams; None where these bytes are no such one."""
    lines = [line for line in raw.splitlines() if line.strip()]
    try:
        pieces = [json.loads(line) for line in lines] if len(lines) > 1 else []
    except (ValueError, RecursionError):
        return None
    if not pieces or not all(isinstance(piece, dict) for piece in pieces):
        return None
    message: dict[str, Any] = {}
    for piece in pieces:
        if piece.get("error"):
            return dict(piece)
        said = piece.get("message")
        for key, part in (said if isinstance(said, dict) else {}).items():
            more = isinstance(part, str) and isinstance(message.get(key), str) and key != "role"
            message[key] = message[key] + part if more else part
    return {**pieces[-1], "message": message}
