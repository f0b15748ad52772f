"""Who may write where under RUNTIME_PATH: one table of owners and modes, for whoever makes, checks or relies on it.

Reads only; `bootstrap.py` makes it so. The planner is not in the group `operators`: the kernel, not a promise, keeps
it from listing, creating, renaming into or replacing anything in actions/approved/ (docs/decisions/0081).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from mesh_core.models.proposals import Folder
from mesh_core.runtime.services import EXECUTOR, NODE_AGENT, OBSERVER, PLANNER, SERVICES, ServiceUser


class Group(IntEnum):
    """`operators`: who may approve; the people, the executor, the observer's page. `mendmesh`: every service."""

    ROOT = 0
    OPERATORS = 10100
    MENDMESH = 10101


@dataclass(frozen=True)
class OwnedPath:
    """One folder (or file), relative to RUNTIME_PATH. `of`: the services that need it; empty: all."""

    path: str
    owner: ServiceUser
    group: Group
    mode: int
    of: frozenset[str] = frozenset()
    is_file: bool = False

    @property
    def adopts(self) -> bool:
        """Does what a stranger left in it (an earlier single-user mesh) become its owner's?"""
        return self.owner is not ServiceUser.ROOT and not self.is_file


def _owned(path: str, owner: ServiceUser, group: Group, mode: int, *of: str, is_file: bool = False) -> OwnedPath:
    return OwnedPath(path, owner, group, mode, frozenset(of), is_file)


USERS = {name: service.user for name, service in SERVICES.items()} | {"redis": ServiceUser.REDIS}
_DECIDERS = (PLANNER, EXECUTOR, OBSERVER)


def _actions() -> Iterator[OwnedPath]:
    yield _owned("actions", ServiceUser.ROOT, Group.MENDMESH, 0o755, *_DECIDERS)
    people_and_planner = (Folder.PENDING, Folder.WITHDRAWN)
    people = (Folder.APPROVED, Folder.REJECTED)
    for folder in Folder:
        owner = ServiceUser.PLANNER if folder in people_and_planner else ServiceUser.EXECUTOR
        # Evidence: only the executor writes it, and the people who answer for it may read it.
        mode = 0o2770 if folder in (*people_and_planner, *people) else 0o2750
        yield _owned(f"actions/{folder}", owner, Group.OPERATORS, mode, *_DECIDERS)
    yield _owned("actions/pending/.wip", ServiceUser.PLANNER, Group.OPERATORS, 0o2770, *_DECIDERS)


PATHS: tuple[OwnedPath, ...] = (
    _owned("", ServiceUser.ROOT, Group.ROOT, 0o755),
    *_actions(),
    # Sticky: all services keep a heartbeat here, and none may take away or replace what is another's.
    _owned("state", ServiceUser.ROOT, Group.MENDMESH, 0o3775),
    _owned("state/planners", ServiceUser.PLANNER, Group.MENDMESH, 0o755, PLANNER),
    _owned("state/executor", ServiceUser.EXECUTOR, Group.OPERATORS, 0o2750, EXECUTOR),
    _owned("state/executor.lock", ServiceUser.EXECUTOR, Group.OPERATORS, 0o640, EXECUTOR, is_file=True),
    _owned("state/observer.lock", ServiceUser.OBSERVER, Group.OPERATORS, 0o640, OBSERVER, is_file=True),
    _owned("config", ServiceUser.ROOT, Group.OPERATORS, 0o2775),
    _owned("silences", ServiceUser.ROOT, Group.OPERATORS, 0o2775, *_DECIDERS),
    _owned("silences/ended", ServiceUser.ROOT, Group.OPERATORS, 0o2775, *_DECIDERS),
    _owned("requests", ServiceUser.PLANNER, Group.OPERATORS, 0o2750, PLANNER, OBSERVER),
    _owned("spool", ServiceUser.NODE_AGENT, Group.OPERATORS, 0o2750, NODE_AGENT),
    _owned("events", ServiceUser.OBSERVER, Group.OPERATORS, 0o2750, OBSERVER),
    _owned("index", ServiceUser.OBSERVER, Group.OPERATORS, 0o2750, OBSERVER),
    _owned("audit", ServiceUser.OBSERVER, Group.OPERATORS, 0o2750, OBSERVER),
    _owned("redis", ServiceUser.REDIS, Group.MENDMESH, 0o700, "redis"),
    _owned("secrets", ServiceUser.ROOT, Group.ROOT, 0o711),
    *(_owned(f"secrets/{name}", user, Group.MENDMESH, 0o500, name) for name, user in USERS.items()),
    _owned("secrets/operator", ServiceUser.ROOT, Group.OPERATORS, 0o750, "redis", OBSERVER),
    _owned("secrets/nodes", ServiceUser.ROOT, Group.ROOT, 0o700, "redis"),
)


def paths_for(services: Iterable[str]) -> list[OwnedPath]:
    """What a host needs on which these services run, in the order in which it can be made."""
    wanted = frozenset(services)
    return [place for place in PATHS if not place.of or place.of & wanted]


def differences(runtime: Path, services: Iterable[str] = tuple(USERS)) -> list[str]:
    """What is not as the table says, each as a sentence; what this user may not look at is left out."""
    found = []
    for place in paths_for(services):
        path = runtime / place.path
        try:
            status = path.lstat()
        except FileNotFoundError:
            found.append(f"{path} is missing")
            continue
        except PermissionError:
            continue
        kind = stat.S_ISREG if place.is_file else stat.S_ISDIR
        if not kind(status.st_mode):
            found.append(f"{path} is not a {'file' if place.is_file else 'folder'}")
            continue
        if (status.st_uid, status.st_gid) != (place.owner, place.group):
            wanted = f"{place.owner:d}:{place.group:d} ({place.owner.name.lower()}:{place.group.name.lower()})"
            found.append(f"{path} belongs to {status.st_uid}:{status.st_gid} instead of {wanted}")
        if stat.S_IMODE(status.st_mode) != place.mode:
            found.append(f"{path} has mode {stat.S_IMODE(status.st_mode):04o} instead of {place.mode:04o}")
    return found


def services_of(runtime: Path) -> list[str]:
    """Which services the ground was laid for: each has a folder for its secrets."""
    return [name for name in USERS if os.path.lexists(runtime / "secrets" / name)]


def is_deployed(runtime: Path) -> bool:
    """Are there users of its own for the services here? In a checkout one user owns everything, and that is fine."""
    try:
        return (runtime / "actions" / Folder.APPROVED).stat().st_uid == ServiceUser.EXECUTOR
    except OSError:
        return False
