"""Asks the rooms that fit an event, one after the other, for a bounded time. Never holds up the agent, never raises."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from mesh_core.incidents.investigation import INVESTIGATION
from node_agent.checks.check_result import CheckResult
from node_agent.host.detached_thread import DetachedThread
from node_agent.host.host_files import sees_host_files
from node_agent.host.mounts import read_mounts
from node_agent.investigation.options import InvestigationOptions
from node_agent.investigation.question import Question, Room

BUDGET_SECONDS = 6.0  # of looking in a row, when much breaks at once ...
EARNED_SECONDS = 0.05  # ... and how much of it comes back in a second
LOOKING = 0.9  # the share of the time in which rooms look; then their facts have to get here

log = structlog.get_logger()


@dataclass
class _Look:
    """One investigation; its thread writes `found`, room by room."""

    rooms: Sequence[Room]
    question: Question
    found: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def run(self) -> None:
        for room in self.rooms:
            if self.question.over():
                self.failed[room.name] = "no time was left"
                continue
            try:
                if facts := room.look(self.question):
                    self.found[room.name] = {**self.found.get(room.name, {}), **facts}
            except Exception as error:  # noqa: BLE001 - whatever a host has in store, the other rooms are looked at
                self.failed[room.name] = f"{type(error).__name__}: {error}"[:200]


class Investigator:
    """One a host."""

    def __init__(self, options: InvestigationOptions, rooms: Sequence[Room]):
        self._seconds = options.seconds
        self._rooms = rooms if options.enabled else ()
        self._turn = asyncio.Lock()
        self._thread = DetachedThread("investigation")
        self._left = BUDGET_SECONDS
        self._counted_at = time.monotonic()
        try:
            self._host_files = sees_host_files(read_mounts())
        except OSError:
            self._host_files = False

    async def look(self, result: CheckResult) -> dict[str, Any]:
        """`{"investigation": {...}}` within the bound, or nothing."""
        started = time.monotonic()
        deadline = started + LOOKING * self._seconds
        found: dict[str, Any] = {}
        with contextlib.suppress(TimeoutError):  # what is there by then is what there is
            async with asyncio.timeout(self._seconds), self._turn:
                question = Question(result.type, result.facts, deadline, self._host_files, result.service or "")
                rooms = [room for room in self._rooms if room.fits(question)]
                if not rooms or not self._may_look():
                    return {}
                await self._look(_Look(rooms, question, found))
        if not found:
            return {}
        return {INVESTIGATION: {**found, "took_ms": round(1000 * (time.monotonic() - started))}}

    async def _look(self, look: _Look) -> None:
        began, ended = time.monotonic(), False
        try:
            ended = await self._thread.run(look.run)
        finally:
            self._left -= time.monotonic() - began
            if look.failed or not ended:
                log.info("investigation.incomplete", found=sorted(look.found), failed=look.failed, late=not ended)

    def _may_look(self) -> bool:
        now = time.monotonic()
        self._left = min(BUDGET_SECONDS, self._left + (now - self._counted_at) * EARNED_SECONDS)
        self._counted_at = now
        return self._left > 0 and not self._thread.looks
