"""Did it help? Looks until the target has been well for a while, or until it is clear that it will not be.

Never repairs and never repeats the action. `RecoveryJudge` is pure, with the clock passed in; `verify()` joins it to
the looks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from executor_agent.runner.ansible import StageContext
from executor_agent.runner.stages import VERIFY_LOG
from executor_agent.runner.target_state import look
from mesh_core.actions.register import action_type
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.outcomes import OutcomeVerdict, Stage
from mesh_core.models.proposals import Proposal

log = structlog.get_logger()


@dataclass(frozen=True)
class WatchLimits:
    """How long we watch. `needed` healthy looks in a row prove it, `steady_seconds` apart at least where nothing but
    "it runs" says so; the window is the target's own start period (a container's health check says it) plus
    `margin_seconds`, and never longer than `longest_seconds`."""

    needed: int = 3
    steady_seconds: float = 10.0  # the run after which Docker itself calls a start a success (restart back-off)
    every_seconds: float = 1.0
    margin_seconds: float = 20.0
    longest_seconds: float = 600.0
    unhealthy_seconds: float = 10.0  # unhealthy so long without a break, past its start period: it will not recover
    restarts_allowed: int = 1  # one more, and it is a crash loop, however well it looks in between
    probe_seconds: float = 90.0  # how long the node agent's own probe may take to see it well again


@dataclass(frozen=True)
class Verification:
    """`after` is the last look's facts; `stage` goes into the outcome beside Ansible's stages."""

    verdict: OutcomeVerdict
    reason: str
    after: dict[str, Any]
    stage: Stage


ProbeRecovered = Callable[[float], Awaitable[bool | None]]


@dataclass
class RecoveryJudge:
    """Fed with every look, says the verdict when there is one. Times are seconds since the action ended.

    `probe_agrees`: a probe is asked afterwards, so that these looks need not prove alone.
    """

    limits: WatchLimits
    probe_agrees: bool = False
    looks: int = 0
    streak: int = 0
    restarts: int = 0
    deadline: float = 0.0
    start_period: float = 0.0
    last: TargetState = field(default_factory=lambda: TargetState(TargetStatus.UNKNOWN))
    _unhealthy_since: float | None = None
    _healthy_since: float = 0.0

    def observe(self, now: float, seen: TargetState) -> tuple[OutcomeVerdict, str] | None:
        before, self.last = self.last, seen
        self.looks += 1
        self.start_period = max(self.start_period, seen.start_period_seconds)
        self.deadline = min(self.start_period + self.limits.margin_seconds, self.limits.longest_seconds)
        if self._started_again(before, seen):
            self.restarts += 1
            self.streak = 0
        self.streak = self.streak + 1 if seen.health is TargetStatus.HEALTHY else 0
        if self.streak <= 1:
            self._healthy_since = now
        if seen.health is not TargetStatus.UNHEALTHY:
            self._unhealthy_since = None
        elif self._unhealthy_since is None:
            self._unhealthy_since = now
        return self._verdict(now)

    def rest_seconds(self, now: float) -> float:
        """How long it may be left alone: while it is only to last, the looks that are needed are spread over that time.
        A look costs the host a login and a start of Python; what starts anew in between is told by the next one."""
        wanted = self.limits.needed - self.streak
        if not self.streak or self.restarts or wanted <= 0:
            return 0.0
        return (self._steady_seconds() - (now - self._healthy_since)) / wanted

    def _verdict(self, now: float) -> tuple[OutcomeVerdict, str] | None:
        words = self.last.sentence
        if self.restarts > self.limits.restarts_allowed:
            reason = f"it keeps restarting by itself ({self.restarts} times while watched): {words}"
            return OutcomeVerdict.NOT_HELPED, reason
        lasted, steady = now - self._healthy_since, self._steady_seconds()
        if self.streak >= self.limits.needed and lasted >= steady:
            steadily = f", steadily for {lasted:.0f} s" if steady else ""
            return OutcomeVerdict.PROVEN, f"healthy in {self.streak} looks in a row{steadily}: {words}"
        if self._stays_unhealthy(now):
            return OutcomeVerdict.NOT_HELPED, f"still unhealthy after {now:.0f} s: {words}"
        if now < self.deadline or self.streak:  # well just now: it may still prove steady
            return None
        if self.last.health is TargetStatus.UNHEALTHY or self.restarts:
            return OutcomeVerdict.NOT_HELPED, f"not healthy within {self.deadline:.0f} s: {words}"
        return OutcomeVerdict.INCONCLUSIVE, f"after {self.deadline:.0f} s it cannot be said: {words}"

    def _stays_unhealthy(self, now: float) -> bool:
        if self._unhealthy_since is None:
            return False
        return now - max(self._unhealthy_since, self.start_period) >= self.limits.unhealthy_seconds

    def _steady_seconds(self) -> float:
        """A crash loop looks well between two crashes: without a check of its own, running has to last."""
        return 0.0 if self.probe_agrees or self.last.checked else self.limits.steady_seconds

    def _started_again(self, before: TargetState, seen: TargetState) -> bool:
        if self.looks == 1:
            return False
        if seen.restarts > before.restarts:
            return True
        return bool(before.incarnation and seen.incarnation and before.incarnation != seen.incarnation)


async def verify(
    proposal: Proposal,
    context: StageContext,
    on_line: Callable[[str], None],
    *,
    settle: WatchLimits | None = None,
    probe_recovered: ProbeRecovered | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Verification:
    """Watch the target until a verdict; bounded by the settle window, then by `probe_seconds` if a probe must agree.

    `probe_recovered(seconds)` says whether the node agent that saw the trouble sees it gone: True, False, or None
    when it never said. Writes 04_verify.log, one line a look.
    """
    settle = settle or WatchLimits()
    begun = clock()
    judge = RecoveryJudge(settle, probe_agrees=probe_recovered is not None)
    with _log(context.run_dir / "logs", on_line) as say:
        decided = await _watch(judge, proposal, context, say, clock)
        if decided[0] is OutcomeVerdict.PROVEN and probe_recovered is not None and not context.cancel.is_set():
            say("now the probe that saw the trouble has to see it gone ...")
            decided = _with_probe(decided[1], await _ask(probe_recovered, settle.probe_seconds))
        verdict, reason = decided
        say(f"{verdict.value}: {reason}")
    seconds = round(clock() - begun, 3)
    log.info("verify.decided", action_id=proposal.id, verdict=verdict.value, looks=judge.looks, seconds=seconds)
    proven = verdict is OutcomeVerdict.PROVEN
    stage = Stage(name="verify", ok=proven, rc=0, changed=0, seconds=seconds, detail=reason[:500])
    return Verification(verdict, reason, judge.last.facts, stage)


@contextmanager
def _log(folder: Path, on_line: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """What is said in it is a line of the log, at once, and goes to `on_line`."""
    folder.mkdir(exist_ok=True)
    with (folder / f"{VERIFY_LOG}.log").open("a", encoding="utf-8") as handle:

        def say(line: str) -> None:
            handle.write(line + "\n")
            handle.flush()
            on_line(line)

        yield say


async def _watch(
    judge: RecoveryJudge,
    proposal: Proposal,
    context: StageContext,
    say: Callable[[str], None],
    clock: Callable[[], float],
) -> tuple[OutcomeVerdict, str]:
    if action_type(proposal.type).read_look is None:
        say("this playbook has no service of its own to look at; a second run in check mode changed nothing")
        return OutcomeVerdict.PROVEN, "the playbook ran and would change nothing more"
    begun = clock()
    while not context.cancel.is_set():
        started = clock()
        seen = await asyncio.to_thread(look, proposal, context)
        decided = judge.observe(clock() - begun, seen)
        say(f"{clock() - begun:6.1f} s  {seen.health:9} {seen.sentence}")
        if decided is not None:
            return decided
        pause = max(judge.limits.every_seconds - (clock() - started), judge.rest_seconds(clock() - begun))
        await asyncio.to_thread(context.cancel.wait, max(0.0, pause))
    return OutcomeVerdict.INCONCLUSIVE, "cancelled before it could be seen"


async def _ask(probe_recovered: ProbeRecovered, seconds: float) -> bool | None:
    try:
        async with asyncio.timeout(seconds + 1):
            return await probe_recovered(seconds)
    except TimeoutError:
        return None


def _with_probe(reason: str, recovered: bool | None) -> tuple[OutcomeVerdict, str]:
    if recovered is None:
        return OutcomeVerdict.INCONCLUSIVE, f"{reason}; but the probe that saw the trouble said nothing since"
    if recovered:
        return OutcomeVerdict.PROVEN, f"{reason}; the probe that saw the trouble is green"
    return OutcomeVerdict.NOT_HELPED, f"{reason}; but the probe that saw the trouble is still red"
