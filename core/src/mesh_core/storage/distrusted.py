"""Who must not be able to write what opens something: the services' own users. Reads statuses; changes nothing.

The planner writes what a model said. What that same user could have written may neither define what runs nor say how
well a model chooses.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

# Whose owner is a service, where services have users of their own.
_SERVICES_OWN = ("actions/pending", "actions/approved", "spool", "events", "redis")


class Distrusted(NamedTuple):
    """Users, and the group that they share; nobody where one user owns everything, as in a checkout."""

    users: frozenset[int] = frozenset()
    group: int | None = None

    def why_not(self, status: os.stat_result, must_not: str) -> str:
        """Why a file or folder of this status counts for nothing, '' where a person's word it is. `must_not`: what a
        service would do with it ("define what runs")."""
        if stat.S_ISLNK(status.st_mode):  # everybody may write one, as far as its mode says
            return "it is a link; put what it leads to in its place"
        if status.st_uid in self.users:
            return f"it belongs to a service (user {status.st_uid}), which must not {must_not}; chown it to a person"
        if status.st_mode & stat.S_IWOTH:
            return "everybody may write it; chmod o-w"
        if status.st_mode & stat.S_IWGRP and status.st_gid == self.group:
            return f"its group are the services, which must not {must_not}; chmod g-w"
        return ""


def distrusted_in(runtime: Path) -> Distrusted:
    """Of one runtime folder."""
    found = {name: status_of(runtime / name) for name in _SERVICES_OWN}
    owners = {name: status.st_uid for name, status in found.items() if status}
    planner, executor, *_ = (owners.get(name) for name in _SERVICES_OWN)
    if planner == executor:
        return Distrusted()
    shared = status_of(runtime / "actions")
    return Distrusted(frozenset(owners.values()) - {0}, shared.st_gid if shared and shared.st_gid else None)


def status_of(path: Path) -> os.stat_result | None:
    """Of the path itself; None where it cannot be seen."""
    try:
        return path.lstat()
    except OSError:
        return None
