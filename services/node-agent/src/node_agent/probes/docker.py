"""Containers of one engine: died, OOM-killed, unhealthy, restarting in a loop, missing. Reads only.

Told of changes by the engine's event stream; the rounds find what that missed. Identity survives recreation:
`<project>.<service>`, or the container's name. What is healthy says container_check.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import structlog
from pydantic import Field

from mesh_core.models.owner_labels import label_problems
from mesh_core.models.records import Name
from node_agent.checks.check_result import CheckResult, Condition, as_healthy
from node_agent.checks.crash_rhythm import loop_seconds_left
from node_agent.containers.container_check import RULE, ContainerCheck, ended_at_of
from node_agent.containers.container_dependents import lost_network_of
from node_agent.containers.container_evidence import ContainerEvidence
from node_agent.containers.container_heirs import ContainerHeirs
from node_agent.containers.container_history import ContainerHistory
from node_agent.containers.container_identity import (
    Identity,
    container_facts,
    identity_for,
    identity_in_event,
    is_one_off,
    one_each,
)
from node_agent.containers.container_labels import is_to_be_watched
from node_agent.containers.engine import Engine
from node_agent.containers.image_history import ImageHistory, image_id
from node_agent.containers.known_containers import KnownContainers
from node_agent.host.processes import booted_at
from node_agent.options import Positive
from node_agent.probe_base.probe import DefaultProbeOptions, Hint, ProbeContext, SourceAbsent
from node_agent.protocols.http_client import HttpConnectionError

_OF_ITS_SERVICE = ("runtime", "compose", "swarm", "image", "labels", "replicas", "dependents", "in_its_network")

log = structlog.get_logger()


class DockerOptions(DefaultProbeOptions):
    """`ignore`: globs of service identities or container names. `expect`: must exist.

    `only_labelled`: no container is watched but those whose owner says so (`mendmesh.watch=true`, `autoheal=true`).

    `loop_deaths` within `loop_window_seconds` are a restart loop; one that stays up for `stable_seconds` has recovered.
    """

    ignore: tuple[str, ...] = ()
    expect: tuple[Name, ...] = ()
    only_labelled: bool = False
    resync_seconds: Positive = 60
    loop_deaths: Annotated[int, Field(ge=2)] = 3
    loop_window_seconds: Positive = 600
    stable_seconds: Positive = 60

    def create(self, context: ProbeContext) -> DockerProbe:
        """Also where no engine answers now: it may start after us. Nothing but its silence is seen then."""
        engine = Engine(context.docker_host)
        if engine.address.unix and not Path(engine.address.unix).is_socket():
            log.info("docker.no_engine_yet", address=context.docker_host)
        return DockerProbe(
            engine,
            self,
            since=context.since,
            open_keys=context.open_keys("docker:"),
            memory=context.memory("docker"),
            images=context.images,
        )


class DockerProbe:
    """`since`: deaths before that time (unix seconds) are old corpses, except for keys in `open_keys`.

    `memory` is what an earlier agent gave, who was ended at `since`; `images` is filled here, for who asks later.
    """

    name = "docker"

    def __init__(
        self,
        engine: Engine,
        options: DockerOptions,
        *,
        since: float,
        open_keys: frozenset[str] = frozenset(),
        memory: Mapping[str, Any] | None = None,
        images: ImageHistory | None = None,
        clock: Callable[[], float] = time.time,
    ):
        self.engine = engine
        self.every_seconds = options.resync_seconds
        self.history = ContainerHistory()
        self._options = options
        self._since = since
        self._open_keys = open_keys
        self._clock = clock
        self._known = KnownContainers(options.expect)
        self._evidence = ContainerEvidence(engine, self._known)
        self._told_stopped: set[str] = set()  # container ids of which the log says that a person stopped them
        self._told_labels: set[str] = set()  # container ids whose labels were judged
        self._lost_once: set[str] = set()  # container ids in the network of one that was gone in the last full round
        self._lost_network: set[str] = set()  # and in the one before: an updater makes them anew one after the other
        self._engine_new_at = float("-inf")  # when we found that the engine, or the host, had been started anew
        self._stream_ended_at = since  # the last moment of which we know what the engine told
        self._images = images or ImageHistory()
        self._ran = self._recalled(memory or {})
        self._heirs = ContainerHeirs(engine, (memory or {}).get("heirs"))

    async def listen(self, hint: Hint) -> None:
        """One connection to the event stream until it breaks (HttpConnectionError)."""
        await self._ask_for_its_age()
        since = self.history.last_event or self._since
        is_open = False

        def opened() -> None:
            nonlocal is_open
            is_open = True
            hint(None)

        try:
            async for event in self.engine.events(since, opened):
                container_id = self.history.apply(event)
                if container_id is None:
                    continue
                self._told_stopped.discard(container_id)
                identity = self._known.identity_of(container_id)
                if identity is None or event.get("Action") == "rename":
                    identity = identity_in_event(event)
                    self._known.remember(container_id, identity)
                hint(identity.key)
                for one in self._known.family_of(identity) if event.get("Action") == "start" else ():
                    hint(one.key)  # it may take the place of this one
        finally:
            if is_open:
                self._stream_ended_at = self._clock()

    async def _ask_for_its_age(self) -> None:
        """An engine that ends stops its containers just as a person does; what tells the two apart is a new engine."""
        ended_at = self._stream_ended_at
        is_new = booted_at() > ended_at or await self.engine.started_after(ended_at)
        ran, self._ran = self._ran | self.history.ran_until(ended_at), frozenset()
        if is_new and ran:
            self.history.ended_with_engine(ran)  # the next look finds out who runs again
            self._engine_new_at = self._clock()
            log.info("docker.engine_was_restarted", containers_that_ran=len(ran))

    def memory(self) -> dict[str, Any]:
        dumped = self.history.dump(self._clock())
        running = sorted({*dumped["running"], *self._ran})
        return {**dumped, "running": running, "heirs": self._heirs.names, "images": self._images.dump()}

    def _recalled(self, memory: Mapping[str, Any]) -> frozenset[str]:
        try:
            self._images.load(memory.get("images", {}))
            return self.history.load(memory)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("docker.memory_unreadable", error=str(error))
            return frozenset()

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        if only is not None:
            results = [result for key in only if (result := await self._check_key(key)) is not None]
            return results + [result for result in self._known.expected(self._heirs.names) if result.key in only]
        rows = await self._containers()
        present = {str(row.get("Id")) for row in rows}
        self.history.keep_only(present)  # before any wait: events tell of newer containers meanwhile
        self._told_labels &= present
        self._told_stopped &= present
        self._known.keep_only(present)
        self._heirs.see(rows, self._clock())
        lost = {str(row.get("Id")) for row in rows if lost_network_of(row, rows)}
        self._lost_network, self._lost_once = lost & self._lost_once, lost
        results = [result for row in one_each(rows) if (result := await self._check_row(row)) is not None]
        return [*results, *self._known.expected(self._heirs.names)]

    async def _containers(self) -> list[dict[str, Any]]:
        try:
            return await self.engine.containers()
        except HttpConnectionError as error:
            if self.engine.address.unix and isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError):
                raise SourceAbsent(str(error)) from error
            raise

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        """Log lines, the last health check's output, and who hangs on it."""
        if result.condition is not Condition.UNHEALTHY:
            return {}
        details = await self._evidence.details(result.key, health=result.type == "container_unhealthy")
        return details | await self._evidence.company(result.key)

    async def describe(self, service: str) -> dict[str, Any]:
        """What is known of the container behind another probe: identity, state, last lines; empty if there is none.

        Of several replicas the one that is sick; where none or more than one is, all that are up (`containers`),
        because who looks from outside cannot tell which of them answered.
        """
        keys = sorted({identity.key for identity in self._known.called([service])})
        results = [result for key in keys if (result := await self._check_key(key)) is not None]
        sick = [result for result in results if result.condition is Condition.UNHEALTHY]
        meant = sick if len(sick) == 1 else [result for result in results if not _rests(result)] or results
        if not meant:
            heir = self._heirs.names.get(service)
            return {"replaced_by": heir} if heir else {}
        found = {**meant[0].facts, **await self._evidence.company(meant[0].key)}
        if len(meant) == 1:
            return found | await self._evidence.details(meant[0].key, health=False)
        shared = {word: value for word, value in found.items() if word in _OF_ITS_SERVICE}
        return {**shared, "containers": [result.facts["container"] for result in meant]}

    async def _check_row(self, row: dict[str, Any]) -> CheckResult | None:
        """By the engine's short form of it, where that says enough."""
        container_id = str(row.get("Id"))
        labels = row.get("Labels") or {}
        identity = identity_for(row.get("Names") or [], labels)
        self._judge_labels(container_id, identity)
        if self._ignored(identity, labels):
            return None
        self._known.remember(container_id, identity)
        if str(row.get("State")) == "running":
            self._known.note_run(identity.key, self._clock())
            record = self.history.record(container_id)
            record.runs()
            deaths, _ = self._recent_deaths(container_id)
            status = str(row.get("Status"))
            looping = deaths >= self._options.loop_deaths or loop_seconds_left(
                record.crashes, self._options.loop_deaths, self._clock()
            )
            is_plain = "(unhealthy)" not in status and "health: st" not in status
            if not looping and is_plain and container_id not in self._lost_network:
                facts = container_facts(identity, row)
                if "(healthy)" in status:
                    facts["health"] = "healthy"
                self._note_image(identity.key, row.get("ImageID"), row.get("Image"), well=True)
                return CheckResult(identity.key, identity.service, Condition.HEALTHY, RULE, facts=facts)
        return await self._check_key(identity.key)

    async def _check_key(self, key: str) -> CheckResult | None:
        """By the engine's long form of it; None for what is ignored, or never was known."""
        container_id = self._known.id_of(key)
        if container_id is None:
            return None
        detail = await self.engine.container(container_id)
        if detail is None:
            return self._removed(key, container_id)
        labels, runs = detail.get("Config", {}).get("Labels") or {}, detail.get("State", {}).get("Status") == "running"
        identity = identity_for([str(detail.get("Name", ""))], labels)
        if self._ignored(identity, labels):
            return None
        if runs:
            self._known.note_run(identity.key, self._clock())
        result = self._judged(container_id, identity, detail)
        well = runs and result.condition is Condition.HEALTHY
        self._note_image(identity.key, detail.get("Image"), detail.get("Config", {}).get("Image"), well=well)
        ended_at = ended_at_of(detail) if result.condition is Condition.UNHEALTHY and identity.is_bare else 0.0
        if ended_at and (heir := await self._heirs.of_one_that_ended(detail, ended_at)):
            result = as_healthy(result, ended=f"replaced by {heir}", replaced_by=heir)
        if result.facts.get("ended") == "stopped_by_person" and container_id not in self._told_stopped:
            self._told_stopped.add(container_id)
            log.info(
                "docker.stopped_by_person", service=identity.service, exit_code=detail.get("State", {}).get("ExitCode")
            )
        return result

    def _removed(self, key: str, container_id: str) -> CheckResult | None:
        known = self._known.forget(container_id)
        self._told_stopped.discard(container_id)
        if known is None:
            return None
        facts = {**container_facts(known, {}), "ended": "removed"}
        return CheckResult(key, known.service, Condition.HEALTHY, RULE, facts=facts)

    def _judged(self, container_id: str, identity: Identity, detail: dict[str, Any]) -> CheckResult:
        deaths, oom_deaths = self._recent_deaths(container_id)
        return ContainerCheck(
            identity=identity,
            detail={**detail, "Id": container_id},
            record=self.history.record(container_id),
            deaths=deaths,
            oom_deaths=oom_deaths,
            loop_deaths=self._options.loop_deaths,
            stable_seconds=self._options.stable_seconds,
            since=0.0 if identity.key in self._open_keys else self._since,
            now=self._clock(),
            engine_up_seconds=self._clock() - self._engine_new_at,
            ran_at=self._known.ran_at(identity.key),
            has_lost_network=container_id in self._lost_network,
        ).result()

    def _note_image(self, key: str, image: Any, name: Any, *, well: bool) -> None:
        self._images.note(key, image_id(image), str(name or ""), self._clock(), well=well)

    def _recent_deaths(self, container_id: str) -> tuple[int, int]:
        return self.history.deaths_since(container_id, self._clock() - self._options.loop_window_seconds)

    def _ignored(self, identity: Identity, labels: dict[str, str]) -> bool:
        wanted = is_to_be_watched(labels)
        if is_one_off(labels) or wanted is False:
            return True
        names = (identity.service, identity.container)
        if self._options.only_labelled and not wanted:
            return not any(name in self._options.expect for name in names)
        return any(fnmatchcase(name, glob) for name in names for glob in self._options.ignore)

    def _judge_labels(self, container_id: str, identity: Identity) -> None:
        """Once for each container, in the log: an owner who is misunderstood must be able to find out."""
        if identity.labels and container_id not in self._told_labels:
            self._told_labels.add(container_id)
            for problem in label_problems(identity.labels):
                log.warning("docker.label", container=identity.container, problem=problem)


def _rests(result: CheckResult) -> bool:
    """Has it ended, and is that as it should be?"""
    return result.condition is Condition.HEALTHY and "ended" in result.facts
