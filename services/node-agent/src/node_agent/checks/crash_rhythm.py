"""A thing that ends badly, is started again, and ends again, however slowly: is that a loop? Pure; any clock's seconds.

A window of minutes cannot see a crash every hour. So the pauses between the crashes are the measure: it is a loop until
the thing has stayed up for twice the longest of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

SLOW_LOOP = "it ends and is started again and again, slowly"  # for people: why it is one
DAY_SECONDS = 86400.0
CRASHES_KEPT = 8
_FORGOTTEN_SECONDS = 8 * DAY_SECONDS
_UNEVEN = 3  # pauses of more than a day must be like each other: three mishaps in a week are no rhythm


def loop_seconds_left(crashes: Iterable[float], count: int, now: float) -> float:
    """How long it must still stay up before its last `count` crashes (in order) are no loop; 0 where they are none."""
    last = [at for at in crashes if 0 <= now - at <= _FORGOTTEN_SECONDS][-count:]
    if len(last) < count:
        return 0.0
    pauses = [later - earlier for earlier, later in pairwise(last)]
    if last[-1] - last[0] > DAY_SECONDS and max(pauses) > _UNEVEN * min(pauses):
        return 0.0
    return max(0.0, last[-1] + 2 * max(pauses) - now)


class RestartCounts:
    """When things were started again by their manager, who keeps no times but a count of each."""

    def __init__(self, dumped: Mapping[str, Any]):
        """`dumped`: what an earlier one gave; what is unfit in it is as good as absent."""
        self._counts: dict[str, tuple[int, float]] = {}
        self._times: dict[str, deque[float]] = {}
        for name, row in dumped.items():
            try:
                count, at, *times = map(float, row)
            except (TypeError, ValueError):
                continue
            self._counts[name] = (int(count), at)
            self._times[name] = deque(times, maxlen=CRASHES_KEPT)

    def seen(self, name: str, count: int, now: float, *, ended_well: bool = False) -> tuple[float, ...]:
        """The times of its last restarts, now that its manager counts so many. `ended_well`: the last was no crash."""
        before, at = self._counts.get(name, (0, now))
        if count < before:  # somebody started it himself: the manager counts anew
            before, at = 0, now
            self._times.pop(name, None)
        if count == 0:
            self._counts.pop(name, None)
            self._times.pop(name, None)
            return ()
        times = self._times.setdefault(name, deque(maxlen=CRASHES_KEPT))
        # Of restarts before we came nobody knows when they were; those while nobody looked are spread over that time.
        new = count - before if before else 1
        if count != before and not ended_well:
            times.extend(now - (now - at) * left / new for left in reversed(range(min(new, CRASHES_KEPT))))
        self._counts[name] = (count, now if count != before else at)
        return tuple(times)

    def dump(self) -> dict[str, Any]:
        """Plain JSON: name -> [count, when it was last another, the times]."""
        return {name: [count, at, *self._times.get(name, ())] for name, (count, at) in self._counts.items()}
