"""Containers of one engine: died, OOM-killed, unhealthy, restarting in a loop, missing. Reads only, judges one look.

A container that a person stopped, and a one-shot that ended with 0, are well. A container that the engine is about to
start again is neither sick nor well. Identity survives recreation: `<project>.<service>`, or the container's name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import structlog

from mesh_core.models.events import Runtime, Severity
from mesh_core.models.records import parse_time
from node_agent.container_history import ContainerHistory
from node_agent.container_identity import Identity, facts_of, identity_for, identity_in_event
from node_agent.engine import Engine
from node_agent.evidence import clean_text
from node_agent.findings import Condition, Finding, Rule

RULE = Rule(sick_looks=2, well_looks=2, well_seconds=3.0, again_seconds=0.5)
SETTLE_SECONDS = 5.0  # between a death and the engine's own next start
_GONE = ("exited", "dead")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DockerWatch:
    """What to watch. Globs match the service identity or the container's name."""

    ignore: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    loop_deaths: int = 3
    loop_window_seconds: float = 600.0
    oom_deaths: int = 2
    stable_seconds: float = 60.0  # a looping container that stays up that long has recovered


class DockerProbe:
    """`since`: deaths before that moment (unix seconds) are old corpses, except for keys in `open_keys`."""

    name = "docker"

    def __init__(
        self,
        engine: Engine,
        watch: DockerWatch,
        *,
        since: float,
        open_keys: frozenset[str] = frozenset(),
        every_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
    ):
        self.engine = engine
        self.every_seconds = every_seconds
        self.history = ContainerHistory()
        self._watch = watch
        self._since = since
        self._open_keys = open_keys
        self._clock = clock
        self._ids: dict[str, str] = {}  # key -> container id
        self._identities: dict[str, Identity] = {}  # container id -> identity
        self._settled: dict[str, Finding] = {}  # container id -> verdict that only an event can change
        self._compose: dict[str, dict[str, str]] = {}  # service -> its project, for those that are expected

    async def listen(self, hint: Callable[[str | None], None]) -> None:
        """One connection to the event stream until it breaks (HttpBroken). Hints a key, or None for everything."""
        since = self.history.last_event or self._since
        async for event in self.engine.events(since, lambda: hint(None)):
            container_id = self.history.fold(event)
            if container_id is None:
                continue
            self._settled.pop(container_id, None)
            identity = self._identities.get(container_id)
            if identity is None or event.get("Action") == "rename":
                identity = identity_in_event(event)
                self._remember(container_id, identity)
            hint(identity.key)

    async def look(self, only: frozenset[str] | None) -> list[Finding]:
        if only is not None:
            findings = [f for key in only if (f := await self._look_at(key)) is not None]
            return findings + [f for f in self._missing() if f.key in only]
        rows = await self.engine.containers()
        present = {str(row.get("Id")) for row in rows}
        self.history.keep_only(present)  # before any wait: events tell of newer containers meanwhile
        for gone in self._identities.keys() - present:
            self._forget(gone)
        findings = [f for row in rows if (f := await self._look_at_row(row)) is not None]
        return [*findings, *self._missing()]

    async def evidence(self, finding: Finding) -> dict[str, Any]:
        """Log lines and the last health check's output."""
        if finding.condition is not Condition.SICK:
            return {}
        return await self._details(finding.key, health=finding.type == "container_unhealthy")

    async def _details(self, key: str, *, health: bool) -> dict[str, Any]:
        container_id = self._ids.get(key)
        if container_id is None:
            return {}
        detail = await self.engine.container(container_id)
        if detail is None:
            return {}
        more: dict[str, Any] = {}
        if lines := await self.engine.logs(container_id, tty=bool(detail.get("Config", {}).get("Tty"))):
            more["logs"] = lines
        checks = (detail.get("State", {}).get("Health") or {}).get("Log") or []
        if checks and health:
            more["health_output"] = clean_text(str(checks[-1].get("Output", "")))
            more["health_exit_code"] = checks[-1].get("ExitCode")
        return more

    async def about(self, service: str) -> dict[str, Any]:
        """What is known of the container behind another probe: identity, state, last lines; empty if there is none."""
        for who in self._identities.values():
            if service in (who.service, who.container):
                finding = await self._look_at(who.key)
                if finding is None:
                    return {}
                return {**finding.facts, **await self._details(who.key, health=False)}
        return {}

    async def _look_at_row(self, row: dict[str, Any]) -> Finding | None:
        container_id = str(row.get("Id"))
        labels = row.get("Labels") or {}
        identity = identity_for(row.get("Names") or [], labels)
        if self._ignored(identity, labels):
            return None
        self._remember(container_id, identity)
        state = str(row.get("State"))
        if state == "running":
            self.history.record(container_id).seen_running = True
            deaths, _ = self._recent_deaths(container_id)
            status = str(row.get("Status"))
            if deaths < self._watch.loop_deaths and "(unhealthy)" not in status and "health: st" not in status:
                return Finding(identity.key, identity.service, Condition.WELL, RULE, facts=facts_of(identity, row))
        elif container_id in self._settled:
            return self._settled[container_id]
        return await self._look_at(identity.key)

    async def _look_at(self, key: str) -> Finding | None:
        container_id = self._ids.get(key)
        if container_id is None:
            return None
        detail = await self.engine.container(container_id)
        if detail is None:
            identity = self._identities.get(container_id)
            self._forget(container_id)
            if identity is None:
                return None
            facts = {**facts_of(identity, {}), "ended": "removed"}
            return Finding(key, identity.service, Condition.WELL, RULE, facts=facts)
        labels = detail.get("Config", {}).get("Labels") or {}
        identity = identity_for([str(detail.get("Name", ""))], labels)
        if self._ignored(identity, labels):
            return None
        finding = self._verdict(identity, container_id, detail)
        settled = detail.get("State", {}).get("Status") in _GONE and finding.condition is not Condition.UNSURE
        if settled:
            self._settled[container_id] = finding
        return finding

    def _verdict(self, who: Identity, container_id: str, detail: dict[str, Any]) -> Finding:
        state = detail.get("State") or {}
        policy = (detail.get("HostConfig") or {}).get("RestartPolicy") or {}
        record = self.history.record(container_id)
        deaths, oom_deaths = self._recent_deaths(container_id)
        health = str((state.get("Health") or {}).get("Status") or "none")
        facts = facts_of(who, {"Id": container_id, "Image": (detail.get("Config") or {}).get("Image")}) | {
            "status": state.get("Status"),
            "exit_code": state.get("ExitCode"),
            "oom_killed": bool(state.get("OOMKilled")),
            "restart_count": detail.get("RestartCount", 0),
            "restart_policy": policy.get("Name") or "no",
            "health": health,
            "started_at": state.get("StartedAt"),
            "finished_at": state.get("FinishedAt"),
            "stopped_by_person": record.by_person,
        }
        if state.get("Error"):
            facts["error"] = clean_text(str(state["Error"]), 500)
        if deaths:
            facts["recent_deaths"] = deaths

        def found(condition: Condition, type_: str = "", severity: Severity = Severity.ERROR, **more: Any) -> Finding:
            again = more.pop("again", None)
            return Finding(who.key, who.service, condition, RULE, type_, severity, facts | more, again)

        status = state.get("Status")
        if status == "running":
            record.seen_running = True
        looping = deaths >= self._watch.loop_deaths
        if status == "restarting" and int(facts["restart_count"] or 0) >= self._watch.loop_deaths:
            looping = True  # the engine counted what we did not hear
        if status in ("running", "restarting") and (looping or oom_deaths >= self._watch.oom_deaths):
            up_seconds = self._clock() - _unix(state.get("StartedAt"))
            if status == "running" and not 0 <= up_seconds < self._watch.stable_seconds:
                looping = False
            elif oom_deaths >= self._watch.oom_deaths:
                return found(Condition.SICK, "container_oom", Severity.CRITICAL, again=self._watch.stable_seconds)
            else:
                return found(
                    Condition.SICK, "container_restart_loop", Severity.CRITICAL, again=self._watch.stable_seconds
                )
        if status == "running":
            if health == "unhealthy":
                return found(Condition.SICK, "container_unhealthy")
            return found(Condition.UNSURE if health == "starting" else Condition.WELL)
        if status not in _GONE:  # created, paused, restarting, removing
            return found(Condition.UNSURE)
        return self._verdict_on_the_dead(found, who, record.by_person, record.seen_running, facts, policy)

    def _verdict_on_the_dead(
        self,
        found: Callable[..., Finding],
        who: Identity,
        by_person: bool,
        seen_running: bool,
        facts: dict[str, Any],
        policy: dict[str, Any],
    ) -> Finding:
        if by_person and not facts.get("error"):  # a restart by a person whose start failed has an error
            log.info("docker.stopped_by_person", service=who.service, exit_code=facts["exit_code"])
            return found(Condition.WELL, ended="stopped_by_person")
        name, exit_code = facts["restart_policy"], facts["exit_code"]
        retries_left = name == "on-failure" and not 0 < int(policy.get("MaximumRetryCount") or 0) <= int(
            facts["restart_count"] or 0
        )
        if exit_code == 0 and name in ("no", "on-failure") and not facts["oom_killed"]:
            return found(Condition.WELL, ended="finished")
        died_at = _unix(facts["finished_at"])
        if (name in ("always", "unless-stopped") or retries_left) and not facts.get("error"):
            # The engine starts such a container again by itself, unless a person stopped it while we did not listen.
            if 0 <= self._clock() - died_at < SETTLE_SECONDS:
                return found(Condition.UNSURE, again=SETTLE_SECONDS)
            return found(Condition.WELL, ended="stopped_by_person", stopped_by_person=True)
        if died_at < self._since and not seen_running and who.key not in self._open_keys:
            return found(Condition.WELL, ended="before_we_came")
        if facts["oom_killed"]:
            return found(Condition.SICK, "container_oom")
        return found(Condition.SICK, "container_died")

    def _missing(self) -> list[Finding]:
        present = {i.service for i in self._identities.values()} | {i.container for i in self._identities.values()}
        findings = []
        for name in self._watch.expect:
            facts: dict[str, Any] = {"runtime": Runtime.DOCKER.value, "container": name}
            if name in self._compose:
                facts["compose"] = self._compose[name]
            condition = Condition.WELL if name in present else Condition.SICK
            findings.append(Finding(f"docker:expect/{name}", name, condition, RULE, "container_missing", facts=facts))
        return findings

    def _recent_deaths(self, container_id: str) -> tuple[int, int]:
        return self.history.deaths_since(container_id, self._clock() - self._watch.loop_window_seconds)

    def _ignored(self, who: Identity, labels: dict[str, str]) -> bool:
        if labels.get("mendmesh.watch") == "false" or labels.get("com.docker.compose.oneoff") == "True":
            return True
        return any(fnmatchcase(who.service, g) or fnmatchcase(who.container, g) for g in self._watch.ignore)

    def _remember(self, container_id: str, identity: Identity) -> None:
        self._identities[container_id] = identity
        self._ids[identity.key] = container_id
        if identity.compose and identity.service in self._watch.expect:
            self._compose[identity.service] = identity.compose

    def _forget(self, container_id: str) -> None:
        identity = self._identities.pop(container_id, None)
        self._settled.pop(container_id, None)
        if identity is not None and self._ids.get(identity.key) == container_id:
            del self._ids[identity.key]


def _unix(text: Any) -> float:
    """Unix seconds of the engine's time; 0 for `0001-01-01T00:00:00Z` (never) and nonsense."""
    try:
        return max(0.0, parse_time(str(text)).timestamp())
    except (ValueError, OverflowError):
        return 0.0
