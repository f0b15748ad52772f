"""Every field of a payload of any shape, by its path. Pure; bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

from mesh_core.models.owner_labels import bare_key
from mesh_core.models.records import parse_time
from mesh_core.runbooks.folding import words_of

MAX_FIELDS = 4000
MOST_WORD_CHARS = 60
Field: TypeAlias = tuple[tuple[str, ...], Any, int]
# What a program printed, and what somebody asked it for or wrote into it: there a stranger chooses the keys, too
# (`?downtime_depth=1`).
_OF_OTHERS = frozenset(
    {
        *("log", "logs", "logged", "loglines", "logentries", "logtail", "logevents", "stdout", "stderr", "journal"),
        *("syslog", "dmesg", "console", "breadcrumbs", "traceback", "stacktrace", "backlog", "hits", "samples"),
        *("request", "requests", "req", "query", "queries", "querystring", "header", "headers", "cookie", "cookies"),
        *("form", "formdata", "formfields", "postdata", "requestdata", "requestbody", "responsebody", "useragent"),
        *("args", "kwargs", "arguments"),
        *("input", "inputs", "params", "parameters", "variables", "vars", "locals"),
        *("comment", "comments", "message", "messages", "review", "reviews"),
    }
)
# What a sender puts the fields of the thing itself, or of its alert, in. Any other part may tell of something else.
_ITS_PARTS = frozenset(
    {
        *("alert", "alerts", "event", "incident", "problem", "issue", "trigger", "monitor", "heartbeat", "check"),
        *("checkresult", "result", "results", "data", "detail", "details", "labels", "commonlabels", "annotations"),
        *("commonannotations", "attrs", "attributes", "actor", "state", "status", "health", "inspect", "maintenance"),
        *("window", "maintenancewindow", "syncwindow", "silence", "downtime"),
        *("service", "container", "unit", "process", "program", "daemon", "instance", "host", "node", "resource"),
        *(
            "hostconfig",
            "docker",
            "podman",
            "systemd",
            "supervisor",
            "pm2",
            "pm2env",
            "rc",
            "payload",
            "info",
            "object",
            "item",
        ),
        *("checks", "probes", "healthchecks", "healthprobes"),
        *(
            f"{what}{more}"
            for what in ("container", "service", "unit", "process")
            for more in ("info", "state", "status")
        ),
    }
)
# What people and their programs write as they like: a text there tells a story, whatever form it has.
_WRITTEN = re.compile(
    r"(?:title|subject|summary|description|message|msg|text|body|comment|note|reason|path|route|uri|url|link|referr?er"
    r"|useragent|agent|username|user|login|account|author|sender|from|to|file|filename|query|search|content|excerpt)s?"
    r"|(?!auth|sudo|audit).*(?:logs?|lines?|journal|stdout|stderr|tail|trace)|(?:request|http|client|remote).*"
)
_FEW = 3  # keys of a path that are known from its start: it may have lost some of more
_EARLIER = ("last", "prev", "old", "former", "from", "before", "next")


def fields_of(payload: dict[str, Any]) -> Iterator[Field]:
    """(the last four folded keys of its path, value, depth) of every field; lists do not lengthen the path, and what
    lies in a log or a request is no field."""
    todo: list[tuple[tuple[str, ...], Any, int]] = [((), payload, 0)]
    seen = 0
    while todo and seen < MAX_FIELDS:
        path, value, depth = todo.pop()
        seen += 1
        if path:
            yield path, value, depth
        if isinstance(value, dict):
            todo.extend(
                ((*path[-3:], bare_key(key)), child, depth + 1)
                for key, child in value.items()
                if not is_of_others(str(key)[:100], in_it=isinstance(child, dict | list))
            )
        elif isinstance(value, list):
            todo.extend((path, child, depth + 1) for child in value if isinstance(child, dict | list))


def word_in(value: Any) -> str:
    """The beginning of a text as a word: in lower case, without blanks around it; '' for what is no text."""
    return value.strip().lower()[:MOST_WORD_CHARS] if isinstance(value, str) else ""


def time_in(value: Any) -> float | None:
    """Seconds since 1970 of a time as text; without a zone it counts as UTC. None for what is no time."""
    if not isinstance(value, str) or not 19 <= len(value) <= 40:
        return None
    try:
        return parse_time(value if value[-1] in "Zz" or value[-6] in "+-" else value + "Z").timestamp()
    except (ValueError, OverflowError):
        return None


def is_of_itself(path: tuple[str, ...]) -> bool:
    """Does it lie at the top, or in parts that tell of the thing itself or of its alert? What `comments`, `neighbours`
    and `last_deploy` hold is said of something else."""
    return len(path) <= _FEW and _ITS_PARTS.issuperset(path[:-1])


def is_written_freely(key: str) -> bool:
    """Is what stands under this key (folded) a text of whoever it may be?"""
    return _WRITTEN.fullmatch(key) is not None


@lru_cache(maxsize=4096)  # each event is walked more than once, and has the keys of others like it
def is_of_others(key: str, *, in_it: bool) -> bool:
    """Does it name what a program printed, or what somebody asked it for? `in_it`: the key is one of a part, and not of
    a value. `http.request.headers.by` is the path of one."""
    parts = key.split(".")
    return any(map(_names_others, parts if in_it else parts[:-1]))


def _names_others(part: str) -> bool:
    """By its last word or two: a `log_volume` is a volume."""
    words = words_of(part)
    return not _OF_OTHERS.isdisjoint((*words[-1:], "".join(words[-2:])))


def is_of_another_time(path: tuple[str, ...]) -> bool:
    """Does its name, or that of what it is in, say that it is none of now? `previous_there`, `{"last": {"up": 1}}`."""
    return path[-1].startswith(_EARLIER) or (len(path) > 1 and path[-2].startswith(_EARLIER))
