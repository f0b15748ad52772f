"""Does a thing's own agent say that it is meant to run? Then it may be started where it does not. Pure."""

from __future__ import annotations

from mesh_core.incidents.fact import Fact
from mesh_core.models.events import HealthEvent, Runtime, Trust

NOT_TO_BE_STARTED = frozenset(
    {
        *(Fact.OPERATOR, Fact.FINISHED, Fact.OPTED_OUT, Fact.MAINTENANCE, Fact.RESOLVED, Fact.TEST),  # as it should be
        *(Fact.RUNNING, Fact.WELL, Fact.RESTARTING, Fact.CONFLICT, Fact.UNREADABLE, Fact.TRANSIENT, Fact.JUST_BOOTED),
        *(Fact.GONE, Fact.DRIFTED, Fact.START_ERROR, Fact.LOOPING, Fact.DEPENDENCY_DOWN, Fact.SWARM),  # more is wrong
        *(Fact.WHOLE_NODE, Fact.BAD_NAME, Fact.TIMER_JOB, Fact.ONE_SHOT, Fact.NOT_MEANT, Fact.NO_ROOM),
    }
)
_STARTED_BY_ITS_ENGINE = frozenset({"always", "unless-stopped", "on-failure"})


def is_meant_to_run(event: HealthEvent, *, enabled: bool) -> bool:
    """Does its node's own agent say so, in the fields of its manager? `enabled`: what systemctl answered it."""
    payload = event.payload
    loops = not {"loop", "flapping"}.isdisjoint(event.type.split("_"))  # between two of its starts it does not run
    if event.trust is not Trust.NODE or loops or payload.get("ended") == "stopped_by_person":
        return False
    match event.runtime:
        case Runtime.SYSTEMD:
            return enabled
        case Runtime.DOCKER:
            return (
                str(payload.get("restart_policy")) in _STARTED_BY_ITS_ENGINE
                or payload.get("declared_state") == "running"
            )
        case Runtime.SUPERVISOR:
            return payload.get("state") in ("FATAL", "EXITED")  # a program that a person stopped is STOPPED
    return False
