"""The places that the observer has heard of, out of the file in which it keeps the world. Reads only, believes little.

For who may not or need not ask an observer: the command line, which works without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mesh_core.storage.json_files import read_object

MAX_BYTES = 64 * 1024 * 1024  # 20,000 places with all that is open at them


@dataclass(frozen=True)
class SickPlace:
    """One service (`service` None: a node) that is not well for itself; `type` as its event told it, '' for unknown."""

    node: str
    service: str | None
    type: str
    since: str


@dataclass(frozen=True)
class SeenPlaces:
    """`targets` are `node/service` (`node/` for the node itself); `offline` says of a silent node since when.

    `open`: node, service and name of each open incident that has a name. `sick`: what is not well now.
    """

    targets: frozenset[str] = frozenset()
    offline: Mapping[str, str] = field(default_factory=dict)
    open: tuple[tuple[str, str | None, str], ...] = ()
    sick: tuple[SickPlace, ...] = ()


def read_places(runtime: Path) -> SeenPlaces:
    """None at all where no observer ran, or its file cannot be read."""
    places = read_object(runtime / "state" / "world.json", MAX_BYTES).get("places", {})
    try:
        offline = {
            place["node"]: str(place["since"])
            for place in places.values()
            if place.get("service") is None and place.get("state") == "offline"
        }
        named = tuple(
            (place["node"], place.get("service"), incident)
            for place in places.values()
            for incident in place.get("open", ())
            if incident not in place.get("unnamed", ())  # a type, and no name of this one
        )
        sick = tuple(
            SickPlace(place["node"], place.get("service"), str(place.get("event_type") or ""), str(place["since"]))
            for place in places.values()
            if place.get("own_state") == "sick"
        )
        return SeenPlaces(frozenset(places), offline, named, sick)
    except (KeyError, TypeError, AttributeError):
        return SeenPlaces()
