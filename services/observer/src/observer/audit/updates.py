"""What the executor and the planner did, out of the stream of action updates; and the log's end, noted in Redis.

Up to which entry the stream is read lies in state/audit.position; what comes twice after a crash is known again.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import ValidationError

from mesh_core.messaging.bus import Bus
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.streams import entry_order
from mesh_core.storage.audit_log import HEAD_KEY, Head, head_in
from mesh_core.storage.files import write_whole
from observer.audit.auditor import Auditor


class UpdateSource:
    """Opens the log, and works as soon as Redis is there."""

    def __init__(self, bus: Bus, auditor: Auditor, position_file: Path):
        self._bus = bus
        self._auditor = auditor
        self._file = position_file
        self._position = ""
        self._compared = False
        self._noted = Head()

    async def look(self) -> bool:
        """Once. Raises BusDown, OSError and AuditBusy: then again later."""
        if not self._auditor.log.is_open:
            await asyncio.to_thread(self._auditor.log.open, self._auditor.remember)
        if not self._position:
            # The log itself is ahead of the file if we died between the two.
            behind = self._auditor.last_source.rpartition("/")[2]
            self._position = max(_read(self._file), behind, key=entry_order)
        await self._follow()
        await self._anchor()
        return True

    async def _follow(self) -> None:
        while True:
            first = f"({self._position}" if self._position else "-"
            page, ended = await self._bus.page(ActionUpdate.stream, first)
            for entry, raw in page:
                try:
                    update = ActionUpdate.model_validate_json(raw)
                except ValidationError:
                    update = None
                if update is not None:
                    await self._auditor.updated(update, f"{ActionUpdate.stream}/{entry}")
                self._position = entry
            if page:
                await asyncio.to_thread(write_whole, self._file, f"{self._position}\n".encode())
            if ended:
                return

    async def _anchor(self) -> None:
        """The end of the log, where somebody who rewrites the file does not think of."""
        if not self._compared:
            raw = await self._bus.call("GET", HEAD_KEY)
            noted = head_in(raw) if raw else None
            wrong = self._auditor.log.disagrees(noted) if noted else None
            if wrong and noted:
                sentence = f"Redis knows another end of this log: {wrong}"
                await asyncio.to_thread(self._auditor.log.damaged, sentence, after=noted.seq)
            self._compared = True
        head = self._auditor.log.head
        if head != self._noted:
            await self._bus.call("SET", HEAD_KEY, str(head))
            self._noted = head


def _read(path: Path) -> str:
    try:
        text = path.read_text().strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
    return text if entry_order(text) > (-1, -1) else ""
