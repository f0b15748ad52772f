"""Which container or unit a person's own text about an alert speaks of, where the alert is called like it. Pure.

Two have to agree: what a text calls a container or a unit counts where the alert, the monitor or the job is called by
the words of its name as well: `kea-exporter` of the job `kea`, and no `wiki-db` of `WikiDown`. Of texts only what
stands before the first quotation and on the first line: behind that others may have written it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mesh_core.runbooks.folding import words_of
from observer.hooks.service_in_names import PROGRAM

# What many things are called by says not which one.
_OF_ANY = frozenset(
    {
        *("container", "docker", "service", "unit", "systemd", "down", "failed", "stopped", "dead", "exited"),
        *("server", "worker", "exporter", "agent", "node", "host", "target", "instance", "not", "running", "the"),
        *("app", "api", "database", "proxy", "cron", "job", "queue", "high", "low", "stuck", "error", "errors"),
        *("web", "sync", "missing"),
    }
)
_MOST_CHARS = 300
_QUOTED = re.compile("[\"'`\u201c\u201d\u201e\u00ab\u300c\n]")
_CONTAINER = r"(?:container|conteneur|contenedor|contenitore|cont\u00eainer|kontener)"
_IN_FRONT = re.compile(rf"\b{_CONTAINER}[ :]+({PROGRAM.pattern})", re.IGNORECASE)
_BEHIND = re.compile(rf"(?<![\w.@-])({PROGRAM.pattern}) {_CONTAINER}\b", re.IGNORECASE)
_UNIT = re.compile(rf"(?<![\w.@-])({PROGRAM.pattern}?)\.service(?![\w-])")
_ON = re.compile(r"\.service (?:on|at|auf|sur|en|su)\b")
_WELL = re.compile(r"\W{0,3}(?:is )?(?:healthy|ok|fine|gesund|sain)\b", re.IGNORECASE)


def thing_spoken_of(texts: Iterable[str], *called: str) -> dict[str, str]:
    """Its labels; {} for none, or several. A unit is a program as well where something calls it without its type."""
    words = {word for name in called for word in words_of(name)}
    said = [_QUOTED.split(text[:_MOST_CHARS], maxsplit=1)[0] for text in texts]
    found = {
        (label, name)
        for text in said
        for label, form in (("container", _IN_FRONT), ("container", _BEHIND), ("unit", _UNIT))
        for told in form.finditer(text)
        if not _WELL.match(text, told.end()) and _is_called_by(words, name := told[1].rstrip(".-"))
    }
    names = {name for _, name in found}
    if len(names) != 1:
        return {}
    name = names.pop()
    if ("unit", name) not in found:
        return {"container": name}
    bare = re.compile(rf"(?<![\w.@-]){re.escape(name)}(?!\.service|[\w-])")
    is_called_so = any(bare.search(text) for text in (*said, *called))
    return {"unit": f"{name}.service"} | ({"program": name} if is_called_so else {})


def confirmed_by(texts: Iterable[str], called: Iterable[str]) -> dict[str, str]:
    """The same of a text that anybody may have written: only what is called so as a whole, and said of no host."""
    told = [text for text in texts if not _ON.search(text[:_MOST_CHARS])]
    things = ((name, thing_spoken_of(told, name)) for name in called if PROGRAM.fullmatch(name))
    return next((thing for name, thing in things if name in thing.values()), {})


def _is_called_by(words: set[str], name: str) -> bool:
    which = {word for word in words_of(name) if not word.isdigit()} - _OF_ANY
    return bool(which) and which <= words
