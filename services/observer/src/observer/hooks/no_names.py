"""What stands in the place of a name and is none: a state, a severity, a word for "something is said". Pure."""

from __future__ import annotations

import re

from mesh_core.models.truth import truth_in
from observer.hooks.field_names import HOW_IT_STANDS, SAYS_NOTHING
from observer.hooks.plain_words import plain_words
from observer.hooks.said_over import says_over
from observer.hooks.severities import severity_in

MOST_NAME_CHARS = 120
_VERSION = re.compile(r"v\d+")  # of the form of a kind: `incident.created_v2`


def is_no_name(text: str) -> bool:
    """Likewise an expression."""
    words = [word for word in plain_words(text, MOST_NAME_CHARS).split() if not _VERSION.fullmatch(word)]
    if SAYS_NOTHING.issuperset(words):
        return True
    if len(words) != 1:
        return says_over(text) or (len(words) == 2 and words[1] in SAYS_NOTHING) or "=" in text
    return severity_in(text) is not None or says_over(text) or truth_in(text) is not None


def is_a_state(text: str) -> bool:
    """Where a thing should be named: only how it stands."""
    word = plain_words(text, MOST_NAME_CHARS)
    return word in HOW_IT_STANDS or truth_in(text) is not None or says_over(text)
