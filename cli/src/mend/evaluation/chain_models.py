"""The models of the fallback chain by their names, for who asks one of them something out of the order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from mend.context import CliContext, running_model
from mend.errors import USAGE, CliError
from mend.output.text import plain
from mesh_core.llm.chain import chain_for, leaving
from mesh_core.llm.provider_kind import BadChain
from mesh_core.llm.router import Provider
from mesh_core.llm.settings import ChainSettings
from mesh_core.runtime.settings import BadSettings, read_settings


@dataclass(frozen=True)
class ChainModels:
    """`outside`: of which of them a question leaves the house, by name, with why."""

    providers: Sequence[Provider] = ()
    outside: Mapping[str, str] = field(default_factory=dict)

    def is_outside(self, name: str) -> bool:
        return name in self.outside


@asynccontextmanager
async def models_named(cli: CliContext, names: Sequence[str]) -> AsyncIterator[ChainModels]:
    """Those providers, in that order, open as long as the block lasts. CliError where one is not in the chain."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # what providers log is not asked for
    chain, outside = _chain(cli) if names else ([], {})
    try:
        yield ChainModels([_one(chain, outside, name) for name in names], outside)
    finally:
        for one in chain:
            await one.close()


def _chain(cli: CliContext) -> tuple[list[Provider], dict[str, str]]:
    environ = dict(cli.environ)
    if not environ.get("LLAMACPP_URL"):
        environ.update(running_model(cli.runtime))
    file = cli.runtime / "config" / "chain.yml"
    try:
        settings = read_settings(ChainSettings, environ)
        return chain_for(settings, file, environ=environ), leaving(settings, file, environ=environ)
    except (BadSettings, BadChain) as error:
        raise CliError(f"{plain(error, 400)}: the planner does not start with it") from None


def _one(chain: Sequence[Provider], outside: Mapping[str, str], name: str) -> Provider:
    found = next((one for one in chain if one.name == name), None)
    if found is None and name in outside:
        raise CliError(f"{plain(name, 60)} is not asked with LLM_PRIVACY=local: {plain(outside[name], 200)}", USAGE)
    if found is None:
        known = ", ".join(plain(one.name, 40) for one in chain) or "nobody"
        raise CliError(f"there is no model {plain(name, 60)} in the chain; there is {known}", USAGE)
    return found
