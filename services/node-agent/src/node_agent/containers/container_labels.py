"""What a container's owner says to us in labels: which of them travel with an event, and what it depends on. Pure.

Only these travel. Other labels are other programs' business, and some hold their secrets.
"""

from __future__ import annotations

from collections.abc import Mapping

from mesh_core.models.owner_labels import AUTOHEAL, WATCH, yes_or_no

_OURS = ("mendmesh.", f"{AUTOHEAL}.")
_DEPENDS_ON = ("mendmesh.depends-on", "com.docker.compose.depends_on")
_MOST = 32


def owners_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Those that speak to the mesh."""
    ours = {name: value for name, value in labels.items() if name == AUTOHEAL or name.startswith(_OURS)}
    return dict(sorted(ours.items())[:_MOST])


def depends_on(labels: Mapping[str, str]) -> tuple[str, ...]:
    """What it needs to run: by its owner's word (`db, cache`), by its compose file (`db:service_healthy:false,...`)."""
    names = dict.fromkeys(part.partition(":")[0] for part in _needs(labels))
    return tuple(name for name in names if name)[:_MOST]


def needs_it_healthy(labels: Mapping[str, str], name: str) -> bool:
    """Does it wait for this one to be healthy, and not for its start or its end alone?"""
    return any(part.startswith(f"{name}:service_healthy") for part in _needs(labels))


def _needs(labels: Mapping[str, str]) -> list[str]:
    return ",".join(labels.get(name, "") for name in _DEPENDS_ON).replace(" ", ",").split(",")


def is_to_be_watched(labels: Mapping[str, str]) -> bool | None:
    """Does its owner say that it is to be watched, or to be left alone? None: nothing is said."""
    said = yes_or_no(labels.get(WATCH))
    return said if said is not None else (yes_or_no(labels.get(AUTOHEAL)) or None)
