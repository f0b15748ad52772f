"""What lies in the action folders: names with digests, notes of who said yes, and reading them without any risk.

Moves nothing (`action_folders.py` and those over it do), believes nothing it reads.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from mesh_core.models.foreign_text import text_of
from mesh_core.models.proposals import Proposal
from mesh_core.storage.files import read_regular

_FILE_NAME = re.compile(r"(plan-[A-Za-z0-9][A-Za-z0-9._@-]{0,240}-[0-9a-f]{12})\.([0-9a-f]{16})\.json")

REASON_SUFFIX = ".reason.txt"

BY_SUFFIX = ".by.txt"


@dataclass(frozen=True)
class ActionName:
    """The name of a proposal's file: which proposal, and the first 16 hex of the sha256 of its bytes."""

    id: str
    digest: str

    @property
    def file(self) -> str:
        return f"{self.id}.{self.digest}.json"


@dataclass(frozen=True)
class Approval:
    """Who said yes. `uid` is the note's owner as the kernel knows it; None when the file was moved by hand."""

    actor: str
    uid: int | None


@dataclass(frozen=True)
class Filed:
    """A proposal that lies in a folder, with its path and its bytes' record."""

    name: ActionName
    path: Path
    proposal: Proposal


@dataclass(frozen=True)
class Receipt:
    """Which draft became the proposal (`token`), and the update that tells of it; none for one that a restore left."""

    token: str
    update: bytes

    def wire(self) -> bytes:
        return self.token.encode() + b"\n" + self.update

    @classmethod
    def read(cls, raw: bytes) -> Receipt:
        token, _, update = raw.partition(b"\n")
        return cls(token.decode("ascii", "replace"), update)


def short_id(action_id: str) -> str:
    """The hex at the end of a proposal's id, by which people call it."""
    return action_id.rpartition("-")[2]


def digest_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:16]


def name_of(file_name: str) -> ActionName | None:
    """The parts of a well-formed file name; None for any other."""
    match = _FILE_NAME.fullmatch(file_name)
    return ActionName(match[1], match[2]) if match else None


def is_beside(name: str) -> bool:
    """Is it no proposal, but a note beside one, or hidden because somebody is writing it?"""
    return name.startswith(".") or name.endswith((REASON_SUFFIX, BY_SUFFIX))


def actor_and_reason(note: bytes) -> tuple[str, str]:
    """Of a reason file; one that nobody signed was typed by hand: by `mv`, then."""
    actor, reason = signed_reason(text_of(note))
    return actor.strip()[:128] or "mv", " ".join(reason.split())[:1000]


def signed_reason(note: str) -> tuple[str, str]:
    """(who, reason) of a reason file as `reject` writes it: the reason, then `-- who`; '' where nobody signed."""
    lines = note.strip().splitlines()
    actor = lines.pop()[3:] if lines and lines[-1].startswith("-- ") else ""
    return actor, " ".join(lines)


def approval_at(note: Path) -> Approval:
    """What a note beside an approved file says: one line of printable text, 128 characters at most."""
    text = read_regular(note, 512)
    if text is None:
        return Approval("mv", None)
    words = "".join(c for c in text.decode("utf-8", "replace") if c.isprintable()).strip()[:128] or "somebody"
    try:
        uid = note.lstat().st_uid
    except FileNotFoundError:
        return Approval(words, None)
    return Approval(f"{words} (uid {uid})", uid)
