"""What becomes of a request that no recipe knows: a model writes its tasks, and just these are filed, on every host.

What was written lies in requests/<id>.json before anything is filed: whoever comes after a crash files that, and asks
no model again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog

from mesh_core.actions.register import current
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.messaging.bus import BusDown
from mesh_core.models.records import rfc3339
from mesh_core.models.requests import Request, RequestState, RequestStatus
from mesh_core.policy.current_config import ConfigReader, ConfigSnapshot
from planner_agent.requests.drafting import Drafted, Refused, drafted, drafted_of
from planner_agent.requests.filing import RequestFiling
from planner_agent.requests.understanding import Beyond
from planner_agent.requests.writing.steps import Task
from planner_agent.requests.writing.task_writer import TaskWriter, Written

AT_ONCE = 2  # requests over which models sit; more would only wait in the models' own lines
_CHANGED = "what it may say has changed while a model wrote; ask again"

log = structlog.get_logger()


class ModelDrafting:
    """Of one planner. Both steps may be repeated; they raise BusDown, OSError."""

    def __init__(
        self,
        writer: TaskWriter,
        folder: RequestFolder,
        filing: RequestFiling,
        config: ConfigReader,
        clock: Callable[[], datetime],
    ):
        self.writer = writer
        self._folder = folder
        self._filing = filing
        self._config = config
        self._clock = clock
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def written(self, request_id: str) -> Written | str:
        """What a model wrote for it, now or before; or why none did."""
        async with self._turns:
            status = await asyncio.to_thread(self._folder.get, request_id)
            if status is None or status.state is not RequestState.WRITING:
                return ""  # nobody wants it any more
            if status.written and status.written_by:
                return Written(status.written, status.written_by)
            return await self._asked(status)

    async def settled(self, status: RequestStatus, written: Written | str) -> RequestStatus:
        """That request filed, or refused with the reason. `status`: as it stands, still being written."""
        if isinstance(written, str):
            return self._as(status, RequestState.REFUSED, f"{status.reason}; and no model could write it ({written})")
        kept = status.model_copy(
            update={"written": tuple(dict(task) for task in written.tasks), "written_by": written.model}
        )
        await asyncio.to_thread(self._folder.put, kept)
        draft = await self._drafted(kept, written)
        if isinstance(draft, Refused):
            return self._as(status, RequestState.REFUSED, draft.reason)
        filed = await self._filing.file(kept.request, kept.entry, draft, written.model)
        if isinstance(filed, Refused):
            return self._as(status, RequestState.REFUSED, filed.reason)
        return self._as(kept, filed.state).model_copy(update={**filed.told, "risk": draft.risk})

    async def _asked(self, status: RequestStatus) -> Written | str:
        request, config = status.request, await asyncio.to_thread(self._config.read)
        try:
            order = await self._order(status, config)
            if order is None:
                return _CHANGED
            wrong = partial(wrong_with, request, order, config)
            return await self.writer.write(request, order, current().asked_for, wrong)
        except BusDown:
            raise
        except Exception:  # whatever somebody or a model wrote must not end the planner, now and after each start
            log.exception("requests.not_written", request=request.id)
            return "the planner made a mistake over it, its log says more"

    async def _drafted(self, status: RequestStatus, written: Written) -> Drafted | Refused:
        config = await asyncio.to_thread(self._config.read)
        order = await self._order(status, config)
        if order is None:
            return Refused(_CHANGED)
        return await asyncio.to_thread(drafted_of, status.request, order, written.tasks, config)

    async def _order(self, status: RequestStatus, config: ConfigSnapshot) -> Beyond | None:
        """What a model may see of it; None where by now it may see nothing."""
        made = await asyncio.to_thread(drafted, status.request, status.answers, config)
        return made.beyond if isinstance(made, Refused) else None

    def _as(self, status: RequestStatus, state: RequestState, reason: str = "") -> RequestStatus:
        return status.model_copy(update={"state": state, "reason": reason, "updated_at": rfc3339(self._clock())})


def wrong_with(request: Request, order: Beyond, config: ConfigSnapshot, tasks: tuple[Task, ...]) -> str:
    """What the lint says of tasks that a model wrote; '' where it takes them."""
    made = drafted_of(request, order, tasks, config, first=True)
    return made.reason if isinstance(made, Refused) else ""
