"""What a note or an update says, in the audit log's words: who, by what way, and what was done. Pure."""

from __future__ import annotations

import re

from mesh_core.models.proposals import Folder
from observer.auth.person import OPEN_NAME

_UID = re.compile(r" \(uid (\d{1,10})\)$")
LONGEST = {"who": 160, "reason": 1000, "address": 64}
_WHAT = {
    Folder.APPROVED: "approve",
    Folder.REJECTED: "reject",
    Folder.PENDING: "take_back",
    Folder.RUNNING: "run",
}
BY_PEOPLE = (Folder.APPROVED, Folder.REJECTED, Folder.PENDING)


def what_for(target: str) -> str:
    """The word for a move into this folder; where something ends, the folder's own name says it."""
    return _WHAT[Folder(target)] if target in _WHAT else target


def who_and_how(actor: str, own_uid: int, uid: int | None = None) -> tuple[str, str]:
    """(who, how) out of a note's text. `uid`: whose file the note is, where its text does not say so itself.

    That somebody did it on the web is believed only of a note that this observer wrote.
    """
    match = _UID.search(actor)
    name, owner = (actor[: match.start()], int(match[1])) if match else (actor, uid)
    if name == "mv":
        return "somebody", "mv"
    on_web = name.endswith(" (web)") or name == OPEN_NAME
    if on_web and owner == own_uid:
        return name.removesuffix(" (web)"), "web"
    return (f"{name} (uid {owner})" if owner is not None else name), "mend"


def clean(text: str, limit: int) -> str:
    """At most `limit` characters that can be written as JSON and read back as they were."""
    return text.encode("utf-8", "replace").decode()[:limit]
