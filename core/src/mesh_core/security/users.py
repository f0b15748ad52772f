"""config/users.yml: who may sign in at the observer, as what. Holds hashes only; passwords.py makes and checks them.

A file that cannot be used is an error with a sentence, never an empty list: nobody gets in by breaking it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, StringConstraints, ValidationError

from mesh_core.models.config_file import said_of_value
from mesh_core.models.records import Record, Timestamp
from mesh_core.security.people_text import edited
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.files import read_regular, shared_mode, write_whole

MAX_PEOPLE_BYTES = 1024 * 1024
TOKEN_PREFIX = "mend_"  # noqa: S105 - secret scanners know a leaked one by it
LOCK_NAME = ".users.lock"
HEAD = "# Who may sign in at the observer. Written by `mend users`; passwords and tokens are in here only as hashes.\n"

RESERVED = frozenset({"web", "mv", "mend", "executor", "observer", "planner", "somebody"})  # mean something in notes

PersonName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Role(StrEnum):
    VIEWER = "viewer"  # may look
    OPERATOR = "operator"  # may look and decide


class User(Record):
    """Signs in with a password; `password` is its argon2id hash."""

    role: Role
    password: Annotated[str, StringConstraints(pattern=r"^\$argon2id\$.{20,400}$")]
    since: Timestamp


class Token(Record):
    """Lets a program in; it has 256 random bits, so that a plain sha256 of it gives nothing away."""

    role: Role
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    since: Timestamp


class People(Record):
    users: dict[PersonName, User] = Field(default_factory=dict)
    tokens: dict[PersonName, Token] = Field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return not self.users and not self.tokens

    def with_user(self, name: str, user: User | None) -> People:
        """None takes the user out."""
        rest = {known: value for known, value in self.users.items() if known != name}
        return People(users=rest | ({name: user} if user else {}), tokens=self.tokens)

    def with_token(self, name: str, token: Token | None) -> People:
        rest = {known: value for known, value in self.tokens.items() if known != name}
        return People(users=self.users, tokens=rest | ({name: token} if token else {}))


class BadPeople(ValueError):
    """The file cannot be used; the text says why, with the file's path."""


def people_path(runtime: Path) -> Path:
    return runtime / "config" / "users.yml"


def read_people(path: Path) -> People:
    """Who is in the file; nobody when there is none. Raises BadPeople."""
    if not os.path.lexists(path):
        return People()
    raw = read_regular(path, MAX_PEOPLE_BYTES)
    if raw is None:
        raise BadPeople(f"{path} cannot be read: it must be a regular file of at most 1 MiB that this service may read")
    if stat.S_IMODE(path.stat().st_mode) & stat.S_IWOTH:
        raise BadPeople(
            f"{path} may be written by everybody on this host, who could so let themselves in: chmod 640 it"
        )
    try:
        return People.model_validate(yaml.safe_load(raw) or {})
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        raise BadPeople(f"{path} is no YAML{f' (line {where.line + 1})' if where else ''}") from None
    except (ValidationError, RecursionError, TypeError) as error:
        # Only where, never what: the value may be a password that somebody typed in the wrong place.
        first = error.errors(include_input=False)[0] if isinstance(error, ValidationError) else None
        place = ".".join(str(part) for part in first["loc"]) if first else "the whole of it"
        raise BadPeople(f"{path}: {place}: {said_of_value(first) if first else 'nested too deep'}") from None


def change_people(path: Path, change: Callable[[People], People]) -> People:
    """Read, change, write whole, under a lock, so that two changes at once are both kept. Raises BadPeople, OSError."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    lock = FileLock(path.parent / LOCK_NAME, mode=0o660)
    lock.take(wait=True)
    try:
        before = read_people(path)
        after = change(before)
        if after != before:
            _write(path, after)
        return after
    finally:
        lock.release()


def new_token() -> str:
    """256 random bits that can be pasted anywhere."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _write(path: Path, people: People) -> None:
    group = (path if path.exists() else path.parent).stat().st_gid
    mode = shared_mode(path.parent) & 0o640  # whatever the umask says: the observer reads it through its group
    write_whole(path, _text(read_regular(path, MAX_PEOPLE_BYTES), people).encode(), mode=mode, exact=True, group=group)


def _text(before: bytes | None, people: People) -> str:
    """With the comments of what was there, in whatever layout that can be."""
    shown: dict[str, Any] = people.model_dump(mode="json")
    try:
        text = edited((before or b"").decode(), shown)
        if before and People.model_validate(yaml.safe_load(text)) == people:
            return text
    except (yaml.YAMLError, ValueError, TypeError, LookupError):
        pass  # then all of it is written anew
    return HEAD + yaml.safe_dump(shown, sort_keys=True)
