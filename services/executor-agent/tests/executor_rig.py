"""The scripted runner, twin of the Ansible one, proposals as a planner would file them, and an executor that lives in
the test's own process. Not a test."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import redis.asyncio as aioredis

from executor_agent.lifecycle import ExecutorLifecycle
from executor_agent.loop.bounded_runner import ExecutorLimits
from executor_agent.runner.interface import OnLine, RunResult, TakenBack
from mesh_core.actions.action_type import ActionType
from mesh_core.actions.register import SHIPPED, action_type
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.approvals.proposal_files import ActionName, digest_of
from mesh_core.models.events import HealthEvent, Runtime
from mesh_core.models.outcomes import Outcome, OutcomeVerdict, Stage
from mesh_core.models.proposals import Folder, ModelRef, Proposal, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.storage.files import create_whole
from mesh_core.testing import AllFolders, wait_for

DONE = RunResult(
    "done",
    OutcomeVerdict.PROVEN,
    "the probe is green again",
    (Stage(name="apply", ok=True, rc=0, changed=1, seconds=0.0),),
)


@dataclass
class ScriptedRunner:
    """Does what the test says. `looks` in order, the last one for ever; each run is a line in `record`, fsynced."""

    record: Path
    looks: Sequence[TargetState] = (TargetState(TargetStatus.UNHEALTHY, "it does not answer"),)
    result: RunResult = DONE
    seconds: float = 0.0
    lines: Sequence[str] = ("TASK [Restart it]", "changed: [here]")
    raises: Exception | None = None
    deaf: bool = False  # takes no notice of `cancel`
    until: asyncio.Event | None = None  # a run lasts until it is set, however slow the machine is
    together: int = 0  # none ends before so many were at it at once
    busy: dict[str, int] = field(default_factory=dict)  # how many run on a target now
    most_busy: int = 0
    most_at_once: int = 0
    looked: int = 0
    back: TakenBack = field(default_factory=lambda: TakenBack(True, "it was taken back, and all is as before"))
    known: list[dict[str, int]] = field(default_factory=list)  # what each undo was told of before

    async def look(self, proposal: Proposal, run_dir: Path) -> TargetState:
        self.looked += 1
        return self.looks[min(self.looked, len(self.looks)) - 1]

    async def run(self, proposal: Proposal, run_dir: Path, on_line: OnLine, cancel: asyncio.Event) -> RunResult:
        write_record(self.record, proposal.id)
        self.busy[proposal.target_key] = self.busy.get(proposal.target_key, 0) + 1
        self.most_busy = max(self.most_busy, self.busy[proposal.target_key])
        self.most_at_once = max(self.most_at_once, sum(self.busy.values()))
        try:
            for line in self.lines:
                on_line("apply", line)
            if self.raises is not None:
                raise self.raises
            await wait_for(lambda: self.most_at_once >= self.together, 60, f"{self.together} runs at once")
            if self.until is not None:
                await self.until.wait()
            if self.deaf:
                await asyncio.sleep(self.seconds)
                return self.result
            try:
                async with asyncio.timeout(self.seconds):
                    await cancel.wait()
            except TimeoutError:
                return self.result
            return RunResult("interrupted", OutcomeVerdict.INCONCLUSIVE, "the executor was told to stop")
        finally:
            self.busy[proposal.target_key] -= 1

    async def take_back(
        self, proposal: Proposal, run_dir: Path, before: Mapping[str, int], on_line: OnLine, cancel: asyncio.Event
    ) -> TakenBack:
        write_record(self.record, f"undo:{proposal.id}")
        self.known.append(dict(before))
        return self.back

    def runs(self) -> list[str]:
        return read_record(self.record)


def write_record(record: Path, action_id: str) -> None:
    """One line, appended whole, safe from kill -9 right after it."""
    descriptor = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, f"{action_id}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_record(record: Path) -> list[str]:
    return record.read_text().split() if record.exists() else []


def event_id_for(number: int, node: str = "here") -> str:
    """Of this process alone: an executor finds what a run left behind by its action's id, on the whole machine."""
    return f"{node}/{os.getpid() * 1000 + number}-0"


def proposal_for(number: int = 1, *, node: str = "here", service: str | None = "web", **changes: Any) -> Proposal:
    """A container restart that was proposed a minute ago, for the event `event_id_for(number, node)`."""
    now = datetime.now(UTC)
    attempt = changes.get("attempt", 1)
    event_id = event_id_for(number, node)
    event = HealthEvent(
        id=event_id,
        type="container_died",
        node=node,
        service=service,
        payload={"runtime": Runtime.DOCKER.value, "exit_code": 137},
        incident=f"{node}/{number}",
    )
    source = event_id if attempt == 1 else f"{event_id}#{attempt}"
    fields: dict[str, Any] = {
        "id": proposal_id(source, node, service),
        "type": "container_restart",
        "action": "restart",
        "risk_level": "low",
        "node": node,
        "service": service,
        "reason": "it died with exit code 137",
        "confidence": 0.9,
        "created_at": rfc3339(now - timedelta(minutes=1)),
        "expires_at": rfc3339(now + timedelta(hours=1)),
        "event": event,
        "model": ModelRef(name="floor", provider="floor", position=5, latency_ms=0),
    }
    return Proposal.model_validate({**fields, **changes})


def file_pending(actions: AllFolders, proposal: Proposal) -> ActionName:
    """As the planner leaves it."""
    name = ActionName(proposal.id, digest_of(proposal.wire()))
    create_whole(actions.folder(Folder.PENDING) / name.file, proposal.wire(), mode=0o660)
    return name


def move_by_hand(actions: AllFolders, name: ActionName) -> None:
    """`mv pending/X approved/`."""
    (actions.folder(Folder.PENDING) / name.file).rename(actions.folder(Folder.APPROVED) / name.file)


def write_inventory(runtime: Path, *hosts: str) -> Path:
    """config/inventory.yml with these hosts, each this very machine."""
    path = runtime / "config" / "inventory.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"all": {"hosts": {host: {"ansible_connection": "local"} for host in hosts}}}))
    return path


Patch = Callable[[dict[str, Any], str, Any], None]


def stand_in(made: ActionType, patch: Patch = dict.__setitem__) -> None:
    """From now on the register knows `made` under its name."""
    patch(SHIPPED.__dict__, "by_name", {**SHIPPED.by_name, made.name: made})
    patch(SHIPPED.__dict__, "types", tuple(made if one.name == made.name else one for one in SHIPPED.types))


def undoes_by_itself(patch: Patch = dict.__setitem__) -> None:
    """The card of a restart says from now on that it is taken back where it does not help."""
    stand_in(replace(action_type("container_restart"), undoes_by_itself=True), patch)


QUICK = ExecutorLimits(parallel=4, run_seconds=30, look_seconds=5, stop_seconds=5, scan_seconds=0.2)


@dataclass
class ExecutorHarness:
    """An executor in this very process. `begin()` it, `end()` it, begin it again."""

    runtime: Path
    redis_url: str
    limits: ExecutorLimits = QUICK
    runner: ScriptedRunner = field(init=False)
    actions: AllFolders = field(init=False)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.runner = ScriptedRunner(self.runtime / "runs")
        self.actions = AllFolders(self.runtime)
        self.actions.prepare()
        write_inventory(self.runtime, "here", "there")

    async def begin(self) -> None:
        self.stop = asyncio.Event()
        lifecycle = ExecutorLifecycle(self.runtime, self.runner, self.redis_url, self.limits, node="tester")
        self.task = asyncio.create_task(lifecycle.run(self.stop))
        lock = self.runtime / "state" / "executor.lock"
        await wait_for(lambda: self.task.done() or (lock.exists() and lock.read_bytes()), 10, "the executor lives")  # type: ignore[union-attr]

    async def end(self) -> None:
        if self.task is not None:
            self.stop.set()
            task, self.task = self.task, None
            await task

    def approve(self, proposal: Proposal) -> ActionName:
        name = file_pending(self.actions, proposal)
        move_by_hand(self.actions, name)
        return name

    def folder(self, folder: Folder) -> Path:
        return self.actions.folder(folder)

    def outcome(self, folder: Folder, action_id: str) -> Outcome:
        found = self.actions.outcome_at(self.folder(folder) / action_id)
        if found is None:
            raise AssertionError(f"{action_id} has no outcome in {folder}")
        return found

    async def ends_in(self, folder: Folder, name: ActionName, seconds: float = 10) -> Outcome:
        await wait_for((self.folder(folder) / name.id).is_dir, seconds, f"{name.id} in {folder}")
        return self.outcome(folder, name.id)

    async def quarantined(self, file_name: str, seconds: float = 10) -> str:
        """The sentence that lies beside it; it is written before the file moves."""
        file, reason = (self.folder(Folder.QUARANTINE) / name for name in (file_name, f"{file_name}.reason.txt"))
        await wait_for(lambda: os.path.lexists(file) and reason.exists(), seconds, f"{file_name!r} in quarantine")
        return reason.read_text()

    async def put_back(self, name: ActionName) -> str:
        """As `quarantined`, of a claimed file: its folder goes after it moved, and until then its id counts as run."""
        reason = await self.quarantined(name.file)
        run = self.folder(Folder.RUNNING) / name.id
        await wait_for(lambda: not run.exists(), 10, f"nothing of {name.id} in running/")
        return reason

    async def updates(self) -> list[dict[str, Any]]:
        return await self._stream("mesh:actions")

    async def events(self) -> list[dict[str, Any]]:
        return await self._stream("mesh:ev:_mesh")

    async def has_told(self, updates: int, events: int) -> bool:
        return len(await self.updates()) >= updates and len(await self.events()) >= events

    async def moves(self) -> list[tuple[str, str, str]]:
        return [(update["action_id"], update["from"], update["to"]) for update in await self.updates()]

    async def _stream(self, name: str) -> list[dict[str, Any]]:
        client = aioredis.Redis.from_url(self.redis_url)
        try:
            entries: Any = await client.xrange(name)
            return [json.loads(fields[b"p"]) for _, fields in entries]
        finally:
            await client.aclose()
