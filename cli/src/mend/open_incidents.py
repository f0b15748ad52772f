"""Where an incident is that somebody names by its id alone: in a proposal, or in the world that the observer keeps."""

from __future__ import annotations

from typing import NamedTuple

from mend.context import CliContext
from mesh_core.runtime.places_note import read_places


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
    named = (OpenIncident(*found) for found in read_places(cli.runtime).open)
    return next((found for found in named if found.incident == word), None)
