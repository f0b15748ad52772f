"""Text that may be kept and shown: capped, without control characters, without secrets. Pure; never raises.

Each field is capped before any pattern looks at it, and every pattern is linear: a hostile payload costs milliseconds.
"""

from __future__ import annotations

import re
from typing import Any

MAX_FIELD_BYTES = 2048
MAX_KEPT_DEPTH = 8
MAX_KEPT_ITEMS = 100
MAX_KEPT_FIELDS = 2000  # a proposal is indented: 30,000 small numbers in 64 KiB would become half a megabyte
HIDDEN = "***"


def pruned(value: Any) -> Any:
    """Any JSON value with secrets hidden, strings redacted, depth, lengths and numbers of fields bounded."""
    return _pruned(value, 0, [MAX_KEPT_FIELDS])


def redacted(text: str) -> str:
    """Capped to MAX_FIELD_BYTES (the end is kept: in a log it says most), then cleaned, then without secrets."""
    text = clean(tail(text))
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text.strip()


def clean(text: str) -> str:
    """Without control and direction characters, invisible ones and terminal escapes; line breaks and tabs stay."""
    return _UNSEEN.sub("", _ESCAPES.sub("", text.encode("utf-8", "replace").decode()))


def is_secret_name(name: str) -> bool:
    """Is a field of this name a secret, whatever it holds?"""
    return _SECRET_NAME.search(name[:200]) is not None


_WORDS = (
    r"pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key|credential"
    r"|authorization|cookie|session[_-]?id|dsn"
)
_VALUE = r"(\"[^\"\n]{1,2048}\"|'[^'\n]{1,2048}'|[^\s,;&'\"\])}]{1,2048})"
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]{0,24}[@-~]|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|\x1b.?")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}-----|\Z)", re.DOTALL), HIDDEN),
    # https://user:password@host, and https://token@host
    (re.compile(r"://[^\s/@'\"]{1,512}@"), f"://{HIDDEN}@"),
    (
        re.compile(r"\b(bearer|basic|digest|negotiate)[ \t]{1,8}[A-Za-z0-9._~+/=-]{6,2048}", re.IGNORECASE),
        rf"\1 {HIDDEN}",
    ),
    # name=value, "name": "value": the name holds one of the words
    (
        re.compile(rf"((?:{_WORDS})[A-Za-z0-9_-]{{0,40}}['\"]?[ \t]{{0,4}}[:=][ \t]{{0,4}}){_VALUE}", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    # --name value; without the dashes "token expired" would lose its sense
    (
        re.compile(rf"(--[a-z0-9_-]{{0,30}}(?:{_WORDS})[a-z0-9_-]{{0,30}}[ \t]{{1,4}}){_VALUE}", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    # tokens that are known by their own look
    (
        re.compile(
            r"\b(?:sk-[A-Za-z0-9_-]{12,512}|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}"
            r"|glpat-[A-Za-z0-9_-]{16,255}|xox[abeprs]-[A-Za-z0-9-]{10,255}|hf_[A-Za-z0-9]{20,255}"
            r"|A(?:KIA|SIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,60}|eyJ[A-Za-z0-9_-]{8,1024}\.[A-Za-z0-9_.-]{8,2048}"
            r"|npm_[A-Za-z0-9]{20,80}|tskey-[A-Za-z0-9-]{10,120}|[0-9]{8,10}:AA[A-Za-z0-9_-]{30,40})"
        ),
        HIDDEN,
    ),
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
        return [_pruned(item, depth + 1, left) for item in value[-MAX_KEPT_ITEMS:] if left[0] > 0]
    return value


def is_lines(value: Any) -> bool:
    """Is this a list of nothing but strings?"""
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def tail(text: str) -> str:
    """The last MAX_FIELD_BYTES, from a line or word break on: half a secret would slip past its pattern."""
    raw = text[-MAX_FIELD_BYTES:].encode("utf-8", "replace")
    if len(raw) <= MAX_FIELD_BYTES and len(text) <= MAX_FIELD_BYTES:
        return text
    cut = raw[-MAX_FIELD_BYTES:].decode("utf-8", "ignore")
    for stop in ("\n", " "):
        _, found, rest = cut.partition(stop)
        if found and rest.strip():
            return "..." + rest
    return "(one long word, left out)"
