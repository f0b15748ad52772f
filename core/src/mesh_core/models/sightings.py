"""What a node's own agent sees of a service at present: one row of the note that its sign of life carries. Frozen."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from mesh_core.models.records import EventTypeName, Record, ServiceName, Timestamp

MATCHED_BY = "matched_by"  # of the payload of an alert that names no service and was joined with one of these
AGENT_SPEAKS = "agent_speaks"  # of an alert that a node is unreachable: noted by a planner that heard from its agent
MAX_SIGHTINGS = 200
MAX_NOTE_BYTES = 16 * 1024


class SeenState(StrEnum):
    """As the agent judges it. What it cannot tell has no row."""

    RUNNING = "running"
    STARTING = "starting"  # it came up, and does not say yet that it is well
    RESTARTING = "restarting"  # its manager starts it again, or again and again
    UNHEALTHY = "unhealthy"  # it runs, and its own check says no
    FAILED = "failed"  # it does not run, and nobody meant that
    STOPPED = "stopped"  # it does not run, and that was meant: a person stopped or paused it, or its work was done
    ABSENT = "absent"  # nothing of this name is there; the planner's conclusion from a whole note, in no note itself


class MatchedBy(StrEnum):
    """By what, the surest first."""

    NAME = "name"  # the alert is called after it
    HEADLINE = "headline"  # that names it
    PORT = "port"  # it publishes the one that was asked


MATCH_IN_WORDS: dict[str, str] = {
    MatchedBy.NAME: "the alert is called after it",
    MatchedBy.HEADLINE: "the alert's headline names it",
    MatchedBy.PORT: "it publishes the port that was asked",
}


class Sighting(Record):
    """`since`: for so long at least; `names`: what else it is called there; `enabled`: it is started with its host.

    `healthy`: its own check says yes. Of what failed, `type` and `facts` are those of the agent's own event about it.
    What is absent nobody knows.
    """

    service: ServiceName
    state: SeenState
    since: Timestamp
    runtime: str
    names: tuple[str, ...] = ()
    enabled: bool | None = None
    healthy: bool | None = None
    type: EventTypeName | None = None
    facts: dict[str, Any] = Field(default_factory=dict)

    def wire(self) -> bytes:
        return self.model_dump_json(exclude_defaults=True).encode()
