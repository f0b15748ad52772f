"""config/hooks.yml and the HOOKS_ settings, read once at the start: mapping, generic hooks, each hook's keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from mesh_core.models.config_document import ConfigDocument
from mesh_core.models.config_file import FilePart, spelled
from mesh_core.runtime.secret_files import BadSecret, read_secret
from observer.hooks.generic import GenericHook
from observer.hooks.mapping import Mapped
from observer.hooks.senders import SENDERS

GenericName = Annotated[
    str, spelled(r"[a-z0-9][a-z0-9_-]{0,63}", "a name: lower case letters, digits, _ -, at most 64")
]


class BadHooks(ValueError):
    """config/hooks.yml cannot be used; the text names the key and what to write instead."""


@dataclass(frozen=True)
class Keys:
    """What a sender must know: a token, or the secret that it signs with. None of both: the hook is open."""

    token: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)

    @property
    def any(self) -> bool:
        return bool(self.token or self.secret)


@dataclass(frozen=True)
class HookRules:
    """`keys` by hook (`alertmanager`, `generic/<name>`); a hook without its own has `common`.

    `loopback`: only this machine reaches the port, so a hook without keys may be open.
    """

    mapped: Mapped = field(default_factory=Mapped)
    generic: Mapping[str, GenericHook] = field(default_factory=dict)
    keys: Mapping[str, Keys] = field(default_factory=dict)
    common: Keys = Keys()
    loopback: bool = False
    per_minute: int = 120

    def keys_of(self, hook: str) -> Keys:
        return self.keys.get(hook, self.common)


class _Files(FilePart):
    token_file: str | None = None
    secret_file: str | None = None


class _Document(FilePart):
    version: Literal[1] = 1
    mapping: Mapped = Mapped()
    keys: dict[str, _Files] = Field(default_factory=dict)
    generic: dict[GenericName, GenericHook] = Field(default_factory=dict)


def read_hooks(
    path: Path, *, token: SecretStr | None, secret: SecretStr | None, loopback: bool, per_minute: int
) -> HookRules:
    """The file's rules (none: the defaults) and the settings' keys. Raises BadHooks."""
    file = ConfigDocument.at(path, BadHooks)
    document = file.fitted(_Document)
    known = {*SENDERS, *(f"generic/{name}" for name in document.generic)}
    if strangers := sorted(document.keys.keys() - known):
        there = f"there is no such hook; there are {', '.join(sorted(known))}"
        raise file.refused(("keys", strangers[0]), f"keys.{strangers[0]}: {there}")
    return HookRules(
        mapped=document.mapping,
        generic=document.generic,
        keys={hook: _keys(file, hook, files) for hook, files in document.keys.items()},
        common=Keys(token.get_secret_value() if token else "", secret.get_secret_value() if secret else ""),
        loopback=loopback,
        per_minute=per_minute,
    )


def _keys(file: ConfigDocument, hook: str, files: _Files) -> Keys:
    named = {"TOKEN_FILE": files.token_file or "", "SECRET_FILE": files.secret_file or ""}
    try:
        token, secret = read_secret(named, "TOKEN"), read_secret(named, "SECRET")
    except BadSecret as error:
        raise file.refused(("keys", hook), f"keys.{hook}: {error}") from None
    if token is None and secret is None:
        raise file.refused(("keys", hook), f"keys.{hook}: give token_file, secret_file or both")
    return Keys(token.value if token else "", secret.value if secret else "")
