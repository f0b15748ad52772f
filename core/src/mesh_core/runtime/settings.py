"""Settings from the environment into a frozen, described class. A bad value stops the service at start, by its name.

Only a `__main__` calls this; below it nobody reads the environment. A secret may come from a file (`secret_files.py`)
and is shown as `***`, whatever asks.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from mesh_core.models.config_file import said_instead, spelled
from mesh_core.models.records import NAME_PATTERN
from mesh_core.runtime.addresses import address_for
from mesh_core.runtime.redis_url import has_password, is_readable, masked, problem_in, user_of, with_login
from mesh_core.runtime.secret_files import FILE_SUFFIX, BadSecret, read_secret
from mesh_core.runtime.services import OBSERVER, SERVICES


class Settings(BaseModel):
    """Base of every service's settings: each field has the variable's name as `alias`, a default, a description."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, allow_inf_nan=False)


def _host_name() -> str:
    cleaned = "".join(c if (c.isascii() and c.isalnum()) or c in "._-" else "-" for c in socket.gethostname()).lstrip(
        "._-"
    )
    return cleaned[:128] or "localhost"


def checkout() -> Path | None:
    """The checkout that this very code lies in, whatever the current folder; None where it is an installed wheel."""
    source = Path(__file__).resolve().parents[2]  # core/src
    root = source.parents[1]
    return root if source == root / "core" / "src" and (root / "services").is_dir() else None


def default_runtime_path() -> Path:
    """`var/` of the checkout, else `/opt/homelab`."""
    here = checkout()
    return here / "var" if here else Path("/opt/homelab")


SECRET: JsonDict = {"secret": True}  # json_schema_extra of a plain string that may hold a secret
MANY_LINES: JsonDict = {"many_lines": True}  # of a secret whose file may have several lines
DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"


class MeshSettings(Settings):
    """What every service needs. `redis_url` is whole, user and password included: print it through `masked`."""

    redis_url: Annotated[
        str, spelled(r"(redis|rediss|unix)://.*", "redis://HOST:PORT/NUMBER, the same with rediss, or unix:///PATH")
    ] = Field(
        DEFAULT_REDIS_URL,
        alias="REDIS_URL",
        description="Redis or Valkey; best without a password in it",
        repr=False,
        json_schema_extra=SECRET,
    )
    redis_username: str | None = Field(
        None, alias="REDIS_USERNAME", description="its user for this service, where it has an ACL"
    )
    redis_password: SecretStr | None = Field(None, alias="REDIS_PASSWORD", description="that user's password")
    node_name: Annotated[str, StringConstraints(pattern=NAME_PATTERN)] = Field(
        default_factory=_host_name, alias="NODE_NAME", description="this host's name in events and inventory"
    )
    runtime_path: Path = Field(
        default_factory=default_runtime_path,
        alias="RUNTIME_PATH",
        description="actions/, events/, state/ and config/; ./var in a checkout, /opt/homelab in the images",
    )
    log_level: Annotated[str, spelled("debug|info|warning|error", "debug, info, warning or error")] = Field(
        "info", alias="LOG_LEVEL", description="debug, info, warning or error"
    )

    @model_validator(mode="before")
    @classmethod
    def _log_in(cls, given: Any) -> Any:
        """REDIS_USERNAME and REDIS_PASSWORD go into `redis_url`: who connects needs nothing else."""
        if not isinstance(given, dict):
            return given
        user, password = given.get("REDIS_USERNAME") or "", given.get("REDIS_PASSWORD") or ""
        url = given.get("REDIS_URL", DEFAULT_REDIS_URL)
        if not (user or password) or not is_readable(url):
            return given
        if has_password(url):
            raise ValueError("REDIS_URL holds a password already; take it out there, or unset REDIS_PASSWORD and _FILE")
        if user and not password:
            raise ValueError("REDIS_USERNAME needs REDIS_PASSWORD_FILE (or REDIS_PASSWORD)")
        if user and user_of(url) not in ("", user):
            raise ValueError("REDIS_USERNAME and REDIS_URL name different users; unset one of them")
        return {**given, "REDIS_URL": with_login(url, user, password)}

    @field_validator("redis_url")
    @classmethod
    def _readable(cls, url: str) -> str:
        if not is_readable(url):  # the parser's own words would quote a piece of the password
            raise ValueError("no URL; write a / # ? @ in its password as %2F %23 %3F %40, or use REDIS_PASSWORD_FILE")
        if problem := problem_in(url):
            raise ValueError(problem)
        return url

    @field_serializer("redis_url")
    def _shown(self, url: str) -> str:
        return masked(url)


def _a_place_to_listen(text: str) -> str:
    address_for(text, 1)
    return text


class WatchedSettings(MeshSettings):
    """Of a service without a web server of its own: where it can be watched."""

    metrics_listen: Annotated[str, AfterValidator(_a_place_to_listen)] = Field(
        "127.0.0.1",
        alias="METRICS_LISTEN",
        description="where GET /metrics, /healthz and /readyz are answered: host, host:port or off; without a port "
        + ", ".join(f"{name} takes {SERVICES[name].port}" for name in SERVICES if name != OBSERVER),
    )


class BadSettings(ValueError):
    """One or more variables hold what cannot be used; the text names each and why."""


S = TypeVar("S", bound=BaseModel)


def read_settings(cls: type[S], environ: Mapping[str, str], warn: Callable[[str], None] = lambda sentence: None) -> S:
    """Fill `cls` from `environ`; an empty variable counts as unset. Raises BadSettings naming every bad variable.

    A secret may come from a file; `warn` hears what is unsafe about it.
    """
    given: dict[str, str] = {}
    shown: dict[str, str] = {}
    wrong: list[str] = []
    for name, field in cls.model_fields.items():
        variable = field.alias or name
        if not is_secret(field):
            if value := environ.get(variable, "").strip():
                given[variable] = value
                shown[variable] = f"{variable}={repr(value)[:80]}"
            continue
        try:
            found = read_secret(environ, variable, many_lines=_extra(field).get("many_lines") is True)
        except BadSecret as error:
            wrong.append(str(error))
            continue
        if found is None:
            continue
        given[variable] = found.value
        hidden = masked(found.value) if variable == "REDIS_URL" else "***"
        shown[variable] = f"{variable}={hidden!r}" if variable == "REDIS_URL" else f"{variable}={hidden}"
        if found.source != variable:
            shown[variable] = found.source
        if found.warning:
            warn(found.warning)
    try:
        settings = cls.model_validate(given)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            words = said_instead(problem)
            variable = str(problem["loc"][0]) if problem["loc"] else ""
            wrong.append(f"{shown.get(variable, variable)}: {words}" if variable else words)
    if wrong:
        raise BadSettings("; ".join(wrong)) from None
    return settings


def is_secret(field: FieldInfo) -> bool:
    """May it hold a secret? Then its value is never shown, and may come from a file."""
    return SecretStr in (field.annotation, *get_args(field.annotation)) or _extra(field).get("secret") is True


def secret_variables(cls: type[BaseModel]) -> list[str]:
    """The variables that may also be given as `<NAME>_FILE`."""
    return [field.alias or name for name, field in cls.model_fields.items() if is_secret(field)]


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


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
        words = field.description or ""
        if is_secret(field):
            words += f"; or a file: {field.alias or name}{FILE_SUFFIX}"
        rows.append((field.alias or name, text, words))
    return rows
