"""Has a playbook's syntax looked at before it is filed, by an executor: this service has no Ansible and runs nothing.

Where no executor answers, that is said and nothing waits for it: a run begins with the same check, before any host.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from mesh_core.messaging.bus import Bus
from mesh_core.messaging.syntax_questions import ask
from mesh_core.models.proposals import Playbook
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.models.syntax_check import SyntaxAnswer, SyntaxQuestion

WAIT_SECONDS = 8.0  # one check took 0.8 s on two busy cores
AGAIN_SECONDS = 60.0  # nobody answered: until then nobody waits for it once more

log = structlog.get_logger()


class SyntaxCheck:
    """Of one planner."""

    def __init__(self, bus: Bus, *, seconds: float = WAIT_SECONDS, clock: Callable[[], float] = time.monotonic):
        self._bus = bus
        self._seconds = seconds
        self._clock = clock
        self._silent_until = 0.0

    async def check(self, playbook: Playbook, node: str) -> SyntaxAnswer | None:
        """What an executor says, None where none does. Raises BusDown."""
        seconds = 0.0 if self._clock() < self._silent_until else self._seconds
        question = SyntaxQuestion(ts=rfc3339(utc_now()), node=node, playbook=playbook)
        answer = await ask(self._bus, question, seconds)
        if answer is None and seconds:
            self._silent_until = self._clock() + AGAIN_SECONDS
            log.warning("requests.syntax_not_checked", node=node, playbook=playbook.name, waited_seconds=seconds)
        elif answer is not None:
            self._silent_until = 0.0
        return answer
