"""Who took whose place among the containers of one engine (deployed_anew.py says when). Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from node_agent.containers.container_identity import UP, identity_for
from node_agent.containers.deployed_anew import (
    AFTER_SECONDS,
    ASKED_TO_END,
    OWN_SECONDS,
    Deployment,
    End,
    deployment_of,
    heir_of,
    one_family,
)
from node_agent.containers.engine import Engine

MOST_INSPECTED = 8  # of one family; more of them are replicas

Rows = Iterable[Mapping[str, Any]]

log = structlog.get_logger()


class ContainerHeirs:
    """Compose and a swarm say themselves what is one service: only containers with a bare name are looked at.

    `names`: who went -> who took its place.
    """

    def __init__(self, engine: Engine, remembered: object = None):
        """`remembered`: the `names` of an earlier agent, or anything else."""
        self.names = {str(old): str(new) for old, new in remembered.items()} if isinstance(remembered, dict) else {}
        self._engine = engine
        self._deployments: dict[str, Deployment] = {}  # container id -> as it was when last seen up
        self._lost: dict[str, tuple[Deployment, End]] = {}  # name -> who was taken away a moment ago
        self._settled: dict[tuple[str, float], str] = {}  # (container id, its end) -> its heir, whatever became of that
        self._gone: dict[str, float] = {}  # name -> when a container of that name was last taken away

    def see(self, rows: Rows, now: float) -> None:
        """All containers in the engine's short form, at each full round."""
        bare = {str(row.get("Id")): deployment_of(row) for row in rows if _has_a_bare_name(row)}
        for container_id in self._deployments.keys() - bare.keys():
            lost = self._deployments.pop(container_id)
            self._lost[lost.name] = lost, End(now, in_peace=True)
            self._gone[lost.name] = now
        for container_id, deployment in bare.items():
            if deployment.runs:
                self._deployments.setdefault(container_id, deployment)  # later its image may have lost its name
        self._settled = {end: heir for end, heir in self._settled.items() if end[0] in bare}
        present = {deployment.name for deployment in bare.values()}
        self.names = {old: new for old, new in self.names.items() if old not in present and new in present}
        for name, (old, end) in list(self._lost.items()):
            if name in present or now - end.at > AFTER_SECONDS:
                del self._lost[name]
            elif heir := heir_of(old, end, bare.values(), self._gone):
                self._note(name, heir)
                del self._lost[name]
        self._gone = {name: at for name, at in self._gone.items() if now - at <= OWN_SECONDS + AFTER_SECONDS}

    async def of_one_that_ended(self, detail: Mapping[str, Any], ended_at: float) -> str:
        """Who took the place of a container that ended, in the engine's long form of it; '' for nobody."""
        which = str(detail.get("Id")), ended_at
        if settled := self._settled.get(which):
            return settled
        state = detail.get("State") or {}
        old = deployment_of(detail)
        end = End(ended_at, in_peace=state.get("ExitCode") in ASKED_TO_END and not state.get("OOMKilled"))
        others = []
        for row in await self._engine.containers():
            name = deployment_of(row).name
            if row.get("State") in UP and one_family(old.name, name) and _has_a_bare_name(row):
                others.append(str(row.get("Id")))
        details = [await self._engine.container(one) for one in others] if len(others) <= MOST_INSPECTED else []
        heir = heir_of(old, end, (deployment_of(one) for one in details if one is not None), self._gone)
        if heir:
            self._settled[which] = heir
            self._note(old.name, heir)
        return heir

    def _note(self, name: str, heir: str) -> None:
        if self.names.get(name) != heir:
            self.names[name] = heir
            log.info("docker.deployed_anew", was=name, now=heir)


def _has_a_bare_name(row: Mapping[str, Any]) -> bool:
    return identity_for(row.get("Names") or [], row.get("Labels") or {}).is_bare
