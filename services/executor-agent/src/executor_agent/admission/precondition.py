"""Is it still so? A look at a target says that the trouble is over only where a look can see that trouble. Pure.

A container without a health check "runs" while its web page is dead: then a person's yes counts, and the run goes on.
"""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase

from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.records import parse_time
from mesh_core.policy.event_facts.facts import Fact, facts_for
from mesh_core.policy.lifeline import containers_in

MAX_WAIT_SECONDS = 60.0

# Trouble that is nothing but "it does not run": its manager sees that, and sees when it is over.
_DOWN = (
    "container_died",
    "container_exited",
    "container_stopped",
    "container_oom",
    "container_down",
    "service_down",
    "service_failed",
    "process_down",
    "program_exited",
    "program_fatal",
    "unit_failed",
    "*_crashed",
)
_UNHEALTHY = ("container_unhealthy", "service_unhealthy")


def is_over(event: HealthEvent, state: TargetState, *, sees_the_trouble: bool = False) -> bool:
    """May the action be withdrawn, because what the event told of is visibly well again?

    `sees_the_trouble`: the look was at this very trouble, so its word is enough.
    """
    if state.health is not TargetStatus.HEALTHY:
        return False
    if sees_the_trouble:
        return True
    if _is_unhealthy(event):
        return _has_health_check(state)
    return any(fnmatchcase(event.type, pattern) for pattern in _DOWN)


def seconds_until_sure(event: HealthEvent, state: TargetState, now: datetime) -> float:
    """How long to look again before what an alert told of counts as over; at most MAX_WAIT_SECONDS.

    Whoever measures elsewhere sees it sooner than a container's own check, which has to fail several times. 0 for our
    agents' own events.
    """
    if event.trust is not Trust.FOREIGN or not _is_unhealthy(event) or not is_over(event, state):
        return 0.0
    told_seconds = (now - parse_time(event.timestamp)).total_seconds() if event.timestamp else MAX_WAIT_SECONDS
    return max(0.0, min(state.start_period_seconds, MAX_WAIT_SECONDS) - max(0.0, told_seconds))


def _is_unhealthy(event: HealthEvent) -> bool:
    return Fact.UNHEALTHY in facts_for(event) or any(fnmatchcase(event.type, pattern) for pattern in _UNHEALTHY)


def _has_health_check(state: TargetState) -> bool:
    """Did the manager's own check say yes, of each container of the service?"""
    own = [one for one in containers_in(state.facts) if not one.get("beside")]
    return bool(own) and all(one.get("health") == "healthy" for one in own)
