"""What a node's own agent sees of a thing weighs more than what somebody else's alert calls its trouble. Pure.

| the agent sees it | then |
|---|---|
| not running, which nobody meant | the facts of the agent's word: where it is meant to run it may be started |
| running, and the alert says that it does not run | a message is preferred; so, too, where its own check is good |
| running, and the alert calls its trouble something else | what runs it is known, as if the event said so |
| started a moment ago, or started again and again | a message is preferred: it is not to be disturbed |
| stopped | nothing is offered that would start it |
| nothing of that name | likewise, unless something says how it is declared |
"""

from __future__ import annotations

from collections.abc import Collection

from mesh_core.incidents.event_types import DOES_NOT_RUN, EventType
from mesh_core.incidents.investigation import INVESTIGATION
from mesh_core.incidents.sighting import sighting_in_words
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.records import parse_time
from mesh_core.models.sightings import SeenState, Sighting
from mesh_core.policy.event_facts.facts import Fact, facts_for
from mesh_core.policy.event_facts.startable import NOT_TO_BE_STARTED
from mesh_core.policy.event_facts.whole_facts import YOUNG_SECONDS

# What has its name beside a service of this node, and is another thing.
_ANOTHER = frozenset({Fact.KUBERNETES, Fact.SWARM, Fact.GUEST, "about_guest", "about_kubernetes"})
_SAYS_DOWN = frozenset({Fact.DOWN, Fact.GONE, "says_down"})
_OVERRULED = frozenset({Fact.RUNNING, Fact.WELL, Fact.ADDRESS})  # who looks from outside may be wrong about these
_RUNS = frozenset({SeenState.RUNNING, SeenState.UNHEALTHY})
_STARTS = frozenset({SeenState.STARTING, SeenState.RESTARTING})


def without_another(event: HealthEvent, names: Collection[str]) -> HealthEvent:
    """The event without the sighting where it speaks of a guest or a pod, whatever runs on the node under its name."""
    if event.sighting is None or _ANOTHER.isdisjoint(facts_for(event) | set(names)):
        return event
    return event.model_copy(update={"sighting": None})


def with_sighting(facts: frozenset[Fact], event: HealthEvent) -> frozenset[Fact]:
    """The alert's own facts, and over them those of what its node's agent says of the same thing."""
    if event.sighting is None or event.sighting.state is not SeenState.FAILED:
        return facts | {Fact.BACKED} if event.sighting and event.sighting.state in _RUNS else facts
    found = (facts - _OVERRULED) | (facts_for(_as_its_agent_says(event, event.sighting)) - {Fact.OWN})
    return found - {Fact.STARTABLE} if found & NOT_TO_BE_STARTED else found


def speaks_against(event: HealthEvent, known: Collection[str]) -> str:
    """Why nothing is to be done although the alert says so, in a sentence; '' for no reason. `known`: facts and
    names."""
    seen = event.sighting
    if seen is None:
        return ""
    age = parse_time(event.timestamp).timestamp() - parse_time(seen.since).timestamp()
    is_new = seen.state is SeenState.RUNNING and age < YOUNG_SECONDS
    is_contradicted = seen.healthy or event.type in DOES_NOT_RUN or not _SAYS_DOWN.isdisjoint(known)
    if seen.state in (*_STARTS, SeenState.ABSENT) or is_new or (seen.state is SeenState.RUNNING and is_contradicted):
        return sighting_in_words(event, seen)
    return ""


def cannot_be_started(event: HealthEvent, facts: Collection[str]) -> str:
    """That its node's agent sees it stopped, or nothing to start, in a sentence; '' otherwise."""
    seen = event.sighting
    if seen is None or (seen.state is SeenState.ABSENT and Fact.COMPOSE in facts):
        return ""
    return sighting_in_words(event, seen) if seen.state in (SeenState.STOPPED, SeenState.ABSENT) else ""


def _as_its_agent_says(event: HealthEvent, seen: Sighting) -> HealthEvent:
    """The event by which the agent would tell the same: one reading of its fields, whoever brings them."""
    payload = {**seen.facts, "runtime": seen.runtime, INVESTIGATION: {"unit": {"enabled": seen.enabled}}}
    return HealthEvent(
        type=seen.type or EventType.SERVICE_FLAPPING,
        node=event.node,
        service=seen.service,
        payload=payload,
        timestamp=event.timestamp,
        trust=Trust.NODE,
    )
