"""Who asks, and what the page is told of it. Shapes only."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from mesh_core.security.users import Role

OPEN_NAME = "web"  # whoever sat at this machine, when nobody had to sign in; old notes say it


class AuthMethod(StrEnum):
    """By what somebody is known."""

    OPEN = "open"  # an app without AuthMiddleware, as only tests make one
    SESSION = "session"  # the cookie of a sign-in
    TOKEN = "token"  # noqa: S105 - `Authorization: Bearer`


class AuthMode(StrEnum):
    LINK = "link"  # on loopback with nobody listed: who has a one-time link of `mend up` or `mend page`
    LISTED = "listed"  # who is in config/users.yml or OBSERVER_TOKENS


class Person(BaseModel):
    """`name` goes into notes and the audit log. `session`: the digest of a session's id, or a token's mark."""

    name: str
    role: Role
    how: AuthMethod = AuthMethod.OPEN
    address: str = ""
    session: str = ""

    @property
    def note(self) -> str:
        """What is written beside a file that this person moved; the note's owner says the uid."""
        return f"{self.name.partition(' (uid ')[0]} (web)" if self.name != OPEN_NAME else self.name


class SessionOut(BaseModel):
    """Who is signed in, by what, and until when."""

    name: str
    role: Role
    auth: AuthMethod = Field(description="session: a cookie, which signing out ends; token: `Authorization: Bearer`")
    csrf: str | None = Field(
        description="goes into the header X-CSRF-Token of whatever changes something; null with a Bearer token"
    )
    expires_at: str | None = Field(description="when this session ends at the latest; null without one")


class Login(BaseModel):
    """A user with a password, or a token alone, or the token of a one-time link alone."""

    user: str = Field("", max_length=128)
    password: str = Field("", max_length=1024)
    token: str = Field("", max_length=1024)
    link: str = Field("", max_length=128)
