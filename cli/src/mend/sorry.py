"""What ends a command early: one sentence for a person and an exit status. Nobody sees a traceback."""

from __future__ import annotations

DONE, FAILED, USAGE, NOT_THERE = 0, 1, 2, 3
INTERRUPTED = 130  # as shells have it for Ctrl-C


class Sorry(Exception):
    """A sentence that says what is wrong and, where it can, what to do. `code` is the exit status."""

    def __init__(self, sentence: str, code: int = FAILED):
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
