"""Ctrl-C, SIGTERM and SIGHUP become a wish to stop; who does the work asks for it. Ends nothing by itself."""

from __future__ import annotations

import signal
from types import FrameType


class Stopper:
    """A second signal changes nothing: stopping has bounds of its own."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    def __call__(self) -> bool:
        return self.asked
