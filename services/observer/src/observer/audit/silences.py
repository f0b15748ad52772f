"""Who silenced what and until when, written down; by page or `mend` alike, for both only write a file. Reads only.

What was seen last lies in state/silences.seen.json.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mesh_core.approvals.proposal_files import REASON_SUFFIX, actor_and_reason
from mesh_core.storage.files import read_regular, write_whole
from mesh_core.storage.json_files import read_object
from mesh_core.storage.listing import entries
from observer.audit.protocol import Notes
from observer.audit.text import who_and_how

MAX_BYTES = 32 * 1024
MAX_SEEN_BYTES = 4 * 1024 * 1024
MOST = 2000
WORD_SECONDS = 3.0  # a word about why it is over is written right after the rename
ON, OVER = "on", "over"


@dataclass(frozen=True)
class SilenceChange:
    """One line to be written: `verb` is `silence` or `silence_over`; which kind begins the id."""

    verb: str
    actor: str
    how: str
    reason: str


class SilenceSource:
    """Says each silence once when it comes and once when it is over; after a crash perhaps the last one twice."""

    def __init__(self, runtime: Path, notes: Notes, *, wall: Callable[[], float] = time.time):
        self._on, self._over = runtime / "silences", runtime / "silences" / "ended"
        self._file = runtime / "state" / "silences.seen.json"
        self._notes = notes
        self._wall = wall
        self._seen = _read_seen(self._file)

    async def look(self) -> bool:
        """False while one that is over has no word about why yet. Raises OSError: then again later."""
        changes, seen = await asyncio.to_thread(self._changes)
        settled = self._settled
        if seen == self._seen:
            return settled
        for change in changes:
            await self._notes.note(change.verb, change.actor, change.how, reason=change.reason)
        await asyncio.to_thread(write_whole, self._file, json.dumps(seen, indent=1).encode())
        self._seen = seen
        return settled

    def _changes(self) -> tuple[list[SilenceChange], dict[str, str]]:
        changes: list[SilenceChange] = []
        self._settled = True
        seen: dict[str, str] = {}
        on, over = _names(self._on), _names(self._over)
        for name in sorted(on | over):
            path = (self._on if name in on else self._over) / name
            before = self._seen.get(name)
            if before is None and (begun := _begun(path)):
                changes.append(begun)
            if name in on:
                seen[name] = ON
            elif before == OVER:
                seen[name] = OVER
            elif (ended := self._ended(path)) is None:
                seen[name] = before or ON
                self._settled = False
            else:
                changes.append(ended)
                seen[name] = OVER
        return changes, seen

    def _ended(self, path: Path) -> SilenceChange | None:
        """None: whoever ended it may still be writing why."""
        word = path.with_name(path.name + REASON_SUFFIX)
        try:
            text = read_regular(word, MAX_BYTES)
            uid = word.lstat().st_uid if text is not None else None
            young = self._wall() - path.lstat().st_ctime < WORD_SECONDS
        except OSError:
            return None
        if text is None:
            return None if young else SilenceChange("silence_over", "clock", "clock", path.stem)
        actor, reason = actor_and_reason(text)
        who, how = ("planner", "planner") if actor == "planner" else who_and_how(actor, os.getuid(), uid)
        return SilenceChange("silence_over", who, how, f"{path.stem}: {reason}")


def _begun(path: Path) -> SilenceChange | None:
    """None for what is no silence; it counts as seen."""
    value = read_object(path, MAX_BYTES)
    actor, kind = value.get("by"), value.get("kind")
    if not isinstance(actor, str) or not isinstance(kind, str):
        return None
    try:
        who, how = who_and_how(actor, os.getuid(), path.lstat().st_uid)
    except OSError:
        return None
    target = "/".join(str(value[part]) for part in ("node", "service") if value.get(part))
    about = f" ({value['type']})" if value.get("type") else ""
    reason = f": {value['reason']}" if value.get("reason") else ""
    return SilenceChange("silence", who, how, f"{path.stem}, {target}{about} until {value.get('ends_at')}{reason}")


def _names(folder: Path) -> set[str]:
    return set(sorted(e.name for e in entries(folder) if e.name.endswith(".json") and e.name[0] != ".")[:MOST])


def _read_seen(path: Path) -> dict[str, str]:
    seen = read_object(path, MAX_SEEN_BYTES)
    return seen if all(state in (ON, OVER) for state in seen.values()) else {}
