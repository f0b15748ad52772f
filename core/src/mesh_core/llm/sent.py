"""What was sent to which model, in requests/sent-<12 hex>.jsonl, for whoever wants to see it: `mend show ID --sent`.

A line is written before a prompt leaves, so that a planner that dies meanwhile hides nothing. The 12 hex are of the
sha256 of what the prompt is about, as in a proposal's id. Files go with the requests of their age, after 30 days.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mesh_core.models.records import sha256_of
from mesh_core.models.strict_json import Refusal, parse_object
from mesh_core.storage.files import read_regular, shared_mode

MAX_FILE_BYTES = 512 * 1024  # beyond it nothing more is kept about one event or request
_TO_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class SentPrompt:
    """`to` is the provider's name in the chain; `system` and `user` are the texts as the provider was handed them."""

    ts: str
    to: str
    vendor: str
    model: str
    outside: bool
    system: str
    user: str


def sent_file(runtime: Path, about: str) -> Path:
    return runtime / "requests" / f"sent-{sha256_of(about)[:12]}.jsonl"


def note_sent(runtime: Path, about: str, sent: SentPrompt) -> OSError | None:
    """One more line; what kept it from being written, where it could not be."""
    path = sent_file(runtime, about)
    line = json.dumps(asdict(sent), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    try:
        mode = shared_mode(path.parent)
        descriptor = os.open(path, _TO_APPEND, mode)
        try:
            os.fchmod(descriptor, mode)  # whatever our umask
            if os.fstat(descriptor).st_size + len(line) > MAX_FILE_BYTES:
                return OSError(f"{path.name} is full")
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
    except OSError as error:
        return error
    return None


def read_sent(runtime: Path, about: str) -> list[SentPrompt]:
    """In the order in which they left; a line that cannot be read is left out. Empty where nothing is kept."""
    raw = read_regular(sent_file(runtime, about), MAX_FILE_BYTES) or b""
    rows = [parse_object(line, max_bytes=MAX_FILE_BYTES) for line in raw.splitlines()]
    return [one for row in rows if not isinstance(row, Refusal) and (one := _sent(row))]


def _sent(row: dict[str, Any]) -> SentPrompt | None:
    words = [row.get(name) for name in ("ts", "to", "vendor", "model", "system", "user")]
    if not all(isinstance(word, str) for word in words) or not isinstance(row.get("outside"), bool):
        return None
    ts, to, vendor, model, system, user = map(str, words)
    return SentPrompt(ts, to, vendor, model, bool(row["outside"]), system, user)
