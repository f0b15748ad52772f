"""Where an incident is that somebody names by its id alone: in a proposal, or in the world that the observer keeps."""

from __future__ import annotations

import json
from typing import NamedTuple

from mend.context import CliContext

MAX_WORLD_BYTES = 64 * 1024 * 1024


class OpenIncident(NamedTuple):
    """`incident` None: whoever announced that trouble gave it no name."""

    node: str
    service: str | None
    incident: str | None


def find_incident(cli: CliContext, word: str) -> OpenIncident | None:
    """By the incident's id, or by the id of the proposal about it."""
    for filed in cli.actions.pending():
        event = filed.proposal.event
        if word in (filed.name.id, event.incident):
            return OpenIncident(event.node, event.service, event.incident)
    return next((place for place in _open_in_world(cli) if place.incident == word), None)


def _open_in_world(cli: CliContext) -> list[OpenIncident]:
    try:
        with (cli.runtime / "state" / "world.json").open("rb") as handle:
            places = json.loads(handle.read(MAX_WORLD_BYTES))["places"].values()
        return [
            OpenIncident(place["node"], place.get("service"), key)
            for place in places
            for key in place["open"]
            if key not in place.get("unnamed", ())  # a type, and no name of this one
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
