"""The things of one scenario: containers, units and hosts under names of this run. Starts, looks, tidies up.

Does nothing to them that a scenario did not ask for, and knows nothing of what the mesh made of it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qualify.live_mesh import BOX, FAR, LiveMesh
from qualify.scenario import Ready, Thing

from mesh_core.testing import wait_for

READY_SECONDS = 60.0
NAMED = re.compile(r"\{([a-z][a-z0-9-]*)(?::(\d+|path))?\}")


@dataclass
class Things:
    """Those of a scenario, and later faults beside them (`add`)."""

    mesh: LiveMesh
    declared: dict[str, Thing] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    _tags: dict[str, str] = field(default_factory=dict)  # as they were when what they name was there

    def add(self, name: str, thing: Thing) -> None:
        """Known by a name of this run from now on; not started yet."""
        self.declared[name] = thing
        self.names[name] = thing.host or f"q-{name}-{secrets.token_hex(3)}{thing.suffix}"

    async def start(self, name: str, *, check: bool = True) -> None:
        """And wait until it is as its `ready` says. `check`: a unit must come up."""
        thing, own = self.declared[name], self.names[name]
        if thing.host:
            return
        if thing.unit:
            self.mesh.node.install_unit(own, self.filled(thing.unit))
            self.mesh.node.systemctl("start", own, check=check)
            return
        command = ["sh", "-c", self.filled(thing.run)] if thing.run else []
        options = [self.filled(option) for option in thing.options]
        image = self.mesh.images[thing.image]
        if tag := self._tag(name):
            self.mesh.engine.docker("tag", image, tag)
            image = tag
        self.mesh.engine.run(image, *command, name=own, options=options)
        if thing.ready is not Ready.STARTED:
            await wait_for(lambda: self.is_healthy(name), READY_SECONDS, f"{name} {thing.ready} at first")

    def tidy(self) -> None:
        """Gone, also after a failure."""
        kinds = self.declared
        self.mesh.engine.rm(*(own for name, own in self.names.items() if not kinds[name].unit and not kinds[name].host))
        for name, own in reversed(self.names.items()):
            if tag := self._tag(name):
                self.mesh.engine.docker("rmi", tag, check=False)
            if kinds[name].unit:
                for verb in ("stop", "disable", "reset-failed"):
                    self.mesh.node.systemctl(verb, own, check=False)

    def _tag(self, name: str) -> str:
        """Of its own, '' for none."""
        thing = self.declared[name]
        if thing.called and name not in self._tags:
            self._tags[name] = self.filled(thing.called)
        return self._tags.get(name, f"{self.names[name]}:latest" if thing.tagged else "")

    # -- names -------------------------------------------------------------------------------------------------

    def filled(self, text: str) -> str:
        """`{thing}`, `{thing:8080}` and `{thing:path}` as scenario.py says."""

        def named(match: re.Match[str]) -> str:
            own, more = self.names.get(match[1]), match[2]
            if own is None:
                return match[0]
            if more == "path":
                return "/" + own.rpartition(".")[0].replace("-", "/")
            return str(self.mesh.engine.port(own, int(more))) if more else own

        return NAMED.sub(named, text)

    def filled_body(self, value: Any) -> Any:
        """The same in every text of a body."""
        if isinstance(value, dict):
            return {self.filled(key): self.filled_body(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.filled_body(one) for one in value]
        return self.filled(value) if isinstance(value, str) else value

    def is_about(self, name: str, node: str, service: str | None, payload: Mapping[str, Any]) -> bool:
        """Does an event, or a proposal with that event's payload, speak of this thing?"""
        thing, own = self.declared[name], self.names[name]
        if thing.host:
            return (node, service) == (thing.host, thing.service or None)
        if thing.unit:
            return node == FAR and (service or "").removesuffix(".service") == own.removesuffix(".service")
        if thing.service:  # which several containers share
            return (node, service) == (BOX, self.filled(thing.service)) and payload.get("container") == own
        return (node, service) == (BOX, own)

    # -- how they are ------------------------------------------------------------------------------------------

    def is_healthy(self, name: str) -> bool:
        own = self.names[name]
        if self.declared[name].unit:
            return self.mesh.node.show(own, "ActiveState")["ActiveState"] == "active"
        state = self.mesh.engine.inspect(own)["State"]
        return bool(state["Running"]) and state.get("Health", {}).get("Status", "healthy") == "healthy"

    def life(self, name: str) -> str:
        """What is another one after each start, as the engine or systemd wrote it down."""
        if self.declared[name].host:
            return ""
        if self.declared[name].unit:
            # of every kind of unit; a mount has no main process
            return self.mesh.node.show(self.names[name], "InactiveExitTimestampMonotonic").popitem()[1]
        return self.mesh.engine.started_at(self.names[name])

    def starts(self, name: str, since: float) -> int:
        """How often a container was started since then. An engine keeps only its last 256 events: ask of minutes."""
        return len(self.mesh.engine.events(self.names[name], "start", since=since))
