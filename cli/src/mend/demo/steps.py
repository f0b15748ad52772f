"""The steps of a drill, each with its time and a bound: healthy, broken, noticed, proposal, your yes, running, green.

Looks at streams, folders and the target as anybody could. It approves only what a person tells it to.
"""

from __future__ import annotations

import json
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import redis

from mend.demo.targets import DemoTarget
from mend.errors import CliError
from mend.output.text import plain
from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.approvals.proposal_files import Filed
from mesh_core.approvals.reasons import is_a_models, told_reason
from mesh_core.incidents.event_types import EventType
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder

NOTICED_SECONDS = 20.0
PROPOSAL_SECONDS = 90.0  # a fallback chain of several slow models, and the rules behind it
RUNNING_SECONDS = 15.0
FINISHED_SECONDS = 180.0
GREEN_SECONDS = 30.0
LOOK_SECONDS = 0.02

T = TypeVar("T")


class Stopped(Exception):
    """A person asked to stop while the drill was waiting."""


@dataclass
class Walkthrough:
    """One walk through the loop. `say(step, text, style)` prints; `look` keeps an eye on the mesh meanwhile."""

    runtime: Path
    node: str
    redis_url: str
    target: DemoTarget
    say: Callable[[str, str, str], None]
    stopping: Callable[[], bool]
    look: Callable[[], None]
    yes: bool = False
    patience_seconds: float = 900.0
    times: dict[str, float] = field(default_factory=dict)
    _begun: float = 0.0
    _looked: float = 0.0

    def go(self) -> Outcome:
        """All steps. CliError, with the reason, when one does not happen within its bound; Stopped on Ctrl-C."""
        actions = ActionFolders(self.runtime)
        life = self.target.life()
        with redis.Redis.from_url(self.redis_url, socket_timeout=5) as client:
            mark = self._newest(client)
            self._begun = time.monotonic()
            self._step("broken", self.target.break_target(), "red")
            event = self._until(lambda: self._trouble(client, mark), NOTICED_SECONDS, "the node agent noticed it")
            self._step("noticed", self._in_words(event), "yellow")
            filed = self._until(lambda: self._proposal(actions), PROPOSAL_SECONDS, "a proposal was in pending/")
            self._propose(actions, filed)
            self._wait_for_yes(actions, filed)
            run = self._until(lambda: self._claimed(actions, filed.name.id), RUNNING_SECONDS, "the executor claimed it")
            self._step("running", f"the executor has it: {run}", "cyan")
            outcome, place = self._until(
                lambda: self._outcome(actions, filed.name.id), FINISHED_SECONDS, "the executor was done with it"
            )
            good = outcome.result == "done"
            self._step(outcome.result, f"{outcome.verdict}: {plain(outcome.reason, 300)}", "green" if good else "red")
            for stage in outcome.stages:
                mark_word = "ok" if stage.ok else "FAILED"
                self.say("", f"{plain(stage.name)}: {mark_word}, {stage.seconds:.2f} s, changed {stage.changed}", "dim")
            if not good:
                raise CliError(f"the repair did not end well ({outcome.result}); all about it is in {place}")
            self._until(self.target.is_healthy, GREEN_SECONDS, "the target was healthy")
            self._until(lambda: self._recovery(client, mark), GREEN_SECONDS, "the node agent saw it healthy again")
            self._step(
                "green again", f"healthy: started {self._lives(life)}, and its own node agent says so", "bold green"
            )
        return outcome

    def _propose(self, actions: ActionFolders, filed: Filed) -> None:
        p = filed.proposal
        whose = "" if is_a_models(p) else "the policy itself (no model): "
        self._step(
            "proposal",
            f"{p.type}, risk {p.risk_level.value}, {whose}{plain(told_reason(p), 300)}",
            "yellow",
        )
        self.say("", f"read it: {filed.path}", "dim")
        if self.yes:
            return
        self.say(
            "your turn",
            f"say yes with Enter, or in another terminal: mv {filed.path} {actions.folder(Folder.APPROVED)}/",
            "bold",
        )

    def _wait_for_yes(self, actions: ActionFolders, filed: Filed) -> None:
        """Enter does the mv; so does whoever moves the file elsewhere."""
        keyboard = True
        deadline = time.monotonic() + self.patience_seconds
        who = ""
        while not who:
            self._breathe()
            if self.yes:
                self.say("your turn", "--yes was given: that counts as you pressing Enter", "bold")
                who = "you, by --yes"
            elif keyboard and select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
                keyboard = bool(sys.stdin.readline())
                who = "you, by Enter" if keyboard else ""
                if not keyboard:
                    self.say("", "there is no keyboard here: move the file to go on, or start with --yes", "yellow")
            elif not filed.path.exists():
                break
            elif time.monotonic() > deadline:
                raise CliError(f"nobody said yes within {self.patience_seconds:.0f} s; nothing was run")
            else:
                time.sleep(LOOK_SECONDS)
        if who:
            target = actions.folder(Folder.APPROVED) / filed.path.name
            try:
                filed.path.rename(target)  # the very mv that was shown
            except FileNotFoundError:
                who = ""
        places = [folder for folder, _ in actions.find(filed.name.id)]
        if places and places[0] in (Folder.REJECTED, Folder.WITHDRAWN, Folder.EXPIRED, Folder.PENDING):
            raise CliError(f"the proposal went to {places[0]}/: nothing was run, and the target stays unhealthy")
        self._step("approved", f"by {who or 'whoever moved the file'}", "bold")

    def _trouble(self, client: Any, mark: str) -> dict[str, Any] | None:
        events = self._events(client, mark)
        return next((e for e in events if e.get("severity") in ("warning", "error", "critical")), None)

    def _recovery(self, client: Any, mark: str) -> bool:
        return any(e.get("type") == EventType.SERVICE_RECOVERED for e in self._events(client, mark))

    def _events(self, client: Any, mark: str) -> list[dict[str, Any]]:
        """What this node's own agent said of the target since `mark`."""
        found = []
        for _, fields in client.xrange(f"mesh:ev:{self.node}", min=f"({mark}"):
            event = json.loads(fields[b"p"])
            if event.get("service") == self.target.service:
                found.append(event)
        return found

    def _newest(self, client: Any) -> str:
        entries = client.xrevrange(f"mesh:ev:{self.node}", count=1)
        return str(entries[0][0].decode()) if entries else "0-0"

    def _proposal(self, actions: ActionFolders) -> Filed | None:
        return next((f for f in actions.pending() if f.proposal.service == self.target.service), None)

    def _claimed(self, actions: ActionFolders, action_id: str) -> Path | None:
        for folder, path in actions.find(action_id):
            if folder is Folder.QUARANTINE:
                raise CliError(f"the executor refused the file; the reason is beside it: {path}")
            if folder in (Folder.RUNNING, Folder.DONE, Folder.FAILED, Folder.INTERRUPTED, Folder.WITHDRAWN):
                return path
        return None

    def _outcome(self, actions: ActionFolders, action_id: str) -> tuple[Outcome, Path] | None:
        for folder, path in actions.find(action_id):
            if folder in (Folder.DONE, Folder.FAILED, Folder.INTERRUPTED, Folder.WITHDRAWN):
                outcome = actions.outcome_at(path)
                return (outcome, path) if outcome else None
        return None

    def _lives(self, before: str) -> str:
        now = self.target.life()
        return f"anew ({before} -> {now})" if now != before else f"before the drill still ({before})"

    def _in_words(self, event: dict[str, Any]) -> str:
        payload = event.get("payload", {})
        why = payload.get("error") or payload.get("health") or payload.get("reason") or ""
        return plain(f"by the node agent: {event.get('type')} {why}", 200).strip()

    def _step(self, name: str, text: str, style: str) -> None:
        self.times[name] = time.monotonic() - self._begun
        self.say(f"{self.times[name]:7.2f} s  {name}", text, style)

    def _until(self, condition: Callable[[], T | None], seconds: float, goal: str) -> T:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            self._breathe()
            if time.monotonic() > deadline:
                raise CliError(f"after {seconds:.0f} s it was still not so that {goal}")
            time.sleep(LOOK_SECONDS)
        return value

    def _breathe(self) -> None:
        if self.stopping():
            raise Stopped
        if time.monotonic() - self._looked > 1:
            self._looked = time.monotonic()
            self.look()
