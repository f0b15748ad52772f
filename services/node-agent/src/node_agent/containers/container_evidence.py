"""What the engine can tell of a container in trouble: its last words, its check's, who hangs on it. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node_agent.checks.evidence import clean_text
from node_agent.containers.container_check import state_in_words
from node_agent.containers.container_dependents import company_of, lost_network_of, network_owner_of
from node_agent.containers.container_identity import identity_for
from node_agent.containers.container_labels import depends_on, needs_it_healthy
from node_agent.containers.engine import Engine
from node_agent.containers.known_containers import KnownContainers


class ContainerEvidence:
    """Asks `engine` about the containers that are `known`. Empty for one that is gone. Raises HttpConnectionError."""

    def __init__(self, engine: Engine, known: KnownContainers):
        self._engine = engine
        self._known = known

    async def company(self, key: str) -> dict[str, Any]:
        """Who depends on it, who shares its network, and whether the one that it lives in is still there."""
        container_id = self._known.id_of(key) or ""
        identity = self._known.identity_of(container_id)
        if identity is None:
            return {}
        rows = await self._engine.containers()
        mine = next((row for row in rows if str(row.get("Id")) == container_id), {})
        return company_of(identity, container_id, rows) | lost_network_of(mine, rows)

    async def details(self, key: str, *, health: bool) -> dict[str, Any]:
        """Its last log lines, what it needs and how that is; with `health` also what its last check printed."""
        container_id = self._known.id_of(key)
        detail = await self._engine.container(container_id) if container_id is not None else None
        if container_id is None or detail is None:
            return {}
        more: dict[str, Any] = {}
        if lines := await self._engine.logs(container_id, tty=bool(detail.get("Config", {}).get("Tty"))):
            more["logs"] = lines
        checks = (detail.get("State", {}).get("Health") or {}).get("Log") or []
        if checks and health:
            more["health_output"] = clean_text(str(checks[-1].get("Output", "")))
            more["health_exit_code"] = checks[-1].get("ExitCode")
        labels = detail.get("Config", {}).get("Labels") or {}
        needed = {name: await self._state_of(name, labels) for name in depends_on(labels)}
        if needed := needed | await self._network_of(detail):
            more["depends_on"] = needed
        return more

    async def _network_of(self, detail: Mapping[str, Any]) -> dict[str, str]:
        """Whose network it lives in, and how that one is: while it is stopped this one has no network, and cannot be
        started."""
        owner = network_owner_of(detail)
        found = await self._engine.container(owner) if owner else None
        if found is None:
            return {}
        who = identity_for([str(found.get("Name", ""))], found.get("Config", {}).get("Labels") or {})
        return {(who.compose or {}).get("service") or who.container: state_in_words(found, has_to_run=True)}

    async def _state_of(self, name: str, labels: Mapping[str, str]) -> str:
        """One word or two about the container that goes by this name for whoever has these labels."""
        asking = identity_for([], labels).compose or {}
        found = self._known.called((name, f"{asking.get('project', '')}.{name}"))
        if not found:
            return "missing"
        detail = await self._engine.container(self._known.id_of(found[0].key) or found[0].container)
        if detail is None:
            return "missing"
        return state_in_words(detail, has_to_run=needs_it_healthy(labels, name))
