"""What changed in config/users.yml, written down: who may come in is a decision, too. Reads only.

The file's owner is the one who wrote it, as the kernel knows them. What was seen last lies in state/users.seen.json.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

from mesh_core.security.users import People
from mesh_core.storage.files import write_whole
from mesh_core.storage.json_files import read_object
from observer.audit.auditor import user_name
from observer.audit.protocol import Notes
from observer.auth.credentials import UserStore, mark_of

MAX_SEEN_BYTES = 4 * 1024 * 1024


class UserSource:
    """Says each change once; after a crash in between perhaps the last one twice."""

    def __init__(self, book: UserStore, notes: Notes, people_file: Path, seen_file: Path):
        self._book = book
        self._notes = notes
        self._people_file = people_file
        self._file = seen_file
        self._seen = _read(seen_file)

    async def look(self) -> bool:
        """Raises BadPeople and OSError: then again later."""
        there = marks(self._book.people())
        if there == self._seen:
            return True
        try:
            uid = self._people_file.lstat().st_uid
            who = f"{user_name(uid)} (uid {uid})"
        except FileNotFoundError:
            who = "somebody"
        for what, sentence in changes(self._seen, there):
            await self._notes.note(what, who, "mend", reason=sentence)
        await asyncio.to_thread(write_whole, self._file, json.dumps(there, indent=1).encode(), mode=0o600)
        self._seen = there
        return True


def marks(people: People) -> dict[str, list[str]]:
    """{kind and name: [role, what lets them in, as a hash]}: enough to see a change, nothing to come in with."""
    found = {f"user {name}": [user.role.value, mark_of(user.password)] for name, user in people.users.items()}
    return found | {f"token {name}": [token.role.value, mark_of(token.sha256)] for name, token in people.tokens.items()}


def changes(before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    """(what, a sentence) for each difference. Pure."""
    found = []
    for name in sorted({*before, *after}):
        kind, old, new = name.partition(" ")[0], before.get(name), after.get(name)
        if new is None:
            found.append((f"{kind}_removed", f"{name} may not come in any more"))
        elif old is None:
            found.append((f"{kind}_added", f"{name} may come in as {new[0]}"))
        else:
            if old[0] != new[0]:
                found.append((f"{kind}_role", f"{name} is {new[0]} now, and was {old[0]}"))
            if old[1] != new[1]:
                found.append((f"{kind}_secret", f"{name} has a new {'password' if kind == 'user' else 'token'}"))
    return found


def _read(path: Path) -> dict[str, list[str]]:
    seen = read_object(path, MAX_SEEN_BYTES)
    return seen if all(isinstance(mark, list) and len(mark) == 2 for mark in seen.values()) else {}
