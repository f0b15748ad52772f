"""The models of this planner, as its settings and config/chain.yml have them; and how each of them is just now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mesh_core.llm.budget import Budget
from mesh_core.llm.chain import budgets_in, chain_for, leaving, marked_to_write, model_urls
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.noting import Noting
from mesh_core.llm.router import Provider
from mesh_core.llm.settings import ChainSettings, Privacy
from mesh_core.runtime.health import Ready
from mesh_core.runtime.metrics import CIRCUIT_OPEN


@dataclass(frozen=True)
class ConfiguredChain:
    """`urls`: where they are asked. By name: `outside`, those that leave the house and why; `forbidden`, those of them
    that are never asked; `writers`, those that may write tasks; `budgets`."""

    providers: Sequence[Provider]
    urls: Sequence[str]
    outside: Mapping[str, str]
    forbidden: Mapping[str, str]
    writers: frozenset[str]
    budgets: Mapping[str, Budget]
    breakers: Breakers = field(default_factory=Breakers)

    @property
    def names(self) -> list[str]:
        return [provider.name for provider in self.providers]

    async def ready(self) -> Ready:
        """Always: where no provider answers, the rules do."""
        paused = [name for name in self.names if self._is_paused(name)]
        asked = [name for name in self.names if name not in paused]
        detail = f"providers: {', '.join(asked)}" if asked else "no provider answers: the rules decide"
        return Ready(True, f"{detail}; left alone: {', '.join(paused)}" if paused else detail)

    async def circuits(self) -> None:
        """Which are left alone just now, for the metrics."""
        CIRCUIT_OPEN.set_all({(name,): float(self._is_paused(name)) for name in self.names})

    def _is_paused(self, name: str) -> bool:
        return self.breakers.of(name).closed_in() > 0


def configured_chain(settings: ChainSettings, runtime: Path, environ: Mapping[str, str]) -> ConfiguredChain:
    """Connects to nothing. Each provider notes what it is sent. Raises BadChain."""
    file = runtime / "config" / "chain.yml"
    outside = leaving(settings, file, environ=environ)
    return ConfiguredChain(
        providers=[
            Noting(provider, runtime, outside=provider.name in outside)
            for provider in chain_for(settings, file, environ=environ)
        ],
        urls=model_urls(settings, file, environ=environ),
        outside=outside,
        forbidden=outside if settings.llm_privacy is Privacy.LOCAL else {},
        writers=marked_to_write(file),
        budgets=budgets_in(file),
    )
