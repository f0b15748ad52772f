"""Are the files that this process sees those of its host? In a container they are its image's, which says nothing."""

from __future__ import annotations

from pathlib import Path

from node_agent.mounts import Mount, mount_of

_SYSTEMD = Path("run/systemd/system")  # as sd_booted(3) finds out: where it runs, that is a host of its own
_MARKS = (Path(".dockerenv"), Path("run/.containerenv"))


def sees_host_files(mounts: list[Mount], root: Path = Path("/")) -> bool:
    if (root / _SYSTEMD).is_dir():
        return True
    lies_on = mount_of("/", mounts)
    in_layers = lies_on is not None and lies_on.kind == "overlay"
    return not in_layers and not any((root / mark).exists() for mark in _MARKS)
