"""What chain.yml and the settings may ask for, and what a kind of provider has to offer. Builds nothing itself.

A kind is one file in `providers/` with its `KIND`, and one line in `provider_table.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mesh_core.llm.router import Price, Provider
from mesh_core.llm.settings import ChainSettings


class BadChain(ValueError):
    """The chain cannot be built; the text names the variable or the file and key, and what to write instead."""


@dataclass(frozen=True)
class ProviderRequest:
    """One provider as it was asked for; what is None comes from the settings, or from the kind."""

    name: str
    url: str | None = None
    model: str | None = None
    timeout_seconds: float | None = None
    price: Price = field(default_factory=Price)
    api_key: str | None = field(default=None, repr=False)
    vendor: str | None = None


@dataclass(frozen=True)
class ProviderKind:
    """`kind:` in chain.yml. Both functions answer None for what is not configured; `build` may raise BadChain.

    `built_in`: the names that LLM_CHAIN knows without a chain.yml, each with what the settings ask for. `address`:
    its server's, where a request names none.
    """

    name: str
    build: Callable[[ProviderRequest, ChainSettings], Provider | None]
    built_in: Mapping[str, Callable[[ChainSettings], ProviderRequest | None]]
    address: Callable[[ChainSettings], str | None] = lambda settings: None


def missing(request: ProviderRequest, kind: str, field_name: str, or_else: str = "") -> BadChain:
    """The complaint about an entry of chain.yml that lacks a field."""
    return BadChain(f"config/chain.yml: provider {request.name!r} of kind {kind} needs `{field_name}`{or_else}")
