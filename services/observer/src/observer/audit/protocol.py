"""What the web asks of an audit log; and the one that keeps nothing, for an app that stands alone in a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from mesh_core.approvals.proposal_files import ActionName
from observer.auth.person import Person


class AuditedDecision(Protocol):
    """Inside `deciding`: what the verb came to."""

    async def done(self, verb: str, name: ActionName, source: str, target: str, reason: str = "") -> None: ...


class Notes(Protocol):
    async def note(self, verb: str, actor: str, how: str, *, reason: str = "", address: str = "") -> object:
        """Something that is no move of a proposal. Raises AuditDown."""


class Audit(Notes, Protocol):
    async def sign_in_failed(self, actor: str, address: str, reason: str) -> None:
        """Raises AuditDown."""

    def deciding(self, person: Person) -> AbstractAsyncContextManager[AuditedDecision]:
        """Around a person's verb. Raises AuditDown before it, when it could not be written down."""


class NullAudit:
    """Keeps nothing."""

    async def note(self, verb: str, actor: str, how: str, *, reason: str = "", address: str = "") -> object:
        return None

    async def sign_in_failed(self, actor: str, address: str, reason: str) -> None:
        return None

    @asynccontextmanager
    async def deciding(self, person: Person) -> AsyncIterator[AuditedDecision]:
        yield _Silent()


class _Silent:
    async def done(self, verb: str, name: ActionName, source: str, target: str, reason: str = "") -> None:
        return None
