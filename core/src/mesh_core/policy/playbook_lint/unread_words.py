"""Commands that run words which nobody could review: from another program, from elsewhere, from a connection. Pure."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from mesh_core.policy.playbook_lint.shell_words import UNKNOWN, Command
from mesh_core.policy.playbook_lint.shutting_out import WAY_IN

UNREADABLE = "runs words that are only known when it runs"
# A program that another one names: `$(which rm) -rf /srv`.
_NAMED_BY_ANOTHER = re.compile(r"(?:^|[;&|\n])\s*(?:sudo\s+)?(?:\$\([^()]{1,200}\)|`[^`]{1,200}`)[ \t]+[^\s;&|]")
_SHELLS = re.compile(r"(?:ba|da|z|k|a|c|tc|fi)?sh|python[\d.]*|perl|ruby|node|php")
_SAYS_ITS_VERSION = frozenset({"--version", "-V", "-v", "--help", "-h"})
_FETCHERS = frozenset({"curl", "wget", "fetch", "aria2c"})


def runs_unread(command: Command) -> str:
    """What it does, as the predicate of a sentence; '' for a command that says itself what it runs."""
    if command.program[:1] in ("$", UNKNOWN) or command.program == "eval":
        return UNREADABLE
    if _reads_commands(command):
        return "runs what another command prints, which nobody can review"
    return WAY_IN if _lets_in(command) else ""


def names_by_another(text: str) -> bool:
    """Does what a command prints say which program runs?"""
    return _NAMED_BY_ANOTHER.search(text) is not None


def fetched_by(command: Command) -> set[str]:
    """The files that it brings from elsewhere."""
    if not {*command.names} & _FETCHERS:
        return set()
    words = command.words
    beside = zip(words, (*words[1:], ""), strict=True)
    said = [after for word, after in beside if word in ("-o", "-O", ">", "--output", "--output-document")]
    said += [word.partition("=")[2] for word in words if word.startswith(("--output=", "--output-document="))]
    return {word for word in said if word and word != "-"}


def runs_fetched(command: Command, fetched: AbstractSet[str]) -> str:
    """The same of a file that an earlier command brought."""
    started = [word for word in command.words if word.rpartition("/")[2] == command.program]
    read = command.words if _SHELLS.fullmatch(command.program) or command.program in ("source", ".") else ()
    return "runs what it has just fetched, which nobody can review" if fetched & {*started, *read} else ""


def _lets_in(command: Command) -> bool:
    """A shell for whoever is at the other end of a connection."""
    said = {*command.words}
    talks = {*(command.after("nc", "ncat", "netcat") or ())} & {"-e", "-c", "--exec", "--sh-exec"}
    bound = "socat" in command.names and any(word.lower().startswith(("exec:", "system:")) for word in said)
    return bool(talks or bound or (_SHELLS.fullmatch(command.program) and "/dev/tcp/" in str(command)))


def _reads_commands(command: Command) -> bool:
    """A shell, or another interpreter, that is given no program of its own."""
    last = command.words[-1]
    if command.program in ("source", "."):
        return command.open
    alone = last.rpartition("/")[2] == command.program or (last.startswith("-") and last not in _SAYS_ITS_VERSION)
    if command.program in ("at", "batch"):
        return command.fed
    return bool(_SHELLS.fullmatch(command.program)) and alone and (command.fed or command.open)
