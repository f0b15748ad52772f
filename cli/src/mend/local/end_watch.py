"""Tells when one of some processes ends, without asking again and again: the kernel says so through a pidfd each."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterable

REAPING_SECONDS = 0.05  # whoever started it needs a moment to notice the same


class EndWatch:
    """`follow` the processes that run now, then `wait`. What is waited for need not be a child of ours."""

    def __init__(self) -> None:
        self._descriptors: dict[int, int] = {}

    def follow(self, pids: Iterable[int]) -> bool:
        """From now on these and no others. False: one of them is gone already, or the kernel has no pidfd."""
        wanted = set(pids)
        for pid in set(self._descriptors) - wanted:
            os.close(self._descriptors.pop(pid))
        for pid in wanted - set(self._descriptors):
            with contextlib.suppress(OSError):
                self._descriptors[pid] = os.pidfd_open(pid)
        return wanted == set(self._descriptors)

    def wait(self, seconds: float, *descriptors: int) -> bool:
        """Until one has ended (True), one of `descriptors` can be read, or `seconds` are over."""
        poll = select.poll()
        for descriptor in (*self._descriptors.values(), *descriptors):
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
        ended = [pid for pid, descriptor in self._descriptors.items() if descriptor in ready]
        for pid in ended:
            os.close(self._descriptors.pop(pid))
        if ended:
            time.sleep(REAPING_SECONDS)
        return bool(ended)

    def close(self) -> None:
        self.follow(())
