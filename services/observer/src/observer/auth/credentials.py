"""Who is known right now: config/users.yml, read again when it changes, and OBSERVER_TOKENS. Checks no password.

A broken users.yml closes the door for everybody until it is mended: whom it meant to keep out cannot be known.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from mesh_core.security.users import RESERVED, BadPeople, People, PersonName, Role, User, read_people, token_digest
from mesh_core.storage.file_stamp import WhenChanged, stamp_of
from observer.auth.person import AuthMode

LINK_MARK = "link"  # of a session that a one-time link opened; no password and no token has this mark
SHORTEST_TOKEN = 32  # characters of a token that somebody made up for OBSERVER_TOKENS
_NAME = TypeAdapter(PersonName)

log = structlog.get_logger()


@dataclass(frozen=True)
class Account:
    """A token's owner, or a user who may have a session; `mark` changes when what lets them in changes."""

    name: str
    role: Role
    mark: str


class UserStore:
    """`loopback`: only this machine can reach us. Blocks for one stat per question, about 2 microseconds."""

    def __init__(self, path: Path, given: Mapping[str, tuple[Role, str]], *, loopback: bool):
        self._path = path
        self._given = {token_digest(token): (name, role) for name, (role, token) in given.items()}
        self._loopback = loopback
        self._read = WhenChanged(self._read_people, lambda: stamp_of(path))
        self._was_listed = False

    @property
    def mode(self) -> AuthMode:
        """Listed once anybody is, until the observer starts anew: a deleted file opens no other door."""
        if not self._was_listed:
            self._was_listed = not self._loopback or bool(self._given) or self._configured()
        return AuthMode.LISTED if self._was_listed else AuthMode.LINK

    @property
    def empty(self) -> bool:
        """Could nobody sign in? Raises BadPeople."""
        return not self._given and self.people().empty

    def people(self) -> People:
        """As the file is now. Raises BadPeople."""
        people = self._read.value()
        if isinstance(people, str):
            raise BadPeople(people)
        return people

    def _read_people(self) -> People | str:
        try:
            return read_people(self._path)
        except (BadPeople, OSError) as error:
            log.error("auth.users_unusable", reason=str(error))
            return str(error)

    def user(self, name: str) -> User | None:
        """Raises BadPeople."""
        return None if name in RESERVED else self.people().users.get(name)

    def token(self, token: str) -> Account | None:
        """Whose token this is. Every known one is compared, in constant time. Raises BadPeople."""
        digest, found = token_digest(token), None
        for candidate, (name, role) in self._tokens().items():
            if hmac.compare_digest(candidate, digest) and name not in RESERVED:
                found = Account(name, role, mark_of(digest))
        return found

    def still(self, name: str, mark: str) -> Account | None:
        """Who had a session under this name and mark, if that is still what lets them in. Raises BadPeople."""
        if mark == LINK_MARK:
            return link_account(name) if self.mode is AuthMode.LINK else None
        people = self.people()
        if (user := people.users.get(name)) and hmac.compare_digest(mark_of(user.password), mark):
            return Account(name, user.role, mark)
        for digest, (owner, role) in self._tokens().items():
            if owner == name and hmac.compare_digest(mark_of(digest), mark):
                return Account(name, role, mark)
        return None

    def _tokens(self) -> dict[str, tuple[str, Role]]:
        return {entry.sha256: (name, entry.role) for name, entry in self.people().tokens.items()} | self._given

    def _configured(self) -> bool:
        try:
            return not self.people().empty
        except BadPeople:
            return True


def link_account(name: str) -> Account:
    """Who came by a one-time link: they may write into the observer's own folders, so they may decide."""
    return Account(name, Role.OPERATOR, LINK_MARK)


def mark_of(secret: str) -> str:
    """What a session remembers of the password's hash or the token's digest that it was opened with."""
    return hashlib.sha256(f"mark:{secret}".encode()).hexdigest()


def read_tokens(text: str) -> dict[str, tuple[Role, str]]:
    """OBSERVER_TOKENS, `NAME:ROLE:TOKEN` separated by blanks or commas. ValueError that never shows a token."""
    found: dict[str, tuple[Role, str]] = {}
    for number, part in enumerate(text.replace(",", " ").split(), 1):
        name, role, token = [*part.split(":", 2), "", ""][:3]
        where = f"entry {number}"
        try:
            _NAME.validate_python(name)
            found_role = Role(role)
        except (ValidationError, ValueError):
            raise ValueError(
                f"{where} wants NAME:ROLE:TOKEN, the name in lower case, the role viewer or operator"
            ) from None
        if name in RESERVED or name in found:
            raise ValueError(f"{where}: the name {name} is taken")
        if len(token) < SHORTEST_TOKEN or len(set(token)) < 8:
            raise ValueError(
                f"{where}: a token needs at least {SHORTEST_TOKEN} random characters; `openssl rand -hex 32` makes one"
            )
        found[name] = (found_role, token)
    return found
