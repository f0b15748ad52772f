"""Who asks, and what the page is told of it. Shapes only."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from mesh_core.people import Role

OPEN_NAME = "web"  # whoever sits at this machine, when nobody has to sign in


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
    """Who is signed in, by what, and until when."""

    name: str
    role: Role
    auth: How = Field(description="open: nobody has to sign in here, so there is nothing to sign out of")
    csrf: str | None = Field(
        description="goes into the header X-CSRF-Token of whatever changes something; null with a Bearer token"
    )
    expires_at: str | None = Field(description="when this session ends at the latest; null without one")


class Login(BaseModel):
    """Either a user with a password, or a token alone."""

    user: str = Field("", max_length=128)
    password: str = Field("", max_length=1024)
    token: str = Field("", max_length=1024)
