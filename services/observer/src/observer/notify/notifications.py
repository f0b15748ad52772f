"""What people are told: one thing that happened, as a record, and what decides which things those are. Pure.

Its facts may hold free text of a model or an event: rendering.py makes that inert.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from mesh_core.models.events import Severity, WorldUpdate
from mesh_core.models.proposals import ActionUpdate, Proposal
from mesh_core.models.records import Record, Timestamp

FACT_CHARS = 600


class Notification(Record):
    """One thing. `key` is the same whenever the same thing is told of again; `kind` is a word of notifications.yml."""

    key: str
    kind: str
    at: Timestamp
    severity: Severity = Severity.INFO
    node: str
    service: str | None = None
    action_id: str | None = None
    facts: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A word of notifications.yml, and the templates of what people read unless they wrote their own there.

    `by_default`: told where the file does not choose; `awaits_decision`: dropped once nobody has to decide any more;
    `heeds_silences`: not told while the node is silenced.
    """

    name: str
    title: str
    body: str
    by_default: bool = True
    awaits_decision: bool = False
    heeds_silences: bool = False


@dataclass(frozen=True)
class Trigger:
    """Which of the records of a stream people are told of. `of` gets the record, its entry's id and its proposal."""

    record: type[ActionUpdate] | type[WorldUpdate]
    kinds: tuple[Kind, ...]
    of: Callable[[Any, str, Proposal | None], Notification | None]


def shortened(facts: dict[str, str]) -> dict[str, str]:
    """Somebody else's text may be long, and all of it would lie in the outbox."""
    return {name: text[:FACT_CHARS] for name, text in facts.items()}
