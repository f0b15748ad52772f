"""The services of each node, as the world knows them: the names that agents use. Made anew when the world changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from observer.world import TargetHealth, World


class WorldServices:
    """Called for each request; the same mapping as long as the world is the same."""

    def __init__(self, world: Callable[[], World]):
        self._world = world
        self._places: Mapping[str, TargetHealth] = {}
        self._services: dict[str, frozenset[str]] = {}

    def __call__(self) -> Mapping[str, frozenset[str]]:
        places = self._world().places
        if places is not self._places:
            found: dict[str, set[str]] = defaultdict(set)
            for place in places.values():
                found[place.node].update([place.service] if place.service else ())
            self._places = places
            self._services = {node: frozenset(services) for node, services in found.items()}
        return self._services
