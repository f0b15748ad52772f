"""What Redis answers, in one form: by command and protocol a client gives lists or mappings, bytes or text. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any


def text_of(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def texts_of(keys: Iterable[bytes]) -> set[str]:
    """Those that are text: what somebody called otherwise is none of ours, and no reason to read nothing else."""
    found = set()
    for key in keys:
        with suppress(UnicodeDecodeError):
            found.add(key.decode())
    return found


def pairs_of(reply: Any) -> dict[str, Any]:
    """Names and values of a mapping, or of a list that holds them in turn."""
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {text_of(name): value for name, value in pairs}


def info_of(reply: Any) -> dict[str, Any]:
    """INFO's values by name."""
    if isinstance(reply, dict):
        return reply
    lines = bytes(reply).decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
