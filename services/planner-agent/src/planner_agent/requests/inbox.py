"""Requests as they come: read, drafted, filed, and where each of them stands. Here the machine stops.

| dies after | what is left | what the next one does |
|---|---|---|
| read | the entry, pending in the group | takes it over |
| some hosts are filed | their files and receipts | files the others; the ids follow from the entry |
| all are filed | no word about it | the same, and nothing is filed twice |
| requests/<id>.json | an update that was not told | tells it; then acknowledges |
| a reply was claimed | requests/<id>.after-*.reply | goes on with that very reply; every other one is refused |
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
    RequestedProposal,
    RequestReply,
    RequestState,
    RequestStatus,
    RequestUpdate,
)
from mesh_core.models.run_options import Verify
from mesh_core.models.streams import entry_order
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.current_config import ConfigReader
from mesh_core.runtime.pulse import Pulse
from mesh_core.runtime.service import pause
from planner_agent.requests.drafting import Asking, Drafted, Refused, drafted
from planner_agent.requests.filing import RequestFiling
from planner_agent.requests.syntax_check import SyntaxCheck
from planner_agent.requests.wording import told_text

GROUP = "planner"
RETRY_SECONDS = 1.0
SWEEP_SECONDS = 3600.0
WEEK_MS = 7 * 86_400_000
ROUND = "reading requests"
NOBODY_CHECKS = "no executor answered, so nobody has checked its syntax; the gate has nothing against it; ask again"

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
        pulse: Pulse,
        clock: Callable[[], datetime],
        syntax: SyntaxCheck,
    ):
        self._bus = bus
        self._consumer = consumer
        self._folder = folder
        self._filing = filing
        self._config = config
        self._pulse = pulse
        self._clock = clock
        self._syntax = syntax

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop. Redis away or a full disk only delay: what is in hand comes again."""
        turned = self._pulse.watch(ROUND)
        entries: list[Entry] = []
        try:
            while not stop.is_set():
                turned()
                try:
                    entries = entries or await self._consumer.read(stop=stop)
                    while entries:
                        turned()
                        await self._take(entries[0])
                        await self._consumer.acknowledge(entries[:1])
                        entries = entries[1:]
                except (BusDown, OSError) as error:
                    log.warning("requests.delayed", error=str(error), retry_in_seconds=RETRY_SECONDS)
                    await pause(stop, RETRY_SECONDS)
        finally:
            self._pulse.rest(ROUND)

    async def sweep(self, stop: asyncio.Event) -> None:
        """Every hour: forget what nobody spoke of for long, and what lies in the stream read since a week."""
        while not await pause(stop, SWEEP_SECONDS):
            try:
                await asyncio.to_thread(self._folder.forget, self._clock().timestamp() - KEEP_DAYS * 86_400)
                await self._consumer.trim(groups=(GROUP,), prefix=Request.stream, keep_ms=WEEK_MS)
            except (BusDown, OSError) as error:
                log.warning("requests.sweep_failed", error=str(error))

    async def _take(self, entry: Entry) -> None:
        """Everything about one entry, up to its acknowledgement. It may be repeated."""
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
            return
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
        if known.state is not RequestState.ASKS:
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
        config = await asyncio.to_thread(self._config.read)
        try:
            draft = await asyncio.to_thread(drafted, request, answers, config)
        except Exception:  # whatever somebody wrote must not end the planner, now and again after each start
            log.exception("requests.not_drafted", request=request.id)
            draft = Refused("the planner made a mistake over it, its log says more; say it otherwise")
        match draft:
            case Refused():
                return self._status(request, answers, entry, RequestState.REFUSED, draft.reason)
            case Asking():
                asks = self._status(request, answers, entry, RequestState.ASKS)
                return asks.model_copy(update={"questions": draft.questions})
            case Drafted():
                return await self._checked(request, answers, entry, draft)

    async def _checked(self, request: Request, answers: Mapping[str, str], entry: str, draft: Drafted) -> RequestStatus:
        """One syntax for all hosts: their playbooks differ in nothing but `hosts`."""
        host, playbook = next(iter(draft.playbooks.items()))
        said = await self._syntax.check(playbook, host)
        if said and said.problem:
            reason = f"Ansible cannot read its playbook: {said.problem}"
            return self._status(request, answers, entry, RequestState.REFUSED, reason)
        if request.verify is Verify.SYNTAX:
            if said is None:
                return self._status(request, answers, entry, RequestState.REFUSED, NOBODY_CHECKS)
            status = self._status(request, answers, entry, RequestState.CHECKED)
            more = {"recipes": draft.recipes, "risk": draft.risk, "playbook": playbook, "syntax_checked": True}
            return status.model_copy(update=more)
        filed = await self._filed(request, answers, entry, draft, checked=said is not None)
        return filed.model_copy(update={"syntax_checked": said is not None})

    async def _filed(
        self, request: Request, answers: Mapping[str, str], entry: str, draft: Drafted, *, checked: bool
    ) -> RequestStatus:
        filed: list[RequestedProposal] = []
        for host, playbook in draft.playbooks.items():
            action_id = await self._filing.file(request, entry, playbook, host, draft.risk, checked=checked)
            filed.append(RequestedProposal(host=host, action_id=action_id))
        status = self._status(request, answers, entry, RequestState.FILED)
        more = {"proposals": tuple(filed), "recipes": draft.recipes, "risk": draft.risk}
        return status.model_copy(update=more)

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
