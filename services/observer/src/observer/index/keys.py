"""Numbers for what has long names: event ids as keys in order of time, hashes, search words, steps of latency. Pure.

A key is the milliseconds of the event's entry times 32,768, plus a place among the events of that millisecond: so the
table, its word index and every page of it are in order of time without a second index.
"""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from datetime import UTC, datetime

from mesh_core.models.records import is_name, parse_time, rfc3339
from mesh_core.models.streams import LAST_MS as LAST_MS
from observer.archive.names import day_of as day_of
from observer.archive.names import numbers_of as numbers_of

SLOTS = 1 << 15
DAY_MS = 86_400_000
STEP = 1.12  # one latency step to the next: a percentile is known within half of that

# Every character that SQLite's `ascii` tokenizer keeps, except our own mark; so both sides cut words alike.
MARK = "\ue000"
_WORD = re.compile(r"[0-9A-Za-z\x80-\ud7ff\ue001-\uffff\U00010000-\U0010ffff]+")
MAX_WORDS = 40
MAX_WORD = 40


def parts_of(event_id: str) -> tuple[str, int, int] | None:
    """(node, ms, sequence); None for what is no event id, or one beyond the calendar (made on purpose)."""
    node, _, entry = event_id.rpartition("/")
    numbers = numbers_of(entry)
    return (node, *numbers) if is_name(node) and numbers else None


def first_key(ms: int) -> int:
    """The smallest key that an event of this millisecond can have."""
    return max(0, min(ms, LAST_MS + 1)) * SLOTS


def preferred_key(node: str, ms: int, sequence: int) -> int:
    """The key that an event gets if nobody has it."""
    return ms * SLOTS + zlib.crc32(f"{node}/{sequence}".encode()) % SLOTS


def ms_of(key: int) -> int:
    return key // SLOTS


def number_of(text: str) -> int:
    """63 bits for a long name that is only ever compared: an incident's, an event's."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()) >> 1


def words_of(text: str) -> list[str]:
    """The words under which a text is found, each once."""
    found = dict.fromkeys(word.casefold()[:MAX_WORD] for word in _WORD.findall(text))
    return list(found)[:MAX_WORDS]


def time_of(ms: int) -> str:
    return rfc3339(datetime.fromtimestamp(max(0, min(ms, LAST_MS)) / 1000, UTC))


def ms_at(timestamp: str | None) -> int | None:
    """Milliseconds since 1970 of an RFC 3339 time; None for none, or for a time before 1970."""
    if timestamp is None:
        return None
    ms = round(parse_time(timestamp).timestamp() * 1000)
    return ms if 0 <= ms <= LAST_MS else None


def bounded(value: float, most: float) -> float:
    """A foreign number as one that can be stored and summed up: 0 to `most`; 0 for none at all."""
    if value != value or value < 0:
        return 0.0
    return float(min(value, most))


def latency_step(latency_ms: float) -> int:
    """Which step of a logarithmic ladder a latency is on; 0 for up to a millisecond, 200 for two months and more."""
    if not latency_ms > 1:
        return 0
    return min(200, math.ceil(math.log(latency_ms, STEP))) if math.isfinite(latency_ms) else 200


def latency_at(step: int) -> float:
    """The latency in the middle of a step, in ms."""
    return round(STEP ** (step - 0.5), 1) if step else 0.5


def percentile(steps: dict[int, int], share: float) -> float | None:
    """The latency below which `share` of the cases lie; None without cases."""
    wanted = math.ceil(sum(steps.values()) * share)
    for step in sorted(steps):
        wanted -= steps[step]
        if wanted <= 0 and steps:
            return latency_at(step)
    return None
