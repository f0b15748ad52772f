"""What a probe is: options in, check results out. No bus, no loop, no history of incidents.

A probe is one file in `probes/`: its options (a section of `config/node.yml`), and the class that checks. It becomes
part of the agent by its line in `probe_table.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from mesh_core.models.events import Runtime
from mesh_core.models.records import Name
from node_agent.checks.check_result import CheckResult
from node_agent.containers.image_history import ImageHistory
from node_agent.options import Options

Hint = Callable[[str | None], None]  # the key of a target that may have changed; None: any of them


class Probe(Protocol):
    name: str  # its keys begin with `<name>:`
    every_seconds: float

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        """The targets with these keys, or all of them (None). May raise: then nothing was seen."""
        ...

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        """More payload, gathered at the moment a result becomes an event (logs, health output)."""
        ...


@runtime_checkable
class ListeningProbe(Probe, Protocol):
    """A probe that is told of changes. `listen` is one connection: it hints until it breaks."""

    async def listen(self, hint: Hint) -> None: ...


@runtime_checkable
class ListingProbe(Probe, Protocol):
    """A probe whose `check` tells of trouble alone, and that can say how the rest is."""

    async def listing(self) -> list[CheckResult]:
        """Each target that is there, roughly judged; for nobody's alarm. May raise, as `check`."""
        ...


@runtime_checkable
class RememberingProbe(Probe, Protocol):
    """A probe that wants to know some things again after a restart of the agent."""

    def memory(self) -> dict[str, Any]:
        """Plain JSON, small. It comes back as `ProbeContext.memory`."""
        ...


class SourceAbsent(ConnectionError):
    """Nobody is there who could be asked: on a host that never had it, that is no trouble. Raised by `check`.

    Whatever else a check raises is trouble of the node: what should be watched is not.
    """


@runtime_checkable
class DescribingProbe(Probe, Protocol):
    """A probe that can say more about a service of its runtime, for another probe that watches it from outside."""

    async def describe(self, service: str) -> dict[str, Any]: ...


class Backing(Options):
    """What stands behind a target: then its event carries the runtime, and a restart can be proposed."""

    runtime: Runtime
    name: Name


Describe = Callable[[Backing], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class ProbeContext:
    """What a probe may need beside its options. `since`: what ended before (unix seconds) was not our time.

    `open_keys` gives the keys of remembered targets under a prefix; `memory` what the probe of that name last gave;
    `probes` are those that were made before it; `images` is what who watches containers fills, for an investigation.
    """

    docker_host: str
    since: float
    open_keys: Callable[[str], frozenset[str]]
    probes: Sequence[Probe]
    memory: Callable[[str], Mapping[str, Any]] = lambda name: {}
    images: ImageHistory = field(default_factory=ImageHistory)

    async def describe(self, backing: Backing) -> dict[str, Any]:
        """What the probe of that runtime knows of it; empty where this node carries none."""
        for probe in self.probes:
            if probe.name == backing.runtime.value and isinstance(probe, DescribingProbe):
                return await probe.describe(backing.name)
        return {}


class ProbeOptions(Options, ABC):
    """One section of `config/node.yml`, which makes one probe. Without that section there is none."""

    @classmethod
    def section(cls) -> tuple[Any, Any]:
        """Type and default of the section."""
        return cls | None, None

    @abstractmethod
    def create(self, context: ProbeContext) -> Probe | None:
        """None where this host does not have what it watches; says so in the log."""


class DefaultProbeOptions(ProbeOptions):
    """A probe that every node carries, unless its section says `enabled: false`."""

    enabled: bool = True

    @classmethod
    def section(cls) -> tuple[Any, Any]:
        # Without the validators: a node whose file has no such section never needs them (0.3 MiB).
        return cls, cls.model_construct()
