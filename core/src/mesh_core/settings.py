"""Settings from the environment into a frozen, described class. A bad value stops the service at start, by its name.

Only a `__main__` calls this; below it nobody reads the environment. A secret is shown as `***`, whatever asks.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError

from mesh_core.records import NAME_PATTERN

CANNOT_START = "cannot start"  # in the last line of a service that ends with status 2


class Settings(BaseModel):
    """Base of every service's settings: each field has the variable's name as `alias`, a default, a description."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, allow_inf_nan=False)


def _host_name() -> str:
    cleaned = "".join(c if (c.isascii() and c.isalnum()) or c in "._-" else "-" for c in socket.gethostname()).lstrip(
        "._-"
    )
    return cleaned[:128] or "localhost"


def default_runtime_path() -> Path:
    """`./var` in a checkout (a folder that holds `services/`), else `/opt/homelab`."""
    here = Path.cwd()
    return here / "var" if (here / "services").is_dir() else Path("/opt/homelab")


class MeshSettings(Settings):
    """What every service needs."""

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        alias="REDIS_URL",
        pattern=r"^(redis|rediss|unix)://",
        description="Redis or Valkey",
    )
    node_name: Annotated[str, StringConstraints(pattern=NAME_PATTERN)] = Field(
        default_factory=_host_name, alias="NODE_NAME", description="this host's name in events and inventory"
    )
    runtime_path: Path = Field(
        default_factory=default_runtime_path,
        alias="RUNTIME_PATH",
        description="actions/, events/, state/ and config/; ./var in a checkout, /opt/homelab in the images",
    )
    log_level: str = Field(
        "info",
        alias="LOG_LEVEL",
        pattern="^(debug|info|warning|error)$",
        description="debug, info, warning or error",
    )


class BadSettings(ValueError):
    """One or more variables hold what cannot be used; the text names each and why."""


S = TypeVar("S", bound=BaseModel)


def read_settings(cls: type[S], environ: Mapping[str, str]) -> S:
    """Fill `cls` from `environ`; an empty variable counts as unset. Raises BadSettings naming every bad variable."""
    given = {}
    for name, field in cls.model_fields.items():
        variable = field.alias or name
        if value := environ.get(variable, "").strip():
            given[variable] = value
    try:
        return cls.model_validate(given)
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_url=False, include_context=False):
            variable = str(problem["loc"][0])
            secret = any(f.alias == variable and f.annotation is SecretStr for f in cls.model_fields.values())
            shown = "***" if secret else repr(given.get(variable, ""))[:80]
            lines.append(f"{variable}={shown}: {problem['msg']}")
        raise BadSettings("; ".join(lines)) from None


def settings_or_exit(cls: type[S], service: str) -> S:
    """For a `__main__`: the settings, or a sentence on stderr and exit status 2."""
    try:
        return read_settings(cls, os.environ)
    except BadSettings as error:
        _stop(f"{service}: {CANNOT_START} with these settings: {error}")


def _stop(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise SystemExit(2)


def table_rows(cls: type[BaseModel]) -> list[tuple[str, str, str]]:
    """(variable, default, description) of each field, for the README and `.env.example`."""
    rows = []
    for name, field in cls.model_fields.items():
        default = field.default
        if field.default_factory is not None:
            text = {"NODE_NAME": "the host's name", "RUNTIME_PATH": "./var or /opt/homelab"}.get(field.alias or "", "")
        elif default is None:
            text = "unset"
        else:
            text = f"{default:g}" if isinstance(default, float) else str(default)
        rows.append((field.alias or name, text, field.description or ""))
    return rows
