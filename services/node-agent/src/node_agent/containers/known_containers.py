"""Which containers of one engine are known, and by what name. Asks no engine; container_check.py judges them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mesh_core.models.events import Runtime
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.containers.container_check import RULE
from node_agent.containers.container_identity import Identity
from node_agent.containers.deployed_anew import one_family

MOST_KEPT = 512


class KnownContainers:
    """`expect`: services or containers that must exist; where one of them was declared is kept when it is gone."""

    def __init__(self, expect: tuple[str, ...]):
        self._expect = expect
        self._ids: dict[str, str] = {}  # key -> container id
        self._identities: dict[str, Identity] = {}  # container id -> identity
        self._ran: dict[str, float] = {}  # key -> when one was last seen running, the latest last
        self._compose: dict[str, dict[str, str]] = {}  # service -> its project, for those that are expected

    def remember(self, container_id: str, identity: Identity) -> None:
        self._identities[container_id] = identity
        self._ids[identity.key] = container_id
        if identity.compose and identity.service in self._expect:
            self._compose[identity.service] = identity.compose

    def forget(self, container_id: str) -> Identity | None:
        """Who that was, if it was known. Another one that took its name meanwhile stays."""
        identity = self._identities.pop(container_id, None)
        if identity is not None and self._ids.get(identity.key) == container_id:
            del self._ids[identity.key]
        return identity

    def keep_only(self, present: set[str]) -> None:
        for gone in self._identities.keys() - present:
            self.forget(gone)

    def note_run(self, key: str, now: float) -> None:
        """A container of this key was seen running at that time (unix seconds)."""
        self._ran.pop(key, None)
        self._ran[key] = now
        if len(self._ran) > MOST_KEPT:
            del self._ran[next(iter(self._ran))]

    def ran_at(self, key: str) -> float:
        """When this one was last seen running, or one whose place it took; 0 for never."""
        return self._ran.get(key, 0.0)

    def id_of(self, key: str) -> str | None:
        return self._ids.get(key)

    def identity_of(self, container_id: str) -> Identity | None:
        return self._identities.get(container_id)

    def called(self, names: Iterable[str]) -> list[Identity]:
        """Those whose service or container has one of these names."""
        wanted = set(names)
        return [i for i in self._identities.values() if wanted & {i.service, i.container}]

    def family_of(self, identity: Identity) -> list[Identity]:
        """Those that are called like it but for one part."""
        return [one for one in self._identities.values() if one_family(one.container, identity.container)]

    def expected(self, heirs: Mapping[str, str]) -> list[CheckResult]:
        """Is each of those there that must exist, or who took its place?"""
        return [self._expected(name, heirs.get(name, name)) for name in self._expect]

    def _expected(self, name: str, heir: str) -> CheckResult:
        facts: dict[str, Any] = {"runtime": Runtime.DOCKER.value, "container": name}
        if name in self._compose:
            facts["compose"] = self._compose[name]
        condition = Condition.HEALTHY if self.called([name, heir]) else Condition.UNHEALTHY
        return CheckResult(f"docker:expect/{name}", name, condition, RULE, "container_missing", facts=facts)
