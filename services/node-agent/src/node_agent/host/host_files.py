"""Are the files that this process sees those of its host? In a container they are its image's, which says nothing."""

from __future__ import annotations

from pathlib import Path

from node_agent.host.mounts import Mount, mount_of
from node_agent.host.systemctl import BOOTED

_MARKS = (Path(".dockerenv"), Path("run/.containerenv"))


def sees_host_files(mounts: list[Mount], root: Path = Path("/")) -> bool:
    if (root / BOOTED.relative_to("/")).is_dir():
        return True  # where systemd runs, that is a host of its own
    lies_on = mount_of("/", mounts)
    in_layers = lies_on is not None and lies_on.kind == "overlay"
    return not in_layers and not any((root / mark).exists() for mark in _MARKS)
