"""What a container's owner says to us in labels: which of them we read, and whether one says yes or no. Pure.

Only these travel with an event. Other labels are other programs' business, and some hold their secrets.
"""

from __future__ import annotations

from collections.abc import Mapping

WATCH = "mendmesh.watch"
AUTOHEAL = "autoheal"  # of the program of that name, whose users have it in their compose files already
_OURS = ("mendmesh.", f"{AUTOHEAL}.")
_DEPENDS_ON = ("mendmesh.depends-on", "com.docker.compose.depends_on")
_MOST = 32
_YES, _NO = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


def owners_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Those that speak to the mesh."""
    ours = {name: value for name, value in labels.items() if name == AUTOHEAL or name.startswith(_OURS)}
    return dict(sorted(ours.items())[:_MOST])


def depends_on(labels: Mapping[str, str]) -> tuple[str, ...]:
    """What it needs to run: by its owner's word (`db, cache`), by its compose file (`db:service_healthy:false,...`)."""
    said = ",".join(labels.get(name, "") for name in _DEPENDS_ON).replace(" ", ",")
    names = dict.fromkeys(part.partition(":")[0] for part in said.split(","))
    return tuple(name for name in names if name)[:_MOST]


def says(labels: Mapping[str, str], name: str) -> bool | None:
    """Yes or no, in any way that people write it; None if it is not there, or says something else."""
    word = str(labels.get(name, "")).strip().lower()
    return True if word in _YES else False if word in _NO else None
