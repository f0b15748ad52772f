"""Ctrl-C, SIGTERM and SIGHUP become a wish to stop; who does the work asks for it. Ends nothing by itself."""

from __future__ import annotations

import os
import signal
from types import FrameType


class Stopper:
    """A second signal changes nothing: stopping has bounds of its own. `woken` can be read from the first on."""

    def __init__(self) -> None:
        self.asked = False
        self.woken, self._wake = os.pipe()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            os.write(self._wake, b"!")
        self.asked = True

    def __call__(self) -> bool:
        return self.asked
