"""What every route stands on: where the files are, the bus, the present world, the live stream. Made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from fastapi import Request

from mesh_core.approvals.store import Actions
from mesh_core.messaging.bus import Bus
from mesh_core.silences.folder import SilenceFolder
from observer.audit.protocol import Audit, NullAudit
from observer.auth.auth import Auth
from observer.hooks.rules import HookRules
from observer.index.indexing import Indexing
from observer.live import Live
from observer.world import World


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Room:
    """`world()` is the newest folded world; it is immutable, so a route may keep it while it works.

    `auth` is None only for an app without a gate, as tests make one.
    """

    runtime: Path
    actions: Actions
    bus: Bus
    world: Callable[[], World]
    live: Live
    now: Callable[[], datetime] = _now
    auth: Auth | None = None
    audit: Audit = field(default_factory=NullAudit)
    hooks: HookRules = field(default_factory=HookRules)
    index: Indexing | None = None

    @cached_property
    def silences(self) -> SilenceFolder:
        """One for all requests: it reads again only what changed."""
        return SilenceFolder(self.runtime)

    @property
    def policy_file(self) -> Path:
        return self.runtime / "config" / "policy.yml"


def room_of(request: Request) -> Room:
    """A route's way to the room (a FastAPI dependency)."""
    room: Room = request.app.state.room
    return room
