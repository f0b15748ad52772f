"""When something that keeps opening incidents is flapping. Pure: the clock is passed in, as monotonic seconds."""

from __future__ import annotations

from collections import deque
from typing import Annotated

from pydantic import Field

from node_agent.options import Options, Positive


class FlapOptions(Options):
    """The `opens`-th incident of a target in `window_seconds` is flapping, until `quiet_seconds` without a change."""

    opens: Annotated[int, Field(ge=2)] = 4
    window_seconds: Positive = 3600
    quiet_seconds: Positive = 600


class FlapHistory:
    """When the incidents of one target began."""

    def __init__(self) -> None:
        self._opened: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._opened)

    def add(self, now: float, options: FlapOptions) -> bool:
        """An incident begins; is the target flapping with it?"""
        self._opened.append(now)
        while now - self._opened[0] > options.window_seconds:
            self._opened.popleft()
        return len(self._opened) >= options.opens

    def is_over(self, now: float, options: FlapOptions) -> bool:
        """Nothing of it can count any more."""
        return not self._opened or now - self._opened[-1] > options.window_seconds
