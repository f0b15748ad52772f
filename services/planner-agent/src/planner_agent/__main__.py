"""Starts the planner: settings, and the files that a person writes. The only reader of the environment here."""

from __future__ import annotations

from mesh_core.runtime.log import setup

from collections.abc import Mapping
from pathlib import Path

import structlog

from mesh_core.llm.provider_kind import BadChain
from mesh_core.llm.settings import ChainSettings
from mesh_core.messaging.bus import masked
from mesh_core.policy.current_config import LatestPolicy
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.lifeline_note import note_lifeline
from mesh_core.policy.policy import BadPolicy
from mesh_core.runtime.chain_note import note_chain
from mesh_core.runtime.service import serve
from mesh_core.runtime.services import PLANNER
from mesh_core.runtime.startup import schema_or_exit, service_environment, settings_or_exit, start_or_exit
from mesh_core.security.private_folder import write_privately
from planner_agent.diagnosis.configured_chain import ConfiguredChain, configured_chain
from planner_agent.settings import PlannerSettings
from planner_agent.wiring import PlannerWiring, complain

log = structlog.get_logger()


def main() -> None:
    """Start and never return; exit status 2 for settings that cannot be used."""
    environ = service_environment(PLANNER)
    settings = settings_or_exit(PlannerSettings, PLANNER, environ)
    chain_settings = settings_or_exit(ChainSettings, PLANNER, environ)
    setup(PLANNER, level=settings.log_level)
    write_privately(settings.runtime_path)
    schema_or_exit(settings.runtime_path, PLANNER)
    chain, lifeline, policy = _configured_or_exit(settings, chain_settings, environ)
    wiring = PlannerWiring(settings, chain, policy)
    _note(settings.runtime_path, lifeline, chain)
    parts, redis = wiring.parts, masked(settings.redis_url)
    log.info("planner.ready", consumer=wiring.consumer_name, providers=chain.names, redis=redis)
    serve(PLANNER, settings.runtime_path, parts, pulse=wiring.pulse, closing=wiring.closing)


def _configured_or_exit(
    settings: PlannerSettings, chain_settings: ChainSettings, environ: Mapping[str, str]
) -> tuple[ConfiguredChain, Lifeline, LatestPolicy]:
    """What config/ says, or a sentence on stderr and exit status 2."""
    with start_or_exit(PLANNER, BadPolicy, BadChain):
        chain = configured_chain(chain_settings, settings.runtime_path, environ)
        lifeline = Lifeline.at([settings.redis_url, *chain.urls], settings.node_name)
        return chain, lifeline, LatestPolicy(settings.runtime_path, lifeline, complain)


def _note(runtime: Path, lifeline: Lifeline, chain: ConfiguredChain) -> None:
    """What others show and protect of this planner; it works without."""
    if not_noted := note_lifeline(runtime, PLANNER, lifeline):
        log.warning("planner.lifeline_not_noted", reason=str(not_noted))
    if not_noted := note_chain(runtime, chain.names, chain.forbidden):
        log.warning("planner.chain_not_noted", reason=str(not_noted))


if __name__ == "__main__":
    main()
