"""Requests as they come: read, drafted, filed, and where each of them stands. Here the machine stops.

| dies after | what is left | what the next one does |
|---|---|---|
| read | the entry, pending in the group | takes it over |
| some hosts are filed | their files and receipts | files the others; the ids follow from the entry |
| all are filed | no word about it | the same, and nothing is filed twice |
| requests/<id>.json | an update that was not told | tells it; then acknowledges |
| a reply was claimed | requests/<id>.after-*.reply | goes on with that very reply; every other one is refused |
| a model is asked | the entry, and the state `writing` | asks again |
| what it wrote is in requests/<id>.json | the same | files just that |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from mesh_core.approvals.request_folder import KEEP_DAYS, RequestFolder
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.consumer import Consumer
from mesh_core.messaging.group_commands import Entry
from mesh_core.models.parsing import read_asked
from mesh_core.models.records import rfc3339
from mesh_core.models.requests import (
    Request,
    RequestReply,
    RequestState,
    RequestStatus,
    RequestUpdate,
)
from mesh_core.models.streams import entry_order
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.current_config import ConfigReader
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import cancelled, pause
from planner_agent.requests.drafting import Drafted, QuestionsOpen, Refused, drafted
from planner_agent.requests.filing import RequestFiling
from planner_agent.requests.model_drafting import ModelDrafting
from planner_agent.requests.wording import told_text
from planner_agent.requests.writing.task_writer import Written
from planner_agent.store.planner_store import GROUP

RETRY_SECONDS = 1.0
SWEEP_SECONDS = 3600.0
MOST_WRITING = 50  # requests in hand over which a model sits or waits to; what is more waits in the stream
WEEK_MS = 7 * 86_400_000
ROUND = "reading requests"

log = structlog.get_logger()


class RequestInbox:
    """One replica; several share the work. `run` and `sweep` are parts of the service."""

    def __init__(
        self,
        bus: Bus,
        consumer: Consumer,
        folder: RequestFolder,
        filing: RequestFiling,
        config: ConfigReader,
        models: ModelDrafting,
        pulse: Pulse,
        clock: Callable[[], datetime],
    ):
        self._bus = bus
        self._consumer = consumer
        self._folder = folder
        self._filing = filing
        self._config = config
        self._models = models
        self._writing: set[asyncio.Task[None]] = set()
        self._one_by_one = asyncio.Lock()  # what a person cancels, and what a model has written meanwhile
        self._pulse = pulse
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop. Redis away or a full disk only delay: what is in hand comes again."""
        turned = self._pulse.watch(ROUND)
        entries: list[Entry] = []
        try:
            while not stop.is_set():
                turned()
                try:
                    if self._writing:
                        await self._consumer.renew()
                    if len(self._writing) >= MOST_WRITING:
                        await pause(stop, RETRY_SECONDS)
                        continue
                    entries = entries or await self._consumer.read(stop=stop)
                    while entries:
                        turned()
                        async with self._one_by_one:
                            await self._take(entries[0])
                        entries = entries[1:]
                except (BusDown, OSError) as error:
                    log.warning("requests.delayed", error=str(error), retry_in_seconds=RETRY_SECONDS)
                    await pause(stop, RETRY_SECONDS)
        finally:
            self._pulse.rest(ROUND)
            await cancelled(*self._writing)

    async def sweep(self, stop: asyncio.Event) -> None:
        """Every hour: forget what nobody spoke of for long, and what lies in the stream read since a week."""
        while not await pause(stop, SWEEP_SECONDS):
            try:
                await asyncio.to_thread(self._folder.forget, self._clock().timestamp() - KEEP_DAYS * 86_400)
                await self._consumer.trim(groups=(GROUP,), prefix=Request.stream, keep_ms=WEEK_MS)
            except (BusDown, OSError) as error:
                log.warning("requests.sweep_failed", error=str(error))

    async def _take(self, entry: Entry) -> None:
        """Everything about one entry, up to its acknowledgement, or until a model writes. It may be repeated."""
        asked = read_asked(entry.raw, max(0, entry_order(entry.id)[0]))
        match asked:
            case Request():
                status = await self._asked(asked, entry)
            case RequestReply():
                status = await self._replied(asked, entry)
            case Refusal():
                status = asked
        if isinstance(status, Refusal):
            log.warning("requests.refused", entry=entry.id, reason=status.reason)
            await self._bus.refuse(
                entry.raw, source=entry.stream, reason=status.reason, actor="planner", entry_id=entry.id
            )
        else:
            await self._keep(status, entry)
        if isinstance(status, RequestStatus) and status.state is RequestState.WRITING:
            writing = asyncio.create_task(self._write(status, entry), name=f"writing {status.request.id}")
            self._writing.add(writing)
            writing.add_done_callback(self._ended)
        else:
            await self._consumer.acknowledge([entry])

    async def _keep(self, status: RequestStatus, entry: Entry) -> None:
        """On the disk, then told."""
        await asyncio.to_thread(self._folder.put, status)
        update = RequestUpdate.of(status).model_copy(update={"text": told_text(status.request)})
        await self._bus.publish(update, idempotency_key=f"told:{status.request.id}:{entry.id}:{status.state}")
        log.info("requests.state", request=status.request.id, state=status.state, reason=status.reason)

    async def _asked(self, request: Request, entry: Entry) -> RequestStatus | Refusal:
        known = await asyncio.to_thread(self._folder.get, request.id)
        if known and known.entry != entry.id:
            return Refusal(f"id: there is a request {request.id} already; give this one another id, or none")
        return known or await self._drafted(request, {}, entry.id)

    async def _replied(self, reply: RequestReply, entry: Entry) -> RequestStatus | Refusal:
        known = await asyncio.to_thread(self._folder.get, reply.request)
        if known is None:
            return Refusal(f"request: there is no request {reply.request}")
        if known.answered_by == entry.id:
            return known
        if known.state is not RequestState.ASKS and not (reply.cancel and known.state is RequestState.WRITING):
            return Refusal(f"request: {reply.request} asks nothing: it is {known.state}")
        if not await asyncio.to_thread(self._folder.claim_reply, known, entry.id):
            return Refusal(
                f"request: another reply to {reply.request} came first; look where it stands, then reply again"
            )
        if reply.cancel:
            status = self._status(known.request, known.answers, known.entry, RequestState.CANCELLED, f"by {reply.by}")
        else:
            status = await self._drafted(known.request, {**known.answers, **reply.answers}, known.entry)
        return status.model_copy(update={"answered_by": entry.id})

    async def _drafted(self, request: Request, answers: Mapping[str, str], entry: str) -> RequestStatus:
        if wrong := self._models.writer.problem_with(request.model):
            return self._status(request, answers, entry, RequestState.REFUSED, wrong)
        config = await asyncio.to_thread(self._config.read)
        try:
            draft = await asyncio.to_thread(drafted, request, answers, config)
        except Exception:  # whatever somebody wrote must not end the planner, now and again after each start
            log.exception("requests.not_drafted", request=request.id)
            draft = Refused("the planner made a mistake over it, its log says more; say it otherwise")
        match draft:
            case Refused() if draft.beyond and self._models.writer.may_write(request.model):
                return self._status(request, answers, entry, RequestState.WRITING, draft.reason)
            case Refused():
                return self._status(request, answers, entry, RequestState.REFUSED, draft.reason)
            case QuestionsOpen():
                asks = self._status(request, answers, entry, RequestState.ASKS)
                return asks.model_copy(update={"questions": draft.questions})
            case Drafted():
                return await self._filed(request, answers, entry, draft)

    async def _write(self, status: RequestStatus, entry: Entry) -> None:
        """A task of its own, until it is settled: other requests do not wait for a model."""
        while True:
            try:
                written = await self._models.written(status.request.id)
                async with self._one_by_one:
                    await self._conclude(status.request.id, written, entry)
                return
            except (BusDown, OSError) as error:
                log.warning("requests.delayed", error=str(error), retry_in_seconds=RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        if not task.cancelled() and (error := task.exception()):  # its entry comes again after the next start
            log.error("requests.writing_ended", task=task.get_name(), error=f"{type(error).__name__}: {error}")

    async def _conclude(self, request_id: str, written: Written | str, entry: Entry) -> None:
        status = await asyncio.to_thread(self._folder.get, request_id)
        if status and status.state is RequestState.WRITING:
            status = await self._models.settled(status, written)
        if status and status.state is not RequestState.CANCELLED:  # by a reply, which told it
            await self._keep(status, entry)
        await self._consumer.acknowledge([entry])

    async def _filed(self, request: Request, answers: Mapping[str, str], entry: str, draft: Drafted) -> RequestStatus:
        filed = await self._filing.file(request, entry, draft)
        if isinstance(filed, Refused):
            return self._status(request, answers, entry, RequestState.REFUSED, filed.reason)
        status = self._status(request, answers, entry, filed.state)
        return status.model_copy(update={**filed.told, "recipes": draft.recipes, "risk": draft.risk})

    def _status(
        self, request: Request, answers: Mapping[str, str], entry: str, state: RequestState, reason: str = ""
    ) -> RequestStatus:
        return RequestStatus(
            request=request,
            entry=entry,
            state=state,
            reason=reason,
            answers=dict(answers),
            updated_at=rfc3339(self._clock()),
        )
