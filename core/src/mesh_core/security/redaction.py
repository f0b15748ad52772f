"""Text that may be kept and shown: capped, without control characters, without secrets. Pure; never raises.

Each field is capped before any pattern looks at it, and every pattern is linear: a hostile payload costs milliseconds.
The node agent redacts before anything leaves its host, a hook before anything enters, the planner before it keeps or
shows a thing. What is a secret is found in `secrets_in_text.py`.
"""

from __future__ import annotations

import re
from typing import Any

from mesh_core.security.secret_names import is_secret_name
from mesh_core.security.secret_values import HIDDEN
from mesh_core.security.secrets_in_text import without_secrets

MAX_FIELD_BYTES = 2048
LOOKED_BEFORE = 512
MAX_KEPT_DEPTH = 8
MAX_KEPT_ITEMS = 100
MAX_KEPT_FIELDS = 2000  # a proposal is indented: 30,000 small numbers in 64 KiB would become half a megabyte


def pruned(value: Any) -> Any:
    """Any JSON value with secrets hidden, strings redacted, depth, lengths and numbers of fields bounded."""
    return _pruned(value, 0, [MAX_KEPT_FIELDS])


def redacted(text: str) -> str:
    """Capped to MAX_FIELD_BYTES (the end is kept: in a log it says most), then cleaned, then without secrets."""
    # More than is kept is looked through: a cut between a secret's name and the secret would show it.
    return tail(without_secrets(clean(tail(text, MAX_FIELD_BYTES + LOOKED_BEFORE)))).strip()


def clean(text: str) -> str:
    """Without control and direction characters, invisible ones and terminal escapes; line breaks and tabs stay."""
    return _UNSEEN.sub("", _ESCAPES.sub("", text.encode("utf-8", "replace").decode()))


_ESCAPES = re.compile(r"\x1b\[[0-9;?]{0,24}[@-~]|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|\x1b.?")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def _pruned(value: Any, depth: int, left: list[int]) -> Any:
    """The same value with secrets hidden, strings redacted, depth and numbers bounded; `left` counts down."""
    left[0] -= 1
    if left[0] < 0:
        return "(more)"
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict | list) and depth >= MAX_KEPT_DEPTH:
        return "(deeper)"
    if isinstance(value, dict):
        # {"name": "DB_PASSWORD", "value": "..."}: how Kubernetes and compose write an environment
        named = any(is_secret_name(str(value.get(key, ""))) for key in ("name", "key"))
        return {
            clean(str(key)[:200]): HIDDEN
            if child not in (None, "", True, False) and (is_secret_name(str(key)) or (named and key == "value"))
            else _pruned(child, depth + 1, left)
            for key, child in list(value.items())[:MAX_KEPT_ITEMS]
            if left[0] > 0
        }
    if is_lines(value) and any("-----BEGIN" in line for line in value):
        return redacted("\n".join(value)).split("\n")  # a key over several lines is one secret
    if isinstance(value, list):
        kept = value[-MAX_KEPT_ITEMS:]
        return [
            # ["--password", "..."]: how a container's command is listed
            HIDDEN if _is_secret_option(before) and isinstance(item, str) else _pruned(item, depth + 1, left)
            for before, item in zip([None, *kept], kept, strict=False)
            if left[0] > 0
        ]
    return value


def _is_secret_option(item: Any) -> bool:
    return isinstance(item, str) and item.startswith("-") and "=" not in item and is_secret_name(item)


def is_lines(value: Any) -> bool:
    """Is this a list of nothing but strings?"""
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def tail(text: str, limit: int = MAX_FIELD_BYTES) -> str:
    """The last `limit` bytes, from a line or word break on: half a secret would slip past its pattern."""
    raw = text[-limit:].encode("utf-8", "replace")
    if len(raw) <= limit and len(text) <= limit:
        return text
    cut = raw[-limit:].decode("utf-8", "ignore")
    for stop in ("\n", " "):
        _, found, rest = cut.partition(stop)
        if found and rest.strip():
            return "..." + rest
    return "(one long word, left out)"
