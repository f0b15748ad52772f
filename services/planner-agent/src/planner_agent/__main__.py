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
from mesh_core.llm.grades import GradeBook
from mesh_core.llm.provider_kind import BadChain
from mesh_core.llm.settings import ChainSettings
from mesh_core.messaging.bridge import Bridge
from mesh_core.messaging.bus import Bus, BusDown, masked
from mesh_core.messaging.consumer import Consumer
from mesh_core.messaging.redis_settings import check_server
from mesh_core.messaging.redis_state import takes_writes
from mesh_core.models.proposals import Folder
from mesh_core.models.requests import MAX_REQUEST_BYTES, Request
from mesh_core.models.streams import ENTERED, EVENT_STREAM_PREFIX
from mesh_core.policy.current_config import LatestPolicy
from mesh_core.policy.inventory.name_book import NameBook
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.lifeline_note import note_lifeline
from mesh_core.policy.policy import BadPolicy
from mesh_core.runtime.addresses import address_for
from mesh_core.runtime.chain_note import note_chain
from mesh_core.runtime.health import Probes, writable
from mesh_core.runtime.health_http import ProbesServer
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import Part, pause, serve
from mesh_core.runtime.services import PLANNER, SERVICES
from mesh_core.runtime.settings import settings_or_exit
from mesh_core.runtime.settings_file import service_environment
from mesh_core.security.private_folder import write_privately
from mesh_core.silences.folder import SilenceFolder
from mesh_core.storage.schema import schema_or_exit
from planner_agent.diagnosis.attempt_reports import AttemptReports
from planner_agent.diagnosis.budget_book import BudgetBook
from planner_agent.diagnosis.configured_chain import ConfiguredChain, configured_chain
from planner_agent.diagnosis.diagnosis import Diagnostician
from planner_agent.intake.consumer_name import claim_consumer_name
from planner_agent.intake.keyed_queue import KeyedQueue
from planner_agent.intake.silence_filter import SilenceFilter
from planner_agent.planner import Planner
from planner_agent.proposal_writer import GROUP, ProposalWriter
from planner_agent.requests.channel import RequestChannel
from planner_agent.requests.filing import RequestFiling
from planner_agent.requests.inbox import RequestInbox
from planner_agent.requests.model_drafting import ModelDrafting
from planner_agent.requests.syntax_check import SyntaxCheck
from planner_agent.requests.writing.task_writer import TaskWriter
from planner_agent.settings import PlannerSettings
from planner_agent.store.planner_store import PlannerStore

log = structlog.get_logger()


def main() -> None:
    """Start and never return; exit status 2 for settings that cannot be used."""
    environ = service_environment(PLANNER)
    settings = settings_or_exit(PlannerSettings, PLANNER, environ)
    chain_settings = settings_or_exit(ChainSettings, PLANNER, environ)
    setup(PLANNER, level=settings.log_level)
    runtime = settings.runtime_path
    write_privately(runtime)
    schema_or_exit(runtime, PLANNER)
    try:
        chain = configured_chain(chain_settings, runtime, environ)
        lifeline = Lifeline.at([settings.redis_url, *chain.urls], settings.node_name)
        policy = LatestPolicy(runtime, lifeline, _complain)
    except (BadPolicy, BadChain) as error:
        print(f"{PLANNER}: cannot start: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    actions = PlannerFolders(runtime)
    actions.prepare()
    _note(runtime, lifeline, chain)
    bus = Bus.connect(settings.redis_url, PLANNER)
    name = claim_consumer_name(runtime, settings.node_name)
    consumer = Consumer(bus, GROUP, name, pattern=f"{EVENT_STREAM_PREFIX}*", streams=tuple(ENTERED.values()))
    asked = Consumer(bus, GROUP, name, streams=(Request.stream,), longest=MAX_REQUEST_BYTES + 1)
    store = PlannerStore(
        bus, cooldown_ms=max(1, int(settings.cooldown_seconds * 1000)), keep_seconds=settings.proposal_ttl_seconds
    )
    budgets = BudgetBook(bus, chain.budgets)
    leaves, may_choose = chain.outside.__contains__, GradeBook(runtime, _complain).may_choose
    diagnostician = Diagnostician(bus, store, policy.now, chain.providers, chain.breakers, may_choose, leaves, budgets)
    silences = SilenceFilter(_silence_folder(runtime), store)
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
    requests = RequestFolder(runtime)
    try:
        requests.prepare()
    except OSError as error:  # requests wait in their stream then
        log.warning("planner.requests_not_made", folder=str(requests.root), error=str(error))
    ttl = timedelta(seconds=settings.proposal_ttl_seconds)
    filing = RequestFiling(store, actions, writer.drafts, ttl, _now, SyntaxCheck(bus))
    task_writer = TaskWriter(chain.providers, chain.writers, chain.breakers, AttemptReports(bus, budgets).tell)
    drafting = ModelDrafting(task_writer, requests, filing, policy.config, _now)
    inbox = RequestInbox(bus, asked, requests, filing, policy.config, drafting, pulse, _now)
    channel = RequestChannel(bus, "planner", turned=pulse.watch("listening to hand-published requests"))
    written = (actions.folder(Folder.PENDING), runtime / "state")
    probes = Probes(
        PLANNER,
        runtime,
        checks={"redis": takes_writes(bus), "folders": writable(lambda: written), "models": chain.ready},
        figures=(chain.circuits, budgets.figures, planner.figures),
    )
    log.info("planner.ready", consumer=name, providers=chain.names, redis=masked(settings.redis_url))
    serve(
        PLANNER,
        runtime,
        {
            "plan": planner.run,
            "claims": planner.keep_claims,
            "bridge": _bridge(bus, consumer, runtime, pulse).run,
            "requests": inbox.run,
            "request channel": channel.run,
            "request sweep": inbox.sweep,
            "drafts": writer.drafts.sweep,
            "server": _looking_at_server(bus, masked(settings.redis_url)),
            "probes": ProbesServer(address_for(settings.metrics_listen, SERVICES[PLANNER].port), probes).run,
        },
        pulse=pulse,
        closing=[*(provider.close for provider in chain.providers), consumer.close, asked.close, bus.close],
    )


def _bridge(bus: Bus, consumer: Consumer, runtime: Path, pulse: Pulse) -> Bridge:
    names = NameBook(runtime / "config" / "inventory.yml")
    return Bridge(
        bus,
        "planner",
        on_stream=consumer.hint,
        on_listening=consumer.look_around,
        named=names.named,
        defers=lambda: names.is_closed,
        turned=pulse.watch("listening to hand-published messages"),
    )


def _silence_folder(runtime: Path) -> SilenceFolder:
    folder = SilenceFolder(runtime)
    try:
        folder.prepare()
    except OSError as error:  # it is only read then, and whoever writes the first silence makes it
        log.warning("planner.silences_not_made", folder=str(folder.root), error=str(error))
    return folder


def _note(runtime: Path, lifeline: Lifeline, chain: ConfiguredChain) -> None:
    """What others show and protect of this planner; it works without."""
    if not_noted := note_lifeline(runtime, PLANNER, lifeline):
        log.warning("planner.lifeline_not_noted", reason=str(not_noted))
    if not_noted := note_chain(runtime, chain.names, chain.forbidden):
        log.warning("planner.chain_not_noted", reason=str(not_noted))


def _looking_at_server(bus: Bus, address: str) -> Part:
    async def look(stop: asyncio.Event) -> None:
        while True:
            try:
                for warning in await check_server(bus):
                    log.warning("planner.redis_unsafe", warning=warning, redis=address)
                break
            except BusDown:
                if await pause(stop, 2):
                    return
        await stop.wait()

    return look


def _now() -> datetime:
    return datetime.now(UTC)


def _complain(file: Path, sentence: str) -> None:
    log.warning("planner.config_unusable", file=str(file), reason=sentence)


if __name__ == "__main__":
    main()
