"""What is asked of a room of facts: about which event, and until when. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from node_agent.evidence import clean_text

MOST_ROWS = 5
NAME_CHARS = 120


@dataclass(frozen=True)
class Question:
    """`type` and `facts` are the event's, `deadline` is monotonic seconds.

    `host_files`: the files that this process sees are those of its host (not so in a container).
    """

    type: str
    facts: Mapping[str, Any]
    deadline: float
    host_files: bool = True

    def over(self) -> bool:
        """Is there no time left? Asked within every loop whose length a host decides."""
        return time.monotonic() >= self.deadline


class Room(NamedTuple):
    """`look` blocks, works in a thread of its own, and may raise: then its facts are left out."""

    fits: Callable[[Question], bool]
    look: Callable[[Question], dict[str, Any]]


def shown(name: str) -> str:
    """A name out of the host as it may travel."""
    return clean_text(name, NAME_CHARS)
