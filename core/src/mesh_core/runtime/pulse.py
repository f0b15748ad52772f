"""Which loops of a service get on, and which one stands still: what its heartbeat is made of. Touches no file.

Time is counted in ticks of the heartbeat, so that a process that was stopped as a whole (SIGSTOP, a laptop's sleep)
finds none of its loops late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

TICK_SECONDS = 2.0
LATE_SECONDS = 60.0


@dataclass
class _Loop:
    seconds: float
    turned_at: int


class Pulse:
    """One service's. `standing_by`: another process does the work and beats; then ours does not. `trouble`: what stands
    still though no loop of ours is late; empty when nothing does."""

    def __init__(self) -> None:
        self.standing_by = False
        self.trouble = ""
        self._ticks = 0
        self._loops: dict[str, _Loop] = {}

    def watch(self, loop: str, seconds: float = LATE_SECONDS) -> Callable[[], None]:
        """From now on `loop` has to call this each time it got something done, at least every `seconds`."""
        watched = self._loops[loop] = _Loop(seconds, self._ticks)

        def turned() -> None:
            watched.turned_at = self._ticks

        return turned

    def rest(self, loop: str) -> None:
        """It has ended, or waits for something that may take any time."""
        self._loops.pop(loop, None)

    def tick(self) -> str:
        """Called every TICK_SECONDS. What stands still, as a sentence; empty when all is well."""
        self._ticks += 1
        late = {name: (self._ticks - loop.turned_at) * TICK_SECONDS for name, loop in self._loops.items()}
        sentences = [
            f"{name} has not got on for {seconds:.0f} s"
            for name, seconds in sorted(late.items())
            if seconds > self._loops[name].seconds
        ]
        return "; ".join([self.trouble, *sentences] if self.trouble else sentences)


def unwatched() -> None:
    """For a loop that nobody watches."""
