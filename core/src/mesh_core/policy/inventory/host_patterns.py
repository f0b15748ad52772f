"""What stands where a host's name is expected -> the names, as Ansible expands them. Pure."""

from __future__ import annotations

import re
import string

MAX_HOSTS = 10_000  # of one pattern
_BRACKETED_PORT = re.compile(r"\[(.+)\]:([0-9]{1,5})")
_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])+):([0-9]{1,5})")
_RANGE = re.compile(r"\[([^\[\]]*)\]")


class BadPattern(ValueError):
    """It stands for no hosts; the text says why."""


def expand(pattern: str) -> tuple[list[str], int | None]:
    """`web[01:03]:2222` -> ([web01, web02, web03], 2222); an address with several colons is a name. BadPattern."""
    found = _BRACKETED_PORT.fullmatch(pattern) or _PORT.fullmatch(pattern)
    text, port = (found[1], int(found[2])) if found else (pattern, None)
    names = [text]
    while "[" in names[0]:
        place = _RANGE.search(names[0])
        if place is None:
            raise BadPattern("its range has no end")
        middles = _middles(place[1])
        if not middles or len(names) * len(middles) > MAX_HOSTS:
            raise BadPattern(f"its range [{place[1]}] stands for no host, or for more than {MAX_HOSTS} of them")
        # Every name has the same ranges, at places of its own.
        names = [_RANGE.sub(lambda _, middle=middle: middle, name, count=1) for name in names for middle in middles]
    return names, port


def _middles(bounds: str) -> list[str]:
    parts = bounds.split(":")
    if len(parts) not in (2, 3) or not parts[1]:
        raise BadPattern(f"its range [{bounds}] is not [first:last] or [first:last:step]")
    first, last, step = parts[0] or "0", parts[1], parts[2] if len(parts) == 3 else "1"
    if not step.isdecimal() or int(step) == 0:
        raise BadPattern(f"the step of its range [{bounds}] is no number above 0")
    letters = string.ascii_letters
    if len(first) == len(last) == 1 and first in letters and last in letters:
        return list(letters[letters.index(first) : letters.index(last) + 1 : int(step)])
    if not (first.isdecimal() and last.isdecimal()) or max(len(first), len(last)) > 9:
        raise BadPattern(f"the ends of its range [{bounds}] are neither two numbers nor two letters")
    width = len(first) if first[0] == "0" and len(first) > 1 else 0
    if width and width != len(last):
        raise BadPattern(f"the ends of its range [{bounds}] are not equally long")
    numbers = range(int(first), int(last) + 1, int(step))
    return [str(number).zfill(width) for number in numbers[: MAX_HOSTS + 1]]
