"""An index over real folders, driven turn by turn without an event loop, and short ways to put things into them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from mesh_core.approvals.proposal_files import ActionName
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import Decision, HealthEvent, Trust
from mesh_core.models.outcomes import Outcome, Stage
from mesh_core.models.proposals import ActionUpdate, Folder, ModelRef, Proposal, proposal_id
from mesh_core.storage.files import write_whole
from mesh_core.testing import AllFolders
from observer.archive.events import EventArchive
from observer.archive.logbook import Logbook, LogbookEntry
from observer.index.events import EventFilter, read_events
from observer.index.history import HistoryFilter, read_history
from observer.index.incident_query import load_incident
from observer.index.indexer import Indexer
from observer.index.keys import time_of
from observer.index.results import EventPage, HistoryPage, Incident
from observer.index.store import IndexCorrupt
from observer.index.timeline import build_timeline

T = TypeVar("T")
BASE_MS = 1_779_969_600_000  # 2026-05-28T12:00:00Z


@dataclass
class Shelf:
    """`runtime` with events/ and actions/, and an index that is as new as the last `settle`."""

    runtime: Path
    indexer: Indexer
    archive: EventArchive
    logbook: Logbook
    actions: AllFolders
    clock: list[float]
    entries: Any = field(default_factory=lambda: itertools.count(1))

    # ---- putting things there

    def event(self, kind: str = "container_died", *, at: int = 0, node: str = "pi4", **more: Any) -> HealthEvent:
        """An archived event, `at` ms after BASE_MS; `decided=(verdict, action id)` decides about it."""
        decided = more.pop("decided", None)
        sequence = more.pop("sequence", 0)
        values = {"service": "web", "severity": "error", "trust": Trust.NODE, "timestamp": time_of(BASE_MS + at)} | more
        event = HealthEvent.model_validate(
            {"id": f"{node}/{BASE_MS + at}-{sequence}", "type": kind, "node": node, **values}
        )
        self.keep(event, *([self.decision(event, *decided, at=at)] if decided else []))
        return event

    def decision(self, event: HealthEvent, verdict: Any, action_id: str | None = None, *, at: int = 0) -> Decision:
        said = {"reason": f"because of {verdict}", "action_id": action_id}
        return Decision(ts=time_of(BASE_MS + at + 5), event_id=event.id or "", verdict=verdict, **said)

    def keep(self, *things: HealthEvent | Decision) -> None:
        before = time.time()
        events = [thing for thing in things if isinstance(thing, HealthEvent)]
        self.indexer.files_written(self.archive.keep(events, [t for t in things if isinstance(t, Decision)]), before)

    def attempt(self, event: HealthEvent, *, at: int = 0, **more: Any) -> None:
        values = {"model": "smol", "provider": "llamacpp", "position": 1, "outcome": "ok", "latency_ms": 800} | more
        record = ModelAttempt.model_validate({"ts": time_of(BASE_MS + at), "event_id": event.id, **values})
        self.note(record, at)

    def moved(
        self, action_id: str, source: str, target: str, *, at: int, by: str = "ann", reason: str = "", stream: str = ""
    ) -> None:
        values = {"type": "container_restart", "node": "pi4", "service": "web", "by": by, "reason": reason}
        told = {"ts": time_of(BASE_MS + at), "action_id": action_id, "from": source, "to": target, **values}
        self.note(ActionUpdate.model_validate(told), at, stream)

    def note(self, record: ModelAttempt | ActionUpdate, at: int, stream: str = "") -> None:
        before = time.time()
        self.indexer.files_written(
            self.logbook.keep([LogbookEntry(stream or record.stream, f"{BASE_MS + at}-{next(self.entries)}", record)]),
            before,
        )

    def propose(self, event: HealthEvent, *, at: int = 1000, **changed: Any) -> ActionName:
        proposal = Proposal.model_validate(
            {
                "id": proposal_id(event.id or "", event.node, event.service),
                **{"type": "container_restart", "action": "restart", "risk_level": "low"},
                **{"node": event.node, "service": event.service, "reason": "it died and does not run any more"},
                **{"confidence": 0.7, "created_at": time_of(BASE_MS + at), "expires_at": time_of(BASE_MS + 10**8)},
                "event": event.model_dump(),
                "model": ModelRef(name="smol", provider="llamacpp", position=1, latency_ms=800),
                **changed,
            }
        )
        name = self.actions.propose_again(proposal)
        assert name is not None
        return name

    def run(
        self,
        name: ActionName,
        *,
        at: int = 5000,
        result: Any = "done",
        verdict: Any = "proven",
        undone: bool | None = None,
    ) -> Path:
        """Approved, claimed, run and finished."""
        proposal = self.actions.proposal_at(self.actions.folder(Folder.PENDING) / name.file)
        assert proposal is not None
        assert self.actions.approve(name, "ann")
        intent = (
            f'{{"digest":"{name.digest}","approver":"ann (uid 0)","claimed_at":"{time_of(BASE_MS + at)}"}}'.encode()
        )
        folder = self.actions.claim(name, {"proposal.json": proposal.wire(), "intent.json": intent})
        assert folder is not None
        outcome = Outcome(
            action_id=name.id,
            digest=name.digest,
            result=result,
            verdict=verdict,
            undone=undone,
            reason="healthy in 3 looks in a row",
            node=proposal.node,
            service=proposal.service,
            type=proposal.type,
            event_id=proposal.event.id,
            approved_by="ann (uid 0)",
            started_at=time_of(BASE_MS + at + 100),
            finished_at=time_of(BASE_MS + at + 4100),
            stages=(
                Stage(name="01_syntax", ok=True, rc=0, changed=0, seconds=0.5),
                Stage(name="02_apply", ok=True, rc=0, changed=1, seconds=2, detail="restarted"),
            ),
        )
        write_whole(folder / "outcome.json", outcome.wire())
        return self.actions.finish(folder, Folder(result))

    # ---- looking

    def settle(self) -> None:
        """Turns until nothing is left to do; a broken database is thrown away as the loop does it."""
        self.clock[0] += 60
        for _ in range(10_000):
            try:
                if not self.indexer.step():
                    return
            except IndexCorrupt:
                self.indexer.discard()
        raise AssertionError("it never came to rest")

    def ask(self, question: Callable[[Connection], T]) -> T:
        with self.indexer.store.read() as connection:
            return question(connection)

    def events(self, *, limit: int = 50, cursor: str | None = None, **wanted: Any) -> EventPage:
        return self.ask(lambda c: read_events(c, EventFilter(**wanted), limit=limit, cursor=cursor))

    def history(self, *, limit: int = 50, cursor: str | None = None, **wanted: Any) -> HistoryPage:
        return self.ask(lambda c: read_history(c, HistoryFilter(**wanted), limit=limit, cursor=cursor))

    def incident(self, wanted: str) -> Incident | None:
        case = self.ask(lambda c: load_incident(c, wanted, self.runtime, self.actions))
        return build_timeline(wanted, case) if case else None

    def reopened(self) -> Shelf:
        """The same folders after the observer died without a word."""
        return shelf_in(self.runtime, entries=self.entries)


def shelf_in(runtime: Path, *, entries: Any = None) -> Shelf:
    actions = AllFolders(runtime)
    actions.prepare()
    clock = [time.monotonic()]
    indexer = Indexer(runtime, actions, clock=lambda: clock[0])
    root = runtime / "events"
    made = Shelf(runtime, indexer, EventArchive(root), Logbook(root), actions, clock)
    if entries is not None:
        made.entries = entries
    return made
