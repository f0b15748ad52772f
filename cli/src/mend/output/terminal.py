"""What a terminal cannot show is replaced, so that no character of anybody's ends a command.

A locale that is not UTF-8, an old console, a pipe with an encoding of its own: every command writes through stdout and
stderr, and those get this rule once, before the first word.
"""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata

RULE = "mend.replaced"
MISSING = "?"
_STREAMS = ("stdout", "stderr")
# What has no look-alike of its own in Unicode's tables.
_PLAIN = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u2018\u2019\u201a\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2022\u00b7", "*"),
    "\u2190": "<-",
    "\u2192": "->",
}


def replace_what_cannot_be_shown() -> None:
    """From now on stdout and stderr take any text; one that was closed before we began (`>&-`) takes it to nowhere."""
    codecs.register_error(RULE, _replaced)
    for name in _STREAMS:
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        # What stands in for a stream (a test's, an embedding program's) may have no encoding to care for.
        if reconfigure := getattr(getattr(sys, name), "reconfigure", None):
            reconfigure(errors=RULE)


def unwritten() -> OSError | None:
    """Write what still waits; what a closed pipe or a full disk does not take is given up, and the reason returned."""
    problem = None
    for name in _STREAMS:
        try:
            getattr(sys, name).flush()
        except OSError as error:
            problem = problem or error
            setattr(sys, name, None)  # else the interpreter tries once more at its end, and complains
    return problem


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_nearest, error.object[error.start : error.end])), error.end


def _nearest(character: str) -> str:
    """The same in ASCII (`...` for an ellipsis, `e` for one with an accent), which every terminal has; else `?`."""
    parts = unicodedata.normalize("NFKD", _PLAIN.get(character, character))
    plainer = "".join(c for c in parts if not unicodedata.combining(c))
    return plainer if plainer and plainer.isascii() else MISSING
