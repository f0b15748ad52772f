"""What is asked for a slot, and what an answer makes of a reading. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mesh_core.actions.remedies.recipe_file import Slot
from mesh_core.actions.remedies.slot_values import SlotType, value_of
from mesh_core.models.proposals import Attachment
from mesh_core.models.requests import OpenQuestion
from planner_agent.requests.understanding.attempts import Reading
from planner_agent.requests.understanding.filling import attached, spelt
from planner_agent.requests.understanding.language import LANGUAGES
from planner_agent.requests.understanding.schedules import UNKNOWN, read_schedules

_BETWEEN = re.compile(r"[,\s]+")


def question_for(
    reading: Reading, slot: str, language: str, said: Sequence[str], attachments: Sequence[Attachment], wrong: str
) -> OpenQuestion:
    """In that language where the recipe has it. `said`: what the sentence says and might mean; `wrong`: an answer that
    does not fit."""
    wanted = reading.recipe.ask.slots[slot]
    texts = wanted.question
    text = texts.get(language) or texts.get("en") or f"Which value is it for {slot}?"  # type: ignore[call-overload]
    if wrong:
        text = f"{wrong[:80]!r} is no {wanted.type.value.replace('_', ' ')}. {text}"
    choices = tuple(said)
    if wanted.type is SlotType.ATTACHMENT or wanted.endings:
        choices = tuple(one.name for one in attachments if attached(one, wanted) is not None)
    if wanted.type is SlotType.CHOICE:
        choices = tuple(next(iter(words.get(language, ())), value) for value, words in wanted.values.items())  # type: ignore[call-overload]
    return OpenQuestion(slot=slot, text=text, choices=choices)


def answered(
    reading: Reading, answers: Mapping[str, str], attachments: Sequence[Attachment]
) -> tuple[Reading, dict[str, str]]:
    """The reading with what was answered, and by slot each answer that does not fit, which stays open."""
    values, open_, wrong = dict(reading.values), dict(reading.open), dict[str, str]()
    for name, text in answers.items():
        value = value_said(text.strip(), reading.recipe.ask.slots[name], attachments)
        if value is None:
            wrong[name] = text
            open_.setdefault(name, ())
        else:
            values[name] = value
            open_.pop(name, None)
    return replace(reading, values=values, open=open_), wrong


def value_said(text: str, slot: Slot, attachments: Sequence[Attachment]) -> Any:
    if found := next((one for one in attachments if one.name == text), None):
        return attached(found, slot)
    if slot.type is SlotType.SCHEDULE and slot.value_in(text) is None:
        return _schedule(text)
    if not slot.many:
        return slot.value_in(spelt(text, slot))
    each = [slot.value_in(spelt(one, slot)) for one in _BETWEEN.split(text) if one]
    return each if each and None not in each else None


def _schedule(text: str) -> Any:
    """In the words of any language, with nothing else beside it."""
    for code in LANGUAGES:
        pieces = list(read_schedules(text, code))
        times = next((piece.fields for piece in pieces if piece.fields), UNKNOWN)
        if times != UNKNOWN and not any(piece.text.strip() for piece in pieces):
            return value_of(SlotType.SCHEDULE, times)
    return None
