"""Labelled events, read line by line (docs/evaluation.md has the form), and decisions in the four words of labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mend.evaluation.scoring import ACTIONS, Decided, Row
from mend.policies.asked_event import entering
from mesh_core.actions.choices import NOTIFY
from mesh_core.actions.register import current
from mesh_core.models.attempts import NOT_SURE
from mesh_core.models.config_file import first_problem
from mesh_core.models.events import HealthEvent
from mesh_core.models.foreign_text import decoded
from mesh_core.models.strict_json import Refusal

SAME_AS = {"rollback_image": "redeploy", "unit_start": "restart", "mount_again": "restart", NOT_SURE: NOTIFY.word}
NO_ANSWER = Decided("")
ONLY_TOTALS = "kept"  # in a file's name: its rows are scored and never shown


class BadLabel(ValueError):
    """A line of a set that cannot be scored; the sentence names file, line and what it should be."""


def read_labelled(file: Path) -> list[Row]:
    """The rows of a set. Raises BadLabel, OSError."""
    text = decoded(file.read_bytes())
    if isinstance(text, Refusal):
        raise BadLabel(f"{file}: {text.reason}; save it as UTF-8")
    rows = [_row(line, f"{file}:{number}") for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not rows:
        raise BadLabel(f"{file}: it has no line; each should be a labelled event as JSON")
    return rows


def is_shown(name: str) -> bool:
    """May rows of a set of this name be looked at?"""
    return ONLY_TOTALS not in name


def event_of(row: Row) -> HealthEvent:
    """As it enters."""
    return entering(row["event"])


def decided_by(answer: Mapping[str, Any]) -> Decided:
    """The answer of a planner or of a model, as the labels name it; a choice that there is not is no answer."""
    word = str(answer.get("action"))
    if word not in (*current().by_word, NOT_SURE):
        return NO_ANSWER
    return Decided(as_labelled(word), str(answer.get("node") or ""), str(answer.get("service") or ""))


def as_labelled(word: str) -> str:
    """A choice as the labels name it. Of the others one that interrupts is as good or bad as a restart, and one that
    does not as telling a person, who has to say yes to it."""
    if word in ACTIONS:
        return word
    return SAME_AS.get(word) or ("restart" if current().by_word[word].interrupts else "notify")


def _row(line: str, where: str) -> Row:
    try:
        row: dict[str, Any] = json.loads(line)
        problem = _problem(row)
        if not problem:
            event = event_of(row)
    except ValidationError as error:
        raise BadLabel(f"{where}: event: {first_problem(error)}") from None
    except (ValueError, RecursionError):
        raise BadLabel(f"{where}: it is no JSON; each line is one labelled event") from None
    if problem:
        raise BadLabel(f"{where}: {problem}")
    there = {"node": event.node, "service": event.service}
    return {"id": where, "trust": "C", "tags": [], "unacceptable": [], "targets": [there]} | row


def _problem(row: Any) -> str:
    if not isinstance(row, dict) or not isinstance(row.get("event"), dict):
        return "it has no `event`"
    if row.get("preferred") not in ACTIONS:
        return f"preferred should be one of {', '.join(ACTIONS)}"
    for key in ("acceptable", "unacceptable"):
        words = row.setdefault(key, [row["preferred"]] if key == "acceptable" else [])
        if not isinstance(words, list) or not {*ACTIONS}.issuperset(map(str, words)):
            return f"{key} should be a list of {', '.join(ACTIONS)}"
    if row["preferred"] not in row["acceptable"]:
        return "preferred should be in acceptable"
    return "" if _are_targets(row.get("targets", [])) else "targets should be a list of {node, service}"


def _are_targets(targets: Any) -> bool:
    pairs: Iterable[Any] = targets if isinstance(targets, list) else [None]
    return all(isinstance(one, dict) and {"node", "service"} <= one.keys() for one in pairs)
