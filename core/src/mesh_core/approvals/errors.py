"""Why a person's verb is refused, in words for them. Imports nothing: whoever only ends a command needs no more."""

from __future__ import annotations

from enum import StrEnum


class RefusalReason(StrEnum):
    """What stands against it."""

    UNKNOWN = "unknown"  # there is no such proposal
    AMBIGUOUS = "ambiguous"  # what was said fits several
    DECIDED = "decided"  # somebody was faster
    CHANGED = "changed"  # not the bytes that were reviewed
    EXPIRED = "expired"
    UNREADABLE = "unreadable"
    INVALID = "invalid"  # an edit that the executor would refuse
    FORBIDDEN = "forbidden"  # the file system says no


class CannotDecide(Exception):
    """One sentence that says why not and what to do. It may hold text from a file: who shows it makes it plain."""

    def __init__(self, reason: RefusalReason, sentence: str):
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
