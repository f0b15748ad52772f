"""The places that the observer has heard of, out of the file in which it keeps the world. Reads only, believes little.

For who may not or need not ask an observer: the command line, which works without one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MAX_BYTES = 64 * 1024 * 1024  # 20,000 places with all that is open at them


@dataclass(frozen=True)
class SeenPlaces:
    """`targets` are `node/service` (`node/` for the node itself); `offline` says of a silent node since when."""

    targets: frozenset[str] = frozenset()
    offline: Mapping[str, str] = field(default_factory=dict)


def read_places(runtime: Path) -> SeenPlaces:
    """None at all where no observer ran, or its file cannot be read."""
    try:
        with (runtime / "state" / "world.json").open("rb") as handle:
            world = json.loads(handle.read(MAX_BYTES))
        places = world["places"]
        offline = {
            place["node"]: str(place["since"])
            for place in places.values()
            if place.get("service") is None and place.get("state") == "offline"
        }
        return SeenPlaces(frozenset(places), offline)
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return SeenPlaces()
