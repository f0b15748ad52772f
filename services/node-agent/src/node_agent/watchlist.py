"""What to watch on this node: `config/node.yml`, read once and strictly. An absent file means the defaults.

Never looks at the environment or the host; an error names the key and what to write instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mesh_core.models.events import Runtime
from mesh_core.models.records import Name
from node_agent.http_line import address_for

Positive = Annotated[float, Field(gt=0)]


class BadWatchlist(ValueError):
    """config/node.yml cannot be used; the text names each key and what it should be."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, defer_build=True)


class Backing(_Part):
    """What stands behind a probe: then its event carries the runtime, and a restart can be proposed."""

    runtime: Runtime
    name: Name


class HttpTarget(_Part):
    name: Name
    url: str
    every_seconds: Positive = 10
    timeout_seconds: Positive = 5
    looks: Annotated[int, Field(ge=1)] = 2
    expect_status: tuple[int, ...] = ()
    expect_text: str = ""
    verify_tls: bool = True
    backed_by: Backing | None = None

    @field_validator("url")
    @classmethod
    def _checked_url(cls, url: str) -> str:
        address_for(url)
        return url


class TcpTarget(_Part):
    name: Name
    host: str
    port: Annotated[int, Field(ge=1, le=65535)]
    every_seconds: Positive = 10
    timeout_seconds: Positive = 3
    looks: Annotated[int, Field(ge=1)] = 2
    backed_by: Backing | None = None


class DockerPart(_Part):
    enabled: bool = True
    ignore: tuple[str, ...] = ()
    expect: tuple[Name, ...] = ()
    resync_seconds: Positive = 60
    loop_deaths: Annotated[int, Field(ge=2)] = 3
    loop_window_seconds: Positive = 600
    stable_seconds: Positive = 60


class SystemdPart(_Part):
    enabled: bool = True
    ignore: tuple[str, ...] = ()
    every_seconds: Positive = 30
    loop_restarts: Annotated[int, Field(ge=2)] = 3
    stable_seconds: Positive = 60


class SupervisorPart(_Part):
    address: str
    user: str = ""
    password: str = Field("", repr=False)
    ignore: tuple[str, ...] = ()
    every_seconds: Positive = 5
    loop_restarts: Annotated[int, Field(ge=2)] = 3
    stable_seconds: Positive = 60

    @field_validator("address")
    @classmethod
    def _checked_address(cls, address: str) -> str:
        address_for(address)
        return address


class _Limit(_Part):
    """`high` opens an incident, `critical` makes it worse, below `low` it is over."""

    enabled: bool = True
    every_seconds: Positive = 60
    high: Positive
    low: Positive
    critical: Positive

    @model_validator(mode="after")
    def _ordered(self) -> _Limit:
        if not self.low < self.high <= self.critical:
            raise ValueError("low must be below high, and high not above critical")
        return self


class DiskPart(_Limit):
    """Percent used, of space or of inodes."""

    high: Positive = 90
    low: Positive = 87
    critical: Positive = 97
    ignore: tuple[str, ...] = ()


class MemoryPart(_Limit):
    """Percent of memory that is not available."""

    high: Positive = 95
    low: Positive = 90
    critical: Positive = 98


class LoadPart(_Limit):
    """Five-minute load per core."""

    high: Positive = 4
    low: Positive = 3
    critical: Positive = 16


class TemperaturePart(_Limit):
    """Degrees Celsius."""

    high: Positive = 85
    low: Positive = 80
    critical: Positive = 95


class FlapPart(_Part):
    opens: Annotated[int, Field(ge=2)] = 4
    window_seconds: Positive = 3600
    quiet_seconds: Positive = 600


class Watchlist(_Part):
    docker: DockerPart = DockerPart()
    systemd: SystemdPart = SystemdPart()
    supervisor: SupervisorPart | None = None
    disk: DiskPart = DiskPart()
    memory: MemoryPart = MemoryPart()
    load: LoadPart = LoadPart()
    temperature: TemperaturePart = TemperaturePart()
    http: tuple[HttpTarget, ...] = ()
    tcp: tuple[TcpTarget, ...] = ()
    flapping: FlapPart = FlapPart()
    version: Literal[1] = 1

    @model_validator(mode="after")
    def _one_name_each(self) -> Watchlist:
        for kind, targets in (("http", self.http), ("tcp", self.tcp)):
            names = [target.name for target in targets]
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"{kind}: two probes are called {sorted(twice)[0]!r}; give each its own name")
        return self


def read_watchlist(path: Path) -> Watchlist:
    """The file's content, or the defaults if there is none. Raises BadWatchlist."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Watchlist()
    except OSError as error:
        raise BadWatchlist(f"{path}: cannot be read: {error.strerror}") from error
    # Imported only where a file exists: 2 MiB that a node with the defaults does not need.
    import yaml

    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadWatchlist(f"{path}: not YAML: {error}") from error
    if value is None:
        return Watchlist()
    if not isinstance(value, dict):
        raise BadWatchlist(f"{path}: should be a mapping such as `docker: {{ignore: [scratch-*]}}`")
    try:
        return Watchlist.model_validate(value)
    except ValidationError as error:
        problems = [_sentence(problem) for problem in error.errors(include_url=False)]
        raise BadWatchlist(f"{path}: " + "; ".join(problems)) from error


def _sentence(problem: Any) -> str:
    where = ".".join(str(step) for step in problem["loc"]) or "the file"
    if problem["type"] == "extra_forbidden":
        parent = _model_at(problem["loc"][:-1])
        known = ", ".join(parent.model_fields) if parent else ""
        return f"{where}: no such key" + (f"; known keys here: {known}" if known else "")
    if problem["type"] == "missing":
        return f"{where}: is required"
    return f"{where}={problem['input']!r:.80}: {problem['msg'].removeprefix('Value error, ')}"


_MODELS: dict[str, type[BaseModel]] = {
    "docker": DockerPart,
    "systemd": SystemdPart,
    "supervisor": SupervisorPart,
    "disk": DiskPart,
    "memory": MemoryPart,
    "load": LoadPart,
    "temperature": TemperaturePart,
    "http": HttpTarget,
    "tcp": TcpTarget,
    "flapping": FlapPart,
}


def _model_at(loc: tuple[Any, ...]) -> type[BaseModel] | None:
    if not loc:
        return Watchlist
    if loc[-1] == "backed_by":
        return Backing
    return _MODELS.get(str(loc[0]))
