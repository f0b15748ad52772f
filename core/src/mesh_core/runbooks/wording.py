"""A match in words: for a card, and in short for a model. Pure; who shows it makes a person's text harmless."""

from __future__ import annotations

from mesh_core.runbooks.index import Match
from mesh_core.runbooks.runbook import Runbook

LOOK_AT = "look at"  # the label of what to look at first
GUESSED = "perhaps, found"
MAX_SHORT = 300  # characters of what a model is told
MAX_SHORT_MEANS = 140  # of its first sentence; a longer one is left out, for half of one may say the contrary


def heading(match: Match) -> str:
    """`disk-space: A file system is nearly full (found by its name)`: one line, for whoever decides."""
    sure = "found" if match.is_certain else GUESSED
    return f"{match.runbook.id}: {match.runbook.title} ({sure} by {match.by.value})"


def told(match: Match) -> str:
    """The whole of it, a label at the beginning of each line."""
    return "\n".join((heading(match), *(f"{label}: {text}" for label, text in parts_of(match.runbook))))


def in_short(match: Match) -> str:
    """What a model is told of it: nothing that is only for people."""
    one = match.runbook
    first = one.means.partition(". ")[0]
    parts = (one.title, first if len(first) <= MAX_SHORT_MEANS else "", _documented(one))
    return ". ".join(part.rstrip(".") for part in parts if part)[:MAX_SHORT]


def parts_of(one: Runbook) -> list[tuple[str, str]]:
    """(label, text) of what it says, without what it does not say."""
    said = (
        ("means", one.means),
        (LOOK_AT, one.look),
        ("documented", _documented(one)),
        ("not when", one.not_when),
        ("source", "your own, config/runbooks" if one.own and not one.sources else "; ".join(one.sources)),
    )
    return [(label, text) for label, text in said if text]


def _documented(one: Runbook) -> str:
    helps = f"{', '.join(one.helps)} can help" if one.helps else ""
    useless = f"{', '.join(one.useless)} cannot" if one.useless else ""
    return "; ".join(part for part in (helps, useless) if part) or "nothing that is done without a person"
