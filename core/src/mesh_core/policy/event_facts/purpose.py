"""What a thing is there for, as fields of managers and declarations say it: is it meant to run, does it run once and
end, does somebody use it? Pure; keys are folded (`facts.py`)."""

from __future__ import annotations

from typing import Any

from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in

_DECLARED = frozenset({"compose", "declared", "desired", "deploy", "wanted", "target"})
_COUNTS = frozenset({"scale", "replicas", "count", "instances"})
_GONE_TO = frozenset({"movedto", "migratedto", "replacedby", "supersededby"})
_REASONS = frozenset({"reason", "stopreason", "stoppedreason", "stoppedfor"})
_ON_PURPOSE = ("schedule", "planned", "manual", "requested", "on request", "by request", "maintenance")
_STOPPED_BY = frozenset({"stoppedby", "pausedby"})
_PLANS = ("schedule", "cron", "timer", "plan")
_KINDS = frozenset({"type", "servicetype", "unittype", "kind"})
_ONE_OFF = "comdockercomposeoneoff"  # compose's label for `docker compose run`
_WORKS = frozenset(
    {
        *("working", "works", "stillworks", "usable", "serving", "answering", "answers", "responding", "responds"),
        *("accessible", "operational", "functional", "functioning", "playable"),
    }
)
_IN_USE = frozenset(
    {
        *("activesessions", "activestreams", "activeusers", "activeviewers", "activecalls", "activetranscodes"),
        *("activerecordings", "currentsessions", "currentusers", "playersonline", "onlineplayers", "usersonline"),
        *("onlineusers", "openstreams", "runningjobs", "jobsrunning", "printing", "recording", "streaming"),
    }
)


def is_not_meant(path: tuple[str, ...], value: Any, word: str) -> bool:
    """Masked, skipped for a condition, scaled to none, not declared, moved away, or stopped to a plan."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    if (key, word) in (("loadstate", "masked"), ("unitfilestate", "masked")):
        return True
    if key in _COUNTS and parent in _DECLARED:
        return whole_in(value) == 0
    if key in ("conditionresult", "declaredincompose") or path == ("declared",):
        return isinstance(value, bool | str) and value != "" and truth_in(value) is False
    if key in _STOPPED_BY and word.startswith(_PLANS):
        return True
    return bool(word) and (key in _GONE_TO or (key in _REASONS and word.startswith(_ON_PURPOSE)))


def is_one_shot(path: tuple[str, ...], value: Any, word: str) -> bool:
    """Somebody's or something's single run."""
    return (path[-1] in _KINDS and word == "oneshot") or (path[-1] == _ONE_OFF and truth_in(value) is True)


def is_seen_to_work(path: tuple[str, ...], value: Any) -> bool:
    """Somebody looked, and it did for its users what it is there for."""
    return path[-1] in _WORKS and isinstance(value, bool | str) and truth_in(value) is True


def is_in_use(path: tuple[str, ...], value: Any) -> bool:
    """A restart would throw somebody out, who shows that it works."""
    number = whole_in(value)
    return path[-1] in _IN_USE and (truth_in(value) is True or (number is not None and number > 0))
