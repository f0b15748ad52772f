"""Text of a shell -> its commands, as plain words. Rougher than a shell on purpose: what could be a command is one.

A comment or a quoted sentence that holds a command is read as that command: a red sentence too many costs a look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

UNKNOWN = "\ufffc"  # stands where a template gives what only a run knows
_BETWEEN = re.compile(r"((?<!>)\|{1,2}|(?<!>)&{1,2}(?!>)|;+|\n+|`|\$\(|[<>]\()")
_PLAIN = str.maketrans("", "", "\"'`{}\\")
_CALLS = str.maketrans("()", "  ")  # `system("rm ...")` runs what stands in it
_LISTED = re.compile(r"\[\s*[\"'][^\"']{0,200}[\"']\s*,")  # `call(['rm', '-rf', '/srv'])` of a program
_LISTS = str.maketrans("[],", "   ")
_ALIAS = re.compile(r"\balias\s+[\w.-]+=")  # what it stands for is run later
_SET_BEFORE = re.compile(r"[A-Za-z_]\w*\+?=")
_KEYWORDS = frozenset({"if", "then", "else", "elif", "do", "while", "until", "time", "!", "exec", "command", "builtin"})
# Programs that run what is said behind them, and their options that a value follows.
_CARRIERS = frozenset(
    (  # noqa: SIM905
        "sudo doas env nice ionice nohup timeout xargs setsid stdbuf chroot busybox nsenter unshare "
        "systemd-run flock chrt watch parallel su runuser ssh"
    ).split()
)
_WITH_VALUE = frozenset({"-u", "-g", "-n", "-k", "-s", "-I", "-L", "-P", "-d", "-t", "-i", "-p", "--user", "--group"})


@dataclass(frozen=True)
class Command:
    """`program` is its name without folders, '' if it has none; `words` are all of it.

    `fed`: it reads what another one prints; `open`: what another one prints follows as words of it.
    """

    program: str
    words: tuple[str, ...]
    fed: bool = False
    open: bool = False

    @cached_property
    def names(self) -> list[str]:
        """Every word as if it were a program's path: `sudo -u x /bin/rm` has an rm somewhere."""
        return [word.rpartition("/")[2] for word in self.words]

    def after(self, *programs: str) -> list[str] | None:
        """What stands behind the first of these programs, wherever it stands; None where none does."""
        at = next((place for place, name in enumerate(self.names) if name in programs), None)
        return None if at is None else list(self.words[at + 1 :])

    def __str__(self) -> str:
        return " ".join(self.words)


def commands_in(text: str) -> Iterator[Command]:
    """In the order in which they stand."""
    parts = ["", *_BETWEEN.split(text.replace("\\\n", " ")), ""]
    for before, part, behind in zip(parts[::2], parts[1::2], parts[2::2], strict=False):
        said = _ALIAS.sub("", part).translate(_CALLS)
        if _LISTED.search(said):
            said = said.translate(_LISTS)
        if words := tuple(bare for word in said.split() if (bare := word.translate(_PLAIN))):
            yield Command(_program_of(words), words, before == "|", behind in ("$(", "<(", "`"))


def _program_of(words: tuple[str, ...]) -> str:
    carried = skip = False
    for word in words:
        name = word.rpartition("/")[2]
        if skip:
            skip = False
        elif carried and word.startswith("-"):
            skip = word in _WITH_VALUE
        elif name in _CARRIERS:
            carried = True
        elif word and word not in _KEYWORDS and not _SET_BEFORE.match(word) and not (carried and word.isdecimal()):
            return name
    return ""
