"""Progress of what takes long: one line that counts on a terminal, else nothing. SIGTERM ends it like Ctrl-C."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Self

from mend.context import CliContext

EVERY_SECONDS = 0.2


class Counting:
    """On stderr, so that stdout stays what was asked for."""

    def __init__(self, cli: CliContext, title: str):
        self._status = cli.err.status(f"{title} ...") if cli.err.is_terminal else None
        self._title = title
        self._next = 0.0
        self._before: object = None

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGTERM, _as_ctrl_c)
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()
        signal.signal(signal.SIGTERM, self._before)  # type: ignore[arg-type]

    def files(self, files: int, size: int) -> None:
        self._say(f"{files} files, {size / 1024**2:.1f} MiB")

    def keys(self, keys: int) -> None:
        self._say(f"{keys} keys of Redis")

    def count(self, noun: str, number: int) -> None:
        self._say(f"{number} {noun}")

    def _say(self, text: str) -> None:
        if self._status is not None and (now := time.monotonic()) >= self._next:
            self._next = now + EVERY_SECONDS
            self._status.update(f"{self._title}: {text}")


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
