"""The parts of one planner: each is made when another one asks for it. Starts none, and reads no environment."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import structlog

from mesh_core.approvals.planner_folders import PlannerFolders
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.llm.grades import GradeBook
from mesh_core.messaging.bridge import Bridge
from mesh_core.messaging.bus import Bus, BusDown, masked
from mesh_core.messaging.consumer import Consumer
from mesh_core.messaging.redis_settings import check_server
from mesh_core.messaging.redis_state import takes_writes
from mesh_core.models.proposals import Folder
from mesh_core.models.records import utc_now
from mesh_core.models.requests import MAX_REQUEST_BYTES, Request
from mesh_core.models.streams import ENTERED, EVENT_STREAM_PREFIX
from mesh_core.policy.current_config import LatestPolicy
from mesh_core.policy.inventory.name_book import NameBook
from mesh_core.runtime.addresses import address_for
from mesh_core.runtime.health import Probes, writable
from mesh_core.runtime.health_http import ProbesServer
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import Closing, Part, pause
from mesh_core.runtime.services import PLANNER, SERVICES
from mesh_core.silences.folder import SilenceFolder
from planner_agent.diagnosis.attempt_reports import AttemptReports
from planner_agent.diagnosis.budget_book import BudgetBook
from planner_agent.diagnosis.configured_chain import ConfiguredChain
from planner_agent.diagnosis.diagnosis import Diagnostician
from planner_agent.intake.consumer_name import claim_consumer_name
from planner_agent.intake.keyed_queue import KeyedQueue
from planner_agent.intake.silence_filter import SilenceFilter
from planner_agent.planner import Planner
from planner_agent.proposal_writer import ProposalWriter
from planner_agent.requests.channel import RequestChannel
from planner_agent.requests.filing import RequestFiling
from planner_agent.requests.inbox import RequestInbox
from planner_agent.requests.model_drafting import ModelDrafting
from planner_agent.requests.syntax_check import SyntaxCheck
from planner_agent.requests.writing.task_writer import TaskWriter
from planner_agent.settings import PlannerSettings
from planner_agent.store.planner_store import GROUP, PlannerStore

log = structlog.get_logger()


class PlannerWiring:
    """`parts` run side by side until all end; `closing` gives connections back after them, in order."""

    def __init__(self, settings: PlannerSettings, chain: ConfiguredChain, policy: LatestPolicy):
        self._settings = settings
        self._runtime: Path = settings.runtime_path
        self._chain = chain
        self._policy = policy
        self._bus = Bus.connect(settings.redis_url, PLANNER)
        self._actions = PlannerFolders(self._runtime)
        self._actions.prepare()
        self.pulse = Pulse()
        self.consumer_name = claim_consumer_name(self._runtime, settings.node_name)

    @cached_property
    def parts(self) -> dict[str, Part]:
        return {**self._planning(), **self._answering(), "server": self._look_at_server, "probes": self._probes.run}

    @property
    def closing(self) -> list[Closing]:
        models = (provider.close for provider in self._chain.providers)
        return [*models, self._consumer.close, self._asked.close, self._bus.close]

    def _planning(self) -> dict[str, Part]:
        """From events to proposals."""
        planner, names = self._planner, NameBook(self._runtime / "config" / "inventory.yml")
        bridge = Bridge(
            self._bus,
            "planner",
            on_stream=self._consumer.hint,
            on_listening=self._consumer.look_around,
            named=names.named,
            defers=lambda: names.is_closed,
            turned=self.pulse.watch("listening to hand-published messages"),
        )
        drafts = self._writer.drafts
        return {"plan": planner.run, "claims": planner.keep_claims, "bridge": bridge.run, "drafts": drafts.sweep}

    def _answering(self) -> dict[str, Part]:
        """From what people ask for in words to proposals."""
        config, requests, filing = self._policy.config, self._requests, self._filing
        attempts = AttemptReports(self._bus, self._budgets)
        task_writer = TaskWriter(self._chain.providers, self._chain.writers, self._chain.breakers, attempts.tell)
        drafting = ModelDrafting(task_writer, requests, filing, config, utc_now)
        inbox = RequestInbox(self._bus, self._asked, requests, filing, config, drafting, self.pulse, utc_now)
        turned = self.pulse.watch("listening to hand-published requests")
        channel = RequestChannel(self._bus, "planner", turned=turned)
        return {"requests": inbox.run, "request channel": channel.run, "request sweep": inbox.sweep}

    @cached_property
    def _consumer(self) -> Consumer:
        pattern = f"{EVENT_STREAM_PREFIX}*"
        return Consumer(self._bus, GROUP, self.consumer_name, pattern=pattern, streams=tuple(ENTERED.values()))

    @cached_property
    def _asked(self) -> Consumer:
        return Consumer(self._bus, GROUP, self.consumer_name, streams=(Request.stream,), longest=MAX_REQUEST_BYTES + 1)

    @cached_property
    def _store(self) -> PlannerStore:
        cooldown_ms = max(1, int(self._settings.cooldown_seconds * 1000))
        return PlannerStore(self._bus, cooldown_ms=cooldown_ms, keep_seconds=self._settings.proposal_ttl_seconds)

    @cached_property
    def _budgets(self) -> BudgetBook:
        return BudgetBook(self._bus, self._chain.budgets)

    @cached_property
    def _diagnostician(self) -> Diagnostician:
        return Diagnostician(
            self._bus,
            self._store,
            self._policy.now,
            self._chain.providers,
            self._chain.breakers,
            GradeBook(self._runtime, complain).may_choose,
            self._chain.outside.__contains__,
            self._budgets,
        )

    @cached_property
    def _silences(self) -> SilenceFilter:
        folder = SilenceFolder(self._runtime)
        try:
            folder.prepare()
        except OSError as error:  # it is only read then, and whoever writes the first silence makes it
            log.warning("planner.silences_not_made", folder=str(folder.root), error=str(error))
        return SilenceFilter(folder, self._store)

    @cached_property
    def _writer(self) -> ProposalWriter:
        return ProposalWriter(
            self._bus,
            self._store,
            self._actions,
            self._diagnostician,
            self._silences,
            ttl_seconds=self._settings.proposal_ttl_seconds,
            hold_seconds=self._settings.hold_seconds,
            storm_subjects=self._settings.storm_subjects,
            inventory=self._policy.config.inventory,
        )

    @cached_property
    def _planner(self) -> Planner:
        queue = KeyedQueue(self._settings.planner_parallel, on_failure=self._consumer.interrupt)
        return Planner(
            self._bus, self._consumer, self._store, self._actions, self._writer, queue, self._silences, self.pulse
        )

    @cached_property
    def _requests(self) -> RequestFolder:
        folder = RequestFolder(self._runtime)
        try:
            folder.prepare()
        except OSError as error:  # requests wait in their stream then
            log.warning("planner.requests_not_made", folder=str(folder.root), error=str(error))
        return folder

    @cached_property
    def _filing(self) -> RequestFiling:
        ttl = timedelta(seconds=self._settings.proposal_ttl_seconds)
        return RequestFiling(self._store, self._actions, self._writer.drafts, ttl, utc_now, SyntaxCheck(self._bus))

    @cached_property
    def _probes(self) -> ProbesServer:
        written = (self._actions.folder(Folder.PENDING), self._runtime / "state")
        probes = Probes(
            PLANNER,
            self._runtime,
            checks={
                "redis": takes_writes(self._bus),
                "folders": writable(lambda: written),
                "models": self._chain.ready,
            },
            figures=(self._chain.circuits, self._budgets.figures, self._planner.figures),
        )
        return ProbesServer(address_for(self._settings.metrics_listen, SERVICES[PLANNER].port), probes)

    async def _look_at_server(self, stop: asyncio.Event) -> None:
        """Once Redis answers: is it set up so that it keeps what it is told?"""
        while True:
            try:
                for warning in await check_server(self._bus):
                    log.warning("planner.redis_unsafe", warning=warning, redis=masked(self._settings.redis_url))
                break
            except BusDown:
                if await pause(stop, 2):
                    return
        await stop.wait()


def complain(file: Path, sentence: str) -> None:
    """A file of settings that cannot be used while the planner runs."""
    log.warning("planner.config_unusable", file=str(file), reason=sentence)


def _now() -> datetime:
    return utc_now()
