"""Is this container healthy? Judges one look at one container against what the engine told of it before. Pure.

A container that a person stopped, and a one-shot that ended with 0, are healthy. One that the engine is about to start
again is neither healthy nor unhealthy. One that the engine could not start is unhealthy, whoever stopped it before and
however long ago: nobody wants a thing started that is not to run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mesh_core.models.events import Severity
from mesh_core.models.records import parse_time
from node_agent.checks.check_result import CheckResult, CheckTarget, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.checks.crash_rhythm import SLOW_LOOP, loop_seconds_left
from node_agent.checks.evidence import clean_text
from node_agent.containers.container_history import ContainerRecord
from node_agent.containers.container_identity import Identity, container_facts

RULE = ConfirmationRule(unhealthy_checks=2, healthy_checks=2, healthy_seconds=3.0, recheck_seconds=0.5)
SETTLE_SECONDS = 5.0  # between a death and the engine's own next start
OOM_DEATHS = 2
SIGKILL = 137  # nobody of ours sent it: the kernel, out of memory, or somebody past the engine
OOM_NEWS_SECONDS = 1.0  # the engine may tell of the death before it tells that the kernel did it
RETURN_SECONDS = 20.0  # a host that has just come up, or an engine, may have somebody who starts its containers
TOOK_OVER_SECONDS = 180.0  # from the last sight of the old one to the making of the new one: who updates takes its time
NEVER_STARTED_SECONDS = 300.0  # compose makes all of them first, and starts some when others are healthy
GONE = ("exited", "dead", "stopped")  # the last is Podman's, until somebody has cleaned up after it
RESTARTED = ("always", "unless-stopped")  # policies of what is meant to run for ever
NOT_STARTED = ("created", *GONE)
WITH_ENGINE = "with its engine"


@dataclass(frozen=True, slots=True)
class ContainerCheck:
    """`detail` is the engine's long form. `since`: an end before it is none of ours; times are unix seconds.

    `deaths` and `oom_deaths` are those of late that nobody meant; `loop_deaths` of them are a restart loop, until it
    has been up for `stable_seconds`. `engine_up_seconds`: since we know that the engine was started anew.
    """

    identity: Identity
    detail: dict[str, Any]
    record: ContainerRecord
    deaths: int
    oom_deaths: int
    loop_deaths: int
    stable_seconds: float
    since: float
    now: float
    engine_up_seconds: float = float("inf")
    ran_at: float = 0.0  # when one of this identity was last seen running, be it an earlier one
    has_lost_network: bool = False  # the one in whose network it lives is gone

    def result(self) -> CheckResult:
        status = self._state.get("Status")
        if status == "running":
            self.record.runs()
        elif status == "restarting":  # whoever looked in the blink of an eye in which it ran may have been told later
            self.record.running = False
        if status in ("running", "restarting"):
            if loop := self._loop(status):
                return self._target.result(
                    Condition.UNHEALTHY, loop, Severity.CRITICAL, recheck_seconds=self.stable_seconds
                )
            if (left := loop_seconds_left(self.record.crashes, self.loop_deaths, self.now)) > 0:
                count = len(self.record.crashes)
                return self._target.result(
                    Condition.UNHEALTHY, "container_restart_loop", recheck_seconds=left, crashes=count, reason=SLOW_LOOP
                )
        if status == "running":
            health = self._health
            if health == "unhealthy":
                return self._target.result(Condition.UNHEALTHY, "container_unhealthy")
            if self.has_lost_network and health == "none":  # its own check may know better
                return self._target.result(Condition.UNHEALTHY, "container_unhealthy")
            return self._target.result(Condition.UNKNOWN if health == "starting" else Condition.HEALTHY)
        if self._could_not_start:
            return self._target.result(Condition.UNHEALTHY, "container_died")
        if status == "created" and (self._took_over or self._policy.get("Name") in RESTARTED):
            return self._never_started()
        if status not in GONE:  # created, paused, restarting, removing
            return self._target.result(Condition.UNKNOWN)
        self.record.running = False
        return self._ended()

    def _never_started(self) -> CheckResult:
        """Of some errors (the source of a mount is gone) the engine keeps nothing, only that it was never started."""
        created_at = unix_time(self.detail.get("Created"))
        left = created_at + NEVER_STARTED_SECONDS - self.now
        if created_at < self.since or left > 0:
            return self._target.result(Condition.UNKNOWN, recheck_seconds=left if left > 0 else None)
        place = " in place of one that ran" if self._took_over else ""
        error = f"it was created{place} and has never been started"
        return self._target.result(Condition.UNHEALTHY, "container_died", error=error)

    @property
    def _took_over(self) -> bool:
        """Was it made because another one was taken away, and not beside a job that had ended?"""
        return self.ran_at > 0 and unix_time(self.detail.get("Created")) - self.ran_at <= TOOK_OVER_SECONDS

    def _loop(self, status: str) -> str:
        """The type of its restart loop; empty if it is in none, or has been up for long enough."""
        looping = self.deaths >= self.loop_deaths
        lived = unix_time(self._state.get("FinishedAt")) - unix_time(self._state.get("StartedAt"))
        if status == "restarting" and self._restart_count >= self.loop_deaths and lived < self.stable_seconds:
            looping = True  # the engine counted what we did not hear; it counts for ever, also what is months apart
        oom = self.oom_deaths >= OOM_DEATHS
        up_seconds = self.now - unix_time(self._state.get("StartedAt"))
        if not (looping or oom) or (status == "running" and not 0 <= up_seconds < self.stable_seconds):
            return ""
        return "container_oom" if oom else "container_restart_loop"

    def _ended(self) -> CheckResult:
        state, policy = self._state, self._policy
        killed = self._oom_killed
        if self.record.ended_with_engine:  # whatever its exit code and policy say: it ran, and no person stopped it
            if self.engine_up_seconds < RETURN_SECONDS:
                return self._target.result(Condition.UNKNOWN, recheck_seconds=RETURN_SECONDS - self.engine_up_seconds)
            return self._target.result(Condition.UNHEALTHY, "container_died", ended=WITH_ENGINE)
        if self.record.stopped_by_person:
            return self._target.result(Condition.HEALTHY, ended="stopped_by_person")
        name = policy.get("Name") or "no"
        retries = int(policy.get("MaximumRetryCount") or 0)
        retries_left = name == "on-failure" and not 0 < retries <= self._restart_count
        if state.get("ExitCode") == 0 and name in ("no", "on-failure") and not killed:
            return self._target.result(Condition.HEALTHY, ended="finished")
        ended_at = unix_time(state.get("FinishedAt"))
        if name in RESTARTED or retries_left:
            # The engine starts such a container again by itself, unless a person stopped it while we did not listen.
            if 0 <= self.now - ended_at < SETTLE_SECONDS:
                return self._target.result(Condition.UNKNOWN, recheck_seconds=SETTLE_SECONDS)
            return self._target.result(Condition.HEALTHY, ended="stopped_by_person", stopped_by_person=True)
        if ended_at < self.since and not self.record.seen_running:
            return self._target.result(Condition.HEALTHY, ended="before_we_came")
        if state.get("ExitCode") == SIGKILL and not killed and 0 <= self.now - ended_at < OOM_NEWS_SECONDS:
            return self._target.result(Condition.UNKNOWN, recheck_seconds=OOM_NEWS_SECONDS)
        return self._target.result(Condition.UNHEALTHY, "container_oom" if killed else "container_died")

    @property
    def _target(self) -> CheckTarget:
        return CheckTarget(self.identity.key, self.identity.service, RULE, self._facts())

    def _facts(self) -> dict[str, Any]:
        state, detail = self._state, self.detail
        image = (detail.get("Config") or {}).get("Image")
        facts = container_facts(self.identity, {**detail, "Image": image}) | {
            "status": state.get("Status"),
            "exit_code": state.get("ExitCode"),
            "oom_killed": self._oom_killed,
            "restart_count": detail.get("RestartCount", 0),
            "restart_policy": self._policy.get("Name") or "no",
            "health": self._health,
            "started_at": state.get("StartedAt"),
            "finished_at": state.get("FinishedAt"),
            "stopped_by_person": self.record.stopped_by_person and not self._could_not_start,
        }
        if (lived := self._lived_seconds) is not None:
            facts |= {"lived_ms": round(1000 * lived), "first_start": self._was_first_start}
        if state.get("Error"):
            facts["error"] = clean_text(str(state["Error"]), 500)
        if self.deaths:
            facts["recent_deaths"] = self.deaths
        return facts

    @property
    def _state(self) -> dict[str, Any]:
        return self.detail.get("State") or {}

    @property
    def _could_not_start(self) -> bool:
        """The engine keeps the error of a start until a later one succeeds. What never ran has no exit code else."""
        status = self._state.get("Status")
        tried_in_vain = status == "created" and self._state.get("ExitCode") not in (0, None)
        return tried_in_vain or (bool(self._state.get("Error")) and status in NOT_STARTED)

    @property
    def _lived_seconds(self) -> float | None:
        """For how long it ran the last time, of one that has ended."""
        started, finished = (unix_time(self._state.get(word)) for word in ("StartedAt", "FinishedAt"))
        return finished - started if 0 < started <= finished else None

    @property
    def _was_first_start(self) -> bool:
        """Compose makes all of its containers first, and starts some when others are healthy."""
        after = unix_time(self._state.get("StartedAt")) - unix_time(self.detail.get("Created"))
        return not self._restart_count and self.record.starts <= 1 and 0 <= after < NEVER_STARTED_SECONDS

    @property
    def _oom_killed(self) -> bool:
        """An engine that heard of the kill after the death leaves its own mark unset for ever."""
        return bool(self._state.get("OOMKilled")) or self.record.oom_killed

    @property
    def _policy(self) -> dict[str, Any]:
        return (self.detail.get("HostConfig") or {}).get("RestartPolicy") or {}

    @property
    def _health(self) -> str:
        return str((self._state.get("Health") or {}).get("Status") or "none")

    @property
    def _restart_count(self) -> int:
        return int(self.detail.get("RestartCount") or 0)


def ended_at_of(detail: Mapping[str, Any]) -> float:
    """Unix seconds of its end; 0 for one that is up, or never was."""
    state = detail.get("State") or {}
    return unix_time(state.get("FinishedAt")) if state.get("Status") in GONE else 0.0


def state_in_words(detail: Mapping[str, Any], *, has_to_run: bool = False) -> str:
    """`running`, `unhealthy`, `finished`, `exited with 137`, ... of a container that others depend on.

    What is meant to run for ever, by its policy or because they wait until it is healthy, has not finished when it ends
    with 0, as a database does that a person stops: it is `stopped`.
    """
    state = detail.get("State") or {}
    status = str(state.get("Status") or "unknown")
    if status == "running":
        return "unhealthy" if (state.get("Health") or {}).get("Status") == "unhealthy" else status
    if status == "exited":
        if state.get("ExitCode") != 0:
            return f"exited with {state.get('ExitCode')}"
        policy = (detail.get("HostConfig") or {}).get("RestartPolicy") or {}
        return "stopped" if has_to_run or policy.get("Name") in RESTARTED else "finished"
    return status


def unix_time(told: Any) -> float:
    """Unix seconds of the engine's time, a text or (in its short form) seconds; 0 for `0001-01-01T00:00:00Z` (never)
    and nonsense."""
    if isinstance(told, int):
        return float(told)
    try:
        return max(0.0, parse_time(str(told)).timestamp())
    except (ValueError, OverflowError):
        return 0.0
