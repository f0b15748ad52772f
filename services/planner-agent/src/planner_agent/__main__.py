"""Wires the planner: settings, bus, consumer, fallback chain, writer. The only reader of the environment here."""

from __future__ import annotations

from mesh_core.runtime.log import setup

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.llm.chain import budgets_in, chain_for, leaving, marked_to_write, model_urls
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.grades import GradeBook
from mesh_core.llm.noting import Noting
from mesh_core.llm.provider_kind import BadChain
from mesh_core.llm.router import Provider
from mesh_core.llm.settings import ChainSettings, Privacy
from mesh_core.messaging.bridge import Bridge
from mesh_core.messaging.bus import Bus, BusDown, masked
from mesh_core.messaging.consumer import Consumer
from mesh_core.messaging.redis_settings import check_server
from mesh_core.messaging.redis_state import takes_writes
from mesh_core.models.proposals import Folder
from mesh_core.models.requests import MAX_REQUEST_BYTES, Request
from mesh_core.models.streams import ENTERED, EVENT_STREAM_PREFIX
from mesh_core.policy.current_config import LatestPolicy
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.lifeline_note import note_lifeline
from mesh_core.policy.names.name_book import NameBook
from mesh_core.policy.policy import BadPolicy
from mesh_core.runtime.addresses import address_for
from mesh_core.runtime.chain_note import note_chain
from mesh_core.runtime.health import Probes, Ready, writable
from mesh_core.runtime.health_http import ProbesServer
from mesh_core.runtime.metrics import CIRCUIT_OPEN
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import pause, serve
from mesh_core.runtime.services import PLANNER, SERVICES
from mesh_core.runtime.settings import settings_or_exit
from mesh_core.runtime.settings_file import service_environment
from mesh_core.security.private_folder import write_privately
from mesh_core.silences.folder import SilenceFolder
from mesh_core.storage.schema import schema_or_exit
from planner_agent.attempt_reports import AttemptReports
from planner_agent.budget_book import BudgetBook
from planner_agent.consumer_name import claim_consumer_name
from planner_agent.diagnosis import Diagnostician
from planner_agent.keyed_queue import KeyedQueue
from planner_agent.planner import Planner
from planner_agent.planner_store import PlannerStore
from planner_agent.proposal_writer import GROUP, ProposalWriter
from planner_agent.requests.channel import RequestChannel
from planner_agent.requests.filing import RequestFiling
from planner_agent.requests.inbox import RequestInbox
from planner_agent.requests.model_drafting import ModelDrafting
from planner_agent.requests.syntax_check import SyntaxCheck
from planner_agent.requests.writing.task_writer import TaskWriter
from planner_agent.settings import PlannerSettings
from planner_agent.silence_filter import SilenceFilter

log = structlog.get_logger()


def main() -> None:
    """Start and never return; exit status 2 for settings that cannot be used."""
    environ = service_environment(PLANNER)
    settings = settings_or_exit(PlannerSettings, PLANNER, environ)
    chain = settings_or_exit(ChainSettings, PLANNER, environ)
    setup(PLANNER, level=settings.log_level)
    write_privately(settings.runtime_path)
    schema_or_exit(settings.runtime_path, PLANNER)
    config = settings.runtime_path / "config"
    try:
        models_at = model_urls(chain, config / "chain.yml", environ=environ)
        lifeline = Lifeline.at([settings.redis_url, *models_at], settings.node_name)
        policy = LatestPolicy(settings.runtime_path, lifeline, _complain)
        outside = leaving(chain, config / "chain.yml", environ=environ)
        providers: list[Provider] = [
            Noting(provider, settings.runtime_path, outside=provider.name in outside)
            for provider in chain_for(chain, config / "chain.yml", environ=environ)
        ]
        marked = marked_to_write(config / "chain.yml")
        limits = budgets_in(config / "chain.yml")
    except (BadPolicy, BadChain) as error:
        print(f"{PLANNER}: cannot start: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    actions = PlannerFolders(settings.runtime_path)
    actions.prepare()
    if not_noted := note_lifeline(settings.runtime_path, PLANNER, lifeline):
        log.warning("planner.lifeline_not_noted", reason=str(not_noted))
    refused = outside if chain.llm_privacy is Privacy.LOCAL else {}
    if not_noted := note_chain(settings.runtime_path, [provider.name for provider in providers], refused):
        log.warning("planner.chain_not_noted", reason=str(not_noted))
    bus = Bus.connect(settings.redis_url, PLANNER)
    name = claim_consumer_name(settings.runtime_path, settings.node_name)
    consumer = Consumer(bus, GROUP, name, pattern=f"{EVENT_STREAM_PREFIX}*", streams=tuple(ENTERED.values()))
    store = PlannerStore(
        bus, cooldown_ms=max(1, int(settings.cooldown_seconds * 1000)), keep_seconds=settings.proposal_ttl_seconds
    )
    breakers = Breakers()
    grades = GradeBook(settings.runtime_path, _complain)
    budgets = BudgetBook(bus, limits)
    diagnostician = Diagnostician(
        bus,
        store,
        policy.now,
        providers,
        breakers,
        grades.may_choose,
        outside.__contains__,
        budgets,
    )
    folder = SilenceFolder(settings.runtime_path)
    try:
        folder.prepare()
    except OSError as error:  # it is only read then, and whoever writes the first silence makes it
        log.warning("planner.silences_not_made", folder=str(folder.root), error=str(error))
    silences = SilenceFilter(folder, store)
    writer = ProposalWriter(
        bus,
        store,
        actions,
        diagnostician,
        silences,
        ttl_seconds=settings.proposal_ttl_seconds,
        hold_seconds=settings.hold_seconds,
        storm_subjects=settings.storm_subjects,
        inventory=policy.config.inventory,
    )
    pulse = Pulse()
    queue = KeyedQueue(settings.planner_parallel, on_failure=consumer.interrupt)
    planner = Planner(bus, consumer, store, actions, writer, queue, silences, pulse)
    names = NameBook(config / "inventory.yml")
    bridge = Bridge(
        bus,
        "planner",
        on_stream=consumer.hint,
        on_listening=consumer.look_around,
        named=names.named,
        defers=lambda: names.is_closed,
        turned=pulse.watch("listening to hand-published messages"),
    )

    def now() -> datetime:
        return datetime.now(UTC)

    requests = RequestFolder(settings.runtime_path)
    try:
        requests.prepare()
    except OSError as error:  # requests wait in their stream then
        log.warning("planner.requests_not_made", folder=str(requests.root), error=str(error))
    asked = Consumer(bus, GROUP, name, streams=(Request.stream,), longest=MAX_REQUEST_BYTES + 1)
    ttl = timedelta(seconds=settings.proposal_ttl_seconds)
    filing = RequestFiling(store, actions, writer.drafts, ttl, now, SyntaxCheck(bus))
    task_writer = TaskWriter(providers, marked, breakers, AttemptReports(bus, budgets).tell)
    drafting = ModelDrafting(task_writer, requests, filing, policy.config, now)
    inbox = RequestInbox(bus, asked, requests, filing, policy.config, drafting, pulse, now)
    channel = RequestChannel(bus, "planner", turned=pulse.watch("listening to hand-published requests"))

    async def look_at_server(stop: asyncio.Event) -> None:
        while True:
            try:
                for warning in await check_server(bus):
                    log.warning("planner.redis_unsafe", warning=warning, redis=masked(settings.redis_url))
                break
            except BusDown:
                if await pause(stop, 2):
                    return
        await stop.wait()

    async def models() -> Ready:
        """Always ready: where no provider answers, the rules do."""
        paused = [provider.name for provider in providers if breakers.of(provider.name).closed_in() > 0]
        asked = [provider.name for provider in providers if provider.name not in paused]
        detail = f"providers: {', '.join(asked)}" if asked else "no provider answers: the rules decide"
        return Ready(True, f"{detail}; left alone: {', '.join(paused)}" if paused else detail)

    async def circuits() -> None:
        CIRCUIT_OPEN.set_all(
            {(provider.name,): float(breakers.of(provider.name).closed_in() > 0) for provider in providers}
        )

    pending = actions.folder(Folder.PENDING)
    probes = Probes(
        PLANNER,
        settings.runtime_path,
        checks={
            "redis": takes_writes(bus),
            "folders": writable(lambda: (pending, settings.runtime_path / "state")),
            "models": models,
        },
        figures=(circuits, planner.figures),
    )
    log.info(
        "planner.ready",
        consumer=name,
        providers=[provider.name for provider in providers],
        redis=masked(settings.redis_url),
    )
    serve(
        PLANNER,
        settings.runtime_path,
        {
            "plan": planner.run,
            "claims": planner.keep_claims,
            "bridge": bridge.run,
            "requests": inbox.run,
            "request channel": channel.run,
            "request sweep": inbox.sweep,
            "drafts": writer.drafts.sweep,
            "server": look_at_server,
            "probes": ProbesServer(address_for(settings.metrics_listen, SERVICES[PLANNER].port), probes).run,
        },
        pulse=pulse,
        closing=[*(provider.close for provider in providers), consumer.close, asked.close, bus.close],
    )


def _complain(file: Path, sentence: str) -> None:
    log.warning("planner.config_unusable", file=str(file), reason=sentence)


if __name__ == "__main__":
    main()
