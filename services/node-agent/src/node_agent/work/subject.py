"""The thing that is in trouble, as a command on its host may name it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from node_agent.checks import CheckResult

_SHORTEST = 3  # a name of two letters stands in any path
_PARTS = re.compile(r"[^\w-]+")


@dataclass(frozen=True)
class Subject:
    """`names`: its own, without the suffix of a unit. `image`, `project`: '' for what is no container, or has none."""

    names: frozenset[str]
    container: str = ""
    image: str = ""
    project: str = ""

    def is_named_in(self, words: Iterable[str]) -> bool:
        """As a whole part of one of the words: `/etc/nginx/nginx.conf` names nginx."""
        return any(not self.names.isdisjoint(_PARTS.split(word)) for word in words)


def subject_of(result: CheckResult) -> Subject:
    facts = result.facts
    compose = facts.get("compose")
    project = str(compose.get("project") or "") if isinstance(compose, dict) else ""
    said = [result.service, facts.get("container"), facts.get("unit"), facts.get("program"), project]
    said += [compose.get("service")] if isinstance(compose, dict) else []
    names = {str(name).removesuffix(".service").partition("@")[0] for name in said if name}
    return Subject(
        names=frozenset(name for name in names if len(name) >= _SHORTEST),
        container=str(facts.get("container") or ""),
        image=str(facts.get("image") or ""),
        project=project,
    )
