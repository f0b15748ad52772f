"""The thing that is in trouble, as a command on its host may name it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from node_agent.checks.check_result import CheckResult

_SHORTEST = 3  # a name of two letters stands in any path
_PARTS, _NAMES = re.compile(r"[^\w-]+"), re.compile(r"[^\w.@-]+")


@dataclass(frozen=True)
class Subject:
    """`names`: its own, without `.service`; of a template's instance also the template. `image`, `project`: '' for what
    is no container, or has none."""

    names: frozenset[str]
    container: str = ""
    image: str = ""
    project: str = ""

    def is_named_in(self, words: Iterable[str]) -> bool:
        """As a whole part of one of the words: `/etc/nginx/nginx.conf` names nginx, `wg-quick@wg1.service` no other
        instance than that."""
        return any(not self.names.isdisjoint(_parts_of(word)) for word in words)


def _parts_of(word: str) -> set[str]:
    return {*_PARTS.split(word), *(name.removesuffix(".d").removesuffix(".service") for name in _NAMES.split(word))}


def subject_of(result: CheckResult) -> Subject:
    facts = result.facts
    compose = facts.get("compose")
    project = str(compose.get("project") or "") if isinstance(compose, dict) else ""
    said = [result.service, facts.get("container"), facts.get("unit"), facts.get("program"), project]
    said += [compose.get("service")] if isinstance(compose, dict) else []
    names = {str(name).removesuffix(".service") for name in said if name}
    names |= {f"{template}@" for template, at, _ in (name.partition("@") for name in names) if at}
    return Subject(
        names=frozenset(name for name in names if len(name) >= _SHORTEST),
        container=str(facts.get("container") or ""),
        image=str(facts.get("image") or ""),
        project=project,
    )
