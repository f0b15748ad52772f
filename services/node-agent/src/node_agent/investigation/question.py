"""What is asked of a room of facts: about which event, and until when. Pure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from node_agent.checks.evidence import clean_text

T = TypeVar("T")
MOST_ROWS = 5
NAME_CHARS = 120


@dataclass(frozen=True)
class Question:
    """`type`, `service` ('' for the whole node) and `facts` are the event's, `deadline` is monotonic seconds.

    `host_files`: the files that this process sees are those of its host (not so in a container).
    """

    type: str
    facts: Mapping[str, Any]
    deadline: float
    host_files: bool = True
    service: str = ""

    def answered(self, asking: Coroutine[Any, Any, T]) -> T:
        """What is asked without blocking, in a loop of its own. TimeoutError at the deadline."""

        async def in_time() -> T:
            return await asyncio.wait_for(asking, max(0.1, self.deadline - time.monotonic()))

        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(in_time())
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())  # a turn in which connections are closed
            loop.close()  # asyncio.run would wait for its threads: for a name server that does not answer

    def over(self) -> bool:
        """Is there no time left? Asked within every loop whose length a host decides."""
        return time.monotonic() >= self.deadline


class Room(NamedTuple):
    """`name` is where its facts stand. `look` blocks, in a thread of its own, and may raise: then they are left out."""

    name: str
    fits: Callable[[Question], bool]
    look: Callable[[Question], dict[str, Any]]


def shown(name: str) -> str:
    """A name out of the host as it may travel."""
    return clean_text(name, NAME_CHARS)
