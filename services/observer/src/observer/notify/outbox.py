"""state/notify.json: up to where the streams were read, what waits to be told, and what is on its way, in one file.

One file, so that a position never moves on without the news that lay before it. Never holds a target's URL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import structlog
from pydantic import Field, ValidationError

from mesh_core.models.records import Record, Timestamp, sha256_of
from mesh_core.storage.files import write_whole
from observer.notify.notifications import Notification
from observer.notify.triggers import kinds

MAX_WAITING = 500
MAX_MESSAGES = 100
MAX_SEEN = 1000

log = structlog.get_logger()


class Message(Record):
    """A message that some targets have not taken yet; `targets` are their marks."""

    title: str
    body: str
    made_at: Timestamp
    targets: tuple[str, ...]
    tries: int = 0
    next_at: Timestamp


class NotificationOutbox(Record):
    """`sent` are the moments of the last hour's messages, `seen` the keys of the last news, oldest first."""

    schema_version: Literal[1] = 1
    positions: dict[str, str] = Field(default_factory=dict)
    waiting: tuple[Notification, ...] = ()
    messages: tuple[Message, ...] = ()
    sent: tuple[Timestamp, ...] = ()
    seen: tuple[str, ...] = ()
    given_up: int = 0

    def heard(self, stream: str, entry: str, notification: Notification | None) -> tuple[NotificationOutbox, bool]:
        """After an entry of that stream; True if its news pushed an older one out."""
        update: dict[str, object] = {"positions": {**self.positions, stream: entry}}
        full = False
        if notification is not None and notification.key not in self.seen:
            full = len(self.waiting) >= MAX_WAITING
            update["waiting"] = (*self.waiting, notification)[-MAX_WAITING:]
            update["seen"] = (*self.seen, notification.key)[-MAX_SEEN:]
            update["given_up"] = self.given_up + full
        return self.model_copy(update=update), full


def mark_of(url: str) -> str:
    """A target in a file: the same for the same URL, and no way back."""
    return sha256_of(f"mendmesh target {url}")[:16]


def read_outbox(path: Path) -> NotificationOutbox | None:
    """As it was saved; None if there is none, or none that can be read."""
    try:
        outbox = NotificationOutbox.model_validate_json(path.read_bytes())
        known = kinds()  # another version may have known more of them
        return outbox.model_copy(update={"waiting": tuple(one for one in outbox.waiting if one.kind in known)})
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as error:
        log.error("notify.outbox_unreadable", path=str(path), error=str(error)[:300])
        return None


def save_outbox(path: Path, outbox: NotificationOutbox) -> None:
    """Whole, durable. Raises OSError."""
    write_whole(path, outbox.wire(), mode=0o600)
