"""What a container's owner says to the mesh in labels: may it be restarted, how long may it take to stop. Pure.

Our own label is the more exact word: what another program's label says beside it is passed over. What is no answer
says nothing, but for our own word about restarts: whoever wrote it did not leave it to us. Labels travel in an event's
`payload.labels`, or as an engine's event has them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mesh_core.models.durations import BadTime, parse_span
from mesh_core.models.truth import truth_in

WATCH, RESTART, STOP_TIMEOUT = "mendmesh.watch", "mendmesh.restart", "mendmesh.stop-timeout"
# Of the program of that name, whose users have them in their compose files already.
AUTOHEAL, AUTOHEAL_STOP_TIMEOUT = "autoheal", "autoheal.stop.timeout"

MAX_STOP_SECONDS = 300  # of one container: an action has to end
_STOP_TIMEOUTS = (STOP_TIMEOUT, AUTOHEAL_STOP_TIMEOUT)
_AROUND = " \t\r\n\"'`.;!\ufeff\u200b"
_SWITCHES = {
    **dict.fromkeys(("enable", "enabled", "always", "allow", "allowed"), True),
    **dict.fromkeys(("disable", "disabled", "never", "deny", "denied", "forbid", "forbidden"), False),
}


@dataclass(frozen=True)
class StopTimeout:
    """`seconds` are 1 to MAX_STOP_SECONDS; `label` is the one that says so, `asked` what it said in seconds."""

    seconds: int
    label: str
    asked: int


def yes_or_no(value: object) -> bool | None:
    """In any way that people write it, in the quotes of a list of compose too; None for nothing, or something else."""
    word = _word(value)
    return None if not word else _SWITCHES.get(word, truth_in(word))


def _word(value: object) -> str:
    """Without what stands around it; '' for nothing."""
    return "" if value is None else unicodedata.normalize("NFKC", str(value)[:100]).strip(_AROUND).lower()


def bare_key(key: object) -> str:
    """Letters and digits alone, in lower case: `mendmesh.restart` and `MENDMESH_RESTART` are one."""
    return _bare(str(key)[:100])


@lru_cache(maxsize=4096)  # the same few keys come with every event, and each is asked for more than once
def _bare(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def engine_attributes(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the Docker engine's own event holds of its container, labels among it; None if it is no such event."""
    actor = payload.get("Actor")
    attributes = actor.get("Attributes") if isinstance(actor, dict) else None
    return attributes if isinstance(attributes, dict) else None


def labels_in(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Where an event's payload has a container's labels: our agents' own place, and that of an engine's event."""
    for labels in (payload.get("labels"), engine_attributes(payload)):
        if isinstance(labels, Mapping):
            yield labels


def restart_forbidden(labels: Mapping[str, Any]) -> bool:
    """Does the owner of the container that has these labels forbid a restart? Their names in any way of writing."""
    ours, others = set(), set()
    for name, value in labels.items():
        key = bare_key(name)
        if key.endswith("mendmeshrestart"):
            ours.add(_ours(value))
        elif key == AUTOHEAL or key.endswith("restartenable"):
            others.add(yes_or_no(value))
    return False in ((ours - {None}) or others)


def _ours(value: object) -> bool | None:
    """Our own label for restarts: what is written there and cannot be read is no yes."""
    return bool(yes_or_no(value)) if _word(value) else None


def stop_timeout(labels: Mapping[str, Any]) -> StopTimeout | None:
    """How long it may take to stop, by the first of the labels that gives seconds; None: nothing of use was said."""
    for label in _STOP_TIMEOUTS:
        if (asked := _seconds(labels.get(label))) is not None:
            return StopTimeout(min(max(asked, 1), MAX_STOP_SECONDS), label, asked)
    return None


def stop_timeout_in(payload: Mapping[str, Any]) -> StopTimeout | None:
    """The same out of an event's payload, wherever it has labels."""
    return next(filter(None, map(stop_timeout, labels_in(payload))), None)


def label_problems(labels: Mapping[str, Any]) -> list[str]:
    """What is wrong with an owner's labels, each as a sentence: one that cannot be read, two that contradict."""
    unread = [
        label for label in (WATCH, RESTART, AUTOHEAL) if _word(said := labels.get(label)) and yes_or_no(said) is None
    ]
    unusable = [label for label in _STOP_TIMEOUTS if label in labels and _seconds(labels[label]) is None]
    found = [
        f"{label} is neither yes nor no and {'counts as no' if label == RESTART else 'is passed over'}"
        for label in unread
    ]
    found += [f"{label} is no number of seconds and is passed over" for label in unusable]
    watch, other = (yes_or_no(labels.get(label)) for label in (WATCH, AUTOHEAL))
    restart = _ours(labels.get(RESTART))
    if watch is False and other is True:  # to watch what is not to be restarted is no contradiction
        found.append(_contradict(WATCH, AUTOHEAL))
    if None not in (restart, other) and restart is not other:
        found.append(_contradict(RESTART, AUTOHEAL))
    asked = [seconds for label in _STOP_TIMEOUTS if (seconds := _seconds(labels.get(label))) is not None]
    if len(set(asked)) > 1:
        found.append(_contradict(*_STOP_TIMEOUTS))
    return found


def _contradict(ours: str, other: str) -> str:
    return f"{ours} and {other} contradict each other; {ours} counts"


def _seconds(value: object) -> int | None:
    """`90`, `"90"`, `90s`, `1m30s`: whole seconds; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    try:
        return int(parse_span(text[:40]).total_seconds())
    except BadTime:
        return None
