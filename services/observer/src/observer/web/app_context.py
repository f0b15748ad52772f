"""What every route needs: where the files are, the bus, the present world, the live stream. Made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from fastapi import Request

from mesh_core.approvals.operator_folders import OperatorFolders
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.approvals.surroundings import SurroundingsReader
from mesh_core.messaging.bus import Bus
from mesh_core.models.records import utc_now
from mesh_core.policy.current_config import ConfigReader
from mesh_core.silences.folder import SilenceFolder
from observer.audit.protocol import Audit, NullAudit
from observer.auth.auth import Auth
from observer.hooks.rules import HookRules
from observer.index.indexer import Indexer
from observer.web.failing_probes import FailingProbesReader
from observer.web.sse import SseBroadcaster
from observer.world import World


@dataclass(frozen=True)
class AppContext:
    """`world()` is the newest folded world; it is immutable, so a route may keep it while it works.

    `auth` is None only for an app without AuthMiddleware, as tests make one.
    """

    runtime: Path
    actions: OperatorFolders
    bus: Bus
    world: Callable[[], World]
    sse: SseBroadcaster
    now: Callable[[], datetime] = utc_now
    auth: Auth | None = None
    audit: Audit = field(default_factory=NullAudit)
    hooks: HookRules = field(default_factory=HookRules)
    index: Indexer | None = None

    @cached_property
    def silences(self) -> SilenceFolder:
        """One for all requests: it reads again only what changed."""
        return SilenceFolder(self.runtime)

    @cached_property
    def requests(self) -> RequestFolder:
        """Likewise, of what is asked for in words."""
        return RequestFolder(self.runtime)

    @cached_property
    def config(self) -> ConfigReader:
        """Likewise, of inventory and policy."""
        return ConfigReader(self.runtime)

    @cached_property
    def surroundings(self) -> SurroundingsReader:
        """Likewise, of what is around the proposals."""
        return SurroundingsReader(self.runtime, self.config)

    @cached_property
    def failing_probes(self) -> FailingProbesReader:
        """Likewise, of the agents' streams."""
        return FailingProbesReader(self.bus)


def get_context(request: Request) -> AppContext:
    """A route's way to it (a FastAPI dependency)."""
    context: AppContext = request.app.state.context
    context.config.remedies.use()  # what a proposal touches and runs, its remedy says
    return context
