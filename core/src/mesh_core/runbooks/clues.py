"""What of an event a runbook is looked for by: its names, its labels, and what its sender says in a sentence. Pure.

Logs are no clue: what a program printed somebody else may have chosen, and it is long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mesh_core.incidents.alert_name import alert_name_for
from mesh_core.incidents.investigation import set_aside
from mesh_core.models.events import HealthEvent
from mesh_core.models.owner_labels import bare_key

# Where senders say what their rule, trigger, check, problem or event is called, by the letters of the key.
_NAMES = (
    *(
        "rulename",
        "ruletitle",
        "rule",
        "triggername",
        "trigger",
        "alertname",
        "alarmname",
        "alarm",
        "monitorname",
        "monitor",
    ),
    *("problemname", "problem", "eventname", "event", "issuename", "issue", "conditionname", "condition", "checkname"),
    *("checkcommand", "checktype", "check", "servicedescription", "servicedesc"),
    *("eventdefinitiontitle", "definitiontitle", "alertrule", "policyname", "searchname", "detectorname", "watchname"),
)
# `{"rule": {"name": "Queue stuck"}}`: what they are called by whoever made them.
_NAMED = ("rule", "alert", "trigger", "check", "problem", "policy", "condition", "eventdefinition", "detector")
_CALLED = ("name", "title", "type", "rule", "rulename")
_LABELS = ("commonLabels", "groupLabels", "labels", "tags")
_TOLD = ("title", "summary", "description", "message", "msg", "info", "error", "subject")
_BESIDE = ("commonAnnotations", "annotations")
MAX_NAMES, MAX_LABELS = 8, 100
MAX_NAME = 120  # characters: no rule is called like a sentence of a log
MAX_HEADLINE = 80  # characters: what is longer tells, and names nothing


@dataclass(frozen=True)
class Clues:
    """`names`: the most telling one first, the event's type last. `headlines`: as short as a name. `labels`: keys and
    values as they were written."""

    names: tuple[str, ...]
    headlines: tuple[str, ...]
    labels: Mapping[str, str]
    text: str
    node: str
    service: str


def clues_in(event: HealthEvent) -> Clues:
    """Never raises; a payload of any shape."""
    told = set_aside(event)
    payload = told.payload
    sentences = tuple(_sentences(payload))
    return Clues(
        names=tuple(dict.fromkeys((*_names(told), told.type)))[-MAX_NAMES:],
        headlines=tuple(line for line in sentences if len(line) <= MAX_HEADLINE),
        labels=dict(list(_labels(payload))[:MAX_LABELS]),
        text="\n".join(sentences),
        node=told.node,
        service=told.service or "",
    )


def _names(event: HealthEvent) -> Iterator[str]:
    by_key = {bare_key(key): text for key, text in event.payload.items() if isinstance(text, str)}
    nested = {bare_key(key): part for key, part in event.payload.items() if isinstance(part, dict)}
    inner = (nested[key].get(called) for key in _NAMED if key in nested for called in _CALLED)
    said = by_key.get("name", "")
    its_rule = said if " " in said else ""  # LibreNMS calls its rule so, others the thing: `Service up/down`, `web`
    for name in (alert_name_for(event), *(by_key.get(key, "") for key in _NAMES), its_rule, *inner):
        if not isinstance(name, str) or len(name) > MAX_NAME:
            continue
        if name:
            yield name
        if (rest := name.rpartition(": ")[2]) != name:  # `Linux: High memory utilization`, `pve1: ...`
            yield rest


def _labels(payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in _LABELS:
        labels = payload.get(key)
        if isinstance(labels, dict):
            yield from ((str(name), str(value)) for name, value in labels.items() if isinstance(value, str | int))
    yield from ((str(name), value) for name, value in payload.items() if isinstance(value, str))


def _sentences(payload: Mapping[str, Any]) -> Iterator[str]:
    yield from _texts(payload, _TOLD)
    for key in _BESIDE:
        beside = payload.get(key)
        if isinstance(beside, dict):
            yield from _texts(beside, _TOLD)


def _texts(part: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    yield from (text[:1000] for key in keys if isinstance(text := part.get(key), str) and text)
