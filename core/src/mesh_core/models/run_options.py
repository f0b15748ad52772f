"""How a playbook runs where a request says so: as whom, in which layout, proven how. Frozen; no I/O.

All of it travels inside the playbook of a proposal, so it is among what a person approves.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictInt, StringConstraints, model_validator

from mesh_core.models.records import Record, Sha256, is_name, not_said


def _key_name(text: str) -> str:
    if not is_name(text):
        raise ValueError("wants the name of a key in the executor's folder of keys, never a path or the key itself")
    return text


UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}$")]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
KeyName = Annotated[str, AfterValidator(_key_name)]
MAX_ROLE_FILE = 128 * 1024  # characters


class Layout(StrEnum):
    """What a playbook looks like: one text, or site.yml and a role."""

    PLAYBOOK = "playbook"
    ROLE = "role"


class Verify(StrEnum):
    """How far it is proven: by a second run in check mode, not at all, or by a syntax check that files nothing."""

    ALL = "all"
    NONE = "none"
    SYNTAX = "syntax"


def is_all(verify: Verify) -> bool:
    return verify is Verify.ALL


def is_playbook(layout: Layout) -> bool:
    return layout is Layout.PLAYBOOK


class SshLogin(Record):
    """How a run reaches its host over ssh where the inventory does not decide: what is None there, the inventory says.

    `key` is the name of a private key in the executor's folder of keys.
    """

    user: Annotated[UserName | None, Field(exclude_if=not_said)] = None
    port: Annotated[Port | None, Field(exclude_if=not_said)] = None
    key: Annotated[KeyName | None, Field(exclude_if=not_said)] = None

    @model_validator(mode="after")
    def _says_something(self) -> SshLogin:
        if self.user is None and self.port is None and self.key is None:
            raise ValueError("says nothing; leave login out")
        return self


class RoleFile(Record):
    """One file of a role that holds tasks, by its path in the role's folder."""

    path: Literal["tasks/main.yml", "handlers/main.yml"]
    sha256: Sha256
    text: Annotated[str, Field(max_length=MAX_ROLE_FILE)]


class AnsibleRole(Record):
    """The role that the playbook's one play names. Its attachments lie in its files/ and templates/."""

    name: RoleName
    files: Annotated[tuple[RoleFile, ...], Field(min_length=1, max_length=2)]

    @model_validator(mode="after")
    def _each_once(self) -> AnsibleRole:
        paths = [file.path for file in self.files]
        if "tasks/main.yml" not in paths or len(paths) != len({*paths}):
            raise ValueError("files: a role has tasks/main.yml once, and handlers/main.yml at most once")
        return self
