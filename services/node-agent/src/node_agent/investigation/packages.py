"""How much the package manager keeps of what it downloaded, where that lies on the disk that fills up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node_agent.investigation.disk import lies_on_it
from node_agent.investigation.folder_sizes import bytes_in
from node_agent.investigation.question import Question

CACHES: Mapping[str, tuple[str, ...]] = {
    "apt": ("/var/cache/apt/archives",),
    "dnf": ("/var/cache/libdnf5", "/var/cache/dnf"),
    "zypper": ("/var/cache/zypp/packages",),
    "pacman": ("/var/cache/pacman/pkg",),
    "apk": ("/var/cache/apk",),
}


def look(question: Question, caches: Mapping[str, tuple[str, ...]] = CACHES) -> dict[str, Any]:
    """Of the manager that keeps most: a host has one, and may have the empty folder of another."""
    sizes = {
        manager: sum(bytes_in(folder, question) or 0 for folder in folders if lies_on_it(folder, question))
        for manager, folders in caches.items()
    }
    manager = max(sizes, key=lambda one: sizes[one])
    if not sizes[manager]:
        return {}
    return {"cache_bytes": sizes[manager], "manager": manager, "mount": question.facts["mount"]}
