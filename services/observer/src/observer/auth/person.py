"""Who asks, and what the page is told of it. Shapes only."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from mesh_core.people import Role

OPEN_NAME = "web"  # whoever sits at this machine, when nobody has to sign in
RESERVED = frozenset({OPEN_NAME, "mv", "mend", "executor", "observer", "planner", "somebody"})


class How(StrEnum):
    """By what somebody is known."""

    OPEN = "open"  # nobody has to sign in here
    SESSION = "session"  # the cookie of a sign-in
    TOKEN = "token"  # noqa: S105 - `Authorization: Bearer`


class Mode(StrEnum):
    OPEN = "open"  # on loopback with nothing configured: everybody on this machine is an operator
    REQUIRED = "required"


class Person(BaseModel):
    """`name` goes into notes and the audit log. `session`: the digest of a session's id, or a token's mark."""

    name: str
    role: Role
    how: How = How.OPEN
    address: str = ""
    session: str = ""

    @property
    def note(self) -> str:
        """What is written beside a file that this person moved."""
        return f"{self.name} (web)" if self.name != OPEN_NAME else self.name


class SessionOut(BaseModel):
    """GET /session, and what POST /login answers. `name` null: show the sign-in form."""

    mode: Mode
    name: str | None = None
    role: Role | None = None
    how: How | None = None
    csrf_token: str | None = Field(
        None, description="goes into the header X-CSRF-Token of every request that changes something, but for Bearer"
    )
    expires_at: str | None = Field(None, description="when this session ends at the latest; null without one")


class Login(BaseModel):
    """Either a user with a password, or a token alone."""

    user: str = Field("", max_length=128)
    password: str = Field("", max_length=1024)
    token: str = Field("", max_length=1024)
