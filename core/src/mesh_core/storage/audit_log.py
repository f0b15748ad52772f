"""The audit log's lines and their chain: who decided what, each line sealed with the hash of the one before. Pure.

A line is canonical JSON (keys sorted, ASCII, no blanks), so that every changed byte shows. Only the observer writes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictInt, StringConstraints, ValidationError

from mesh_core.models.records import Record, Timestamp

GENESIS = "0" * 64
MAX_LINE_BYTES = 64 * 1024
MOST_PROBLEMS = 20
DAMAGE = "damage"  # the observer itself found that lines were missing or could not be believed
HEALED = "healed"  # a line that a crash had cut short was set aside
HEAD_KEY = "mesh:audit:head"

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class AuditLine(Record):
    """`ts` is when it was written down, `at` when it happened. `source` is the stream entry that told it, if one did.

    `from` and `to` are folders of actions/. Every field is always there; what does not apply is ''.
    """

    seq: Annotated[StrictInt, Field(ge=1)]
    ts: Timestamp
    at: Timestamp
    who: str
    how: str
    what: str
    action_id: str = ""
    digest: str = ""
    from_folder: str = Field("", alias="from")
    to_folder: str = Field("", alias="to")
    reason: str = ""
    address: str = ""
    source: str = ""
    prev: Hash
    hash: Hash

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    def wire(self) -> bytes:
        """The line as it lies in the file, without its line break."""
        return _canonical(self.model_dump(by_alias=True))


@dataclass(frozen=True)
class Head:
    """The end of the chain: how many lines there are, and the hash that stands for all of them."""

    seq: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


@dataclass(frozen=True)
class AuditReport:
    """What reading the whole log came to. `problems` are sentences that begin with the line; empty: all is well."""

    lines: int
    head: Head
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    first_bad: int | None = None


class BadLine(ValueError):
    """Why this is no line of the log."""


def sealed(head: Head, fields: dict[str, Any], *, seq: int | None = None) -> AuditLine:
    """The next line after `head`. `seq` only where lines are known to be missing."""
    body = {**_EMPTY, **fields, "seq": seq or head.seq + 1, "prev": head.hash}
    return AuditLine.model_validate({**body, "hash": _hash(body)})


def read_line(raw: bytes) -> AuditLine:
    """Raises BadLine: not canonical, not a line, or its own hash does not fit it."""
    if len(raw) > MAX_LINE_BYTES:
        raise BadLine("is longer than any line that is ever written")
    try:
        value = json.loads(raw)
        line = AuditLine.model_validate(value)
    except (ValueError, RecursionError, ValidationError):
        raise BadLine("is no line of this log") from None
    body = {key: part for key, part in value.items() if key != "hash"}
    if _hash(body) != line.hash:
        raise BadLine("was changed: its hash does not fit it")
    if line.wire() != raw:
        raise BadLine("was changed: not the bytes that were written")
    return line


class Chain:
    """Follows the lines one by one and remembers what does not fit; `verify` is the whole of it."""

    def __init__(self, anchors: Iterable[tuple[str, Head]] = ()):
        self.head = Head()
        self.number = 0
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.first_bad: int | None = None
        self._anchors = [(where, anchor) for where, anchor in anchors if anchor.seq]
        self._met: dict[int, str] = {}
        self._lost = False  # the line before could not be read: what follows it cannot be told

    def follow(self, raw: bytes) -> AuditLine | None:
        """The next line, with its line break; None if it is none."""
        self.number += 1
        try:
            if not raw.endswith(b"\n"):
                raise BadLine("has no end: it was cut short (the observer sets such a piece aside when it starts)")
            line = read_line(raw[:-1])
        except BadLine as error:
            self._bad(f"line {self.number} {error}")
            self._lost = True
            return None
        if problem := self._misfit(line):
            self._bad(f"line {self.number} {problem}")
        if line.what == HEALED:
            self.notes.append(f"line {self.number}: {line.reason}")
        self.head, self._lost = Head(line.seq, line.hash), False
        if any(anchor.seq == line.seq for _, anchor in self._anchors):
            self._met[line.seq] = line.hash
        return line

    def verdict(self) -> AuditReport:
        """After the last line: does the log hold what was noted elsewhere?"""
        for where, anchor in self._anchors:
            if anchor.seq > self.head.seq:
                self._bad(
                    f"the log ends with number {self.head.seq}, but {where} knows of {anchor.seq}: its end was cut off"
                )
            elif self._met.get(anchor.seq) != anchor.hash:
                self._bad(f"number {anchor.seq} is not the line that {where} knows: the log was written anew")
        return AuditReport(self.number, self.head, tuple(self.problems), tuple(self.notes), self.first_bad)

    def _misfit(self, line: AuditLine) -> str | None:
        expected = self.head.seq + 1
        if self._lost:
            return None if line.seq >= expected else f"has the number {line.seq} a second time"
        if line.prev != self.head.hash:
            return "does not follow the line before it: something was changed, taken out or put in there"
        if line.what == DAMAGE and line.seq > expected:
            return f"follows a gap: {expected} to {line.seq - 1} are missing, as the observer saw at {line.ts}"
        if line.seq != expected:
            return f"has the number {line.seq}, where {expected} comes next"
        return f"tells of damage that the observer found: {line.reason}" if line.what == DAMAGE else None

    def _bad(self, sentence: str) -> None:
        self.first_bad = self.number if self.first_bad is None else self.first_bad
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(sentence)


def verify(lines: Iterable[bytes], anchors: Iterable[tuple[str, Head]] = ()) -> AuditReport:
    """The whole log, line by line (each with its line break), against heads that were noted elsewhere."""
    chain = Chain(anchors)
    for raw in lines:
        chain.follow(raw)
    return chain.verdict()


def head_in(text: str | bytes) -> Head | None:
    """`SEQ:HASH` as it is noted; None for anything else."""
    words = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    seq, _, value = words.strip().partition(":")
    good = (
        seq.isascii()
        and seq.isdigit()
        and len(seq) < 19
        and len(value) == 64
        and not set(value) - set("0123456789abcdef")
    )
    return Head(int(seq), value) if good else None


def audit_path(runtime: Path) -> Path:
    return runtime / "audit" / "audit.jsonl"


def head_path(runtime: Path) -> Path:
    return runtime / "state" / "audit.head"


_SEQ = re.compile(r"[0-9]{1,18}")
_HASH = re.compile(r"[0-9a-f]{64}")
_EMPTY = {"action_id": "", "digest": "", "from": "", "to": "", "reason": "", "address": "", "source": ""}


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _hash(body: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical(body)).hexdigest()
