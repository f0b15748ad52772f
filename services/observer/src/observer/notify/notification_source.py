"""What an entry of a stream has to say to people: what the first trigger says that knows it, unless it is silenced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import structlog
from pydantic import ValidationError

from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.models.proposals import EXECUTED, ActionUpdate, Folder, Proposal
from mesh_core.models.records import Record, is_name
from mesh_core.policy.remedy_folder import RemedyFolder
from mesh_core.silences.folder import SilenceFolder
from mesh_core.silences.silence import silences_for
from observer.notify.notifications import Notification
from observer.notify.triggers import TRIGGERS, kinds

NODE_OFFLINE = "node_offline"  # also the type of event that a silence may name

log = structlog.get_logger()
R = TypeVar("R", bound=Record)


class NotificationSource:
    """Looks into actions/ for what an entry is about, and into the silences; changes neither."""

    def __init__(self, actions: ActionFolders, silences: SilenceFolder, clock: Callable[[], datetime]):
        self._actions = actions
        self._silences = silences
        self._clock = clock
        self._remedies = RemedyFolder(actions.root.parent)

    def records(self) -> list[type[Record]]:
        """The kinds of records that any trigger knows, each once; the stream of each is to be read."""
        return list(dict.fromkeys(trigger.record for trigger in TRIGGERS))

    async def notification_for(self, kind: type[Record], raw: bytes, entry: str) -> Notification | None:
        """Of `raw`, entry `entry` of the stream that carries records of this kind."""
        record = _record(kind, raw)
        if record is None:
            return None
        proposal = await asyncio.to_thread(self._proposal, record) if isinstance(record, ActionUpdate) else None
        made = (trigger.of(record, entry, proposal) for trigger in TRIGGERS if trigger.record is kind)
        found = next((one for one in made if one is not None), None)
        if found is not None and kinds()[found.kind].heeds_silences and self._is_silenced(found):
            log.info("notify.silenced", node=found.node, kind=found.kind)
            return None
        return found

    def _is_silenced(self, about: Notification) -> bool:
        return bool(silences_for(self._silences.current(), about.node, None, NODE_OFFLINE, self._clock()))

    def _proposal(self, update: ActionUpdate) -> Proposal | None:
        """Of what waits or has expired, or of a run that is over; others were decided or cannot be trusted."""
        self._remedies.use()  # what a proposal touches, its remedy says
        if update.to_folder == Folder.PENDING:
            waiting = self._actions.pending()
            return next((filed.proposal for filed in waiting if filed.name.id == update.action_id), None)
        if update.to_folder == Folder.EXPIRED:
            lies = [path for folder, path in self._actions.find(update.action_id) if folder is Folder.EXPIRED]
            return self._actions.proposal_at(lies[0]) if lies else None
        if update.to_folder in EXECUTED and is_name(update.action_id[:128]):
            return self._actions.proposal_at(self._actions.folder(Folder(update.to_folder)) / update.action_id)
        return None


def _record(cls: type[R], raw: bytes) -> R | None:
    try:
        return cls.model_validate_json(raw)
    except ValidationError:
        return None  # somebody else's entry: nothing that people must hear of
