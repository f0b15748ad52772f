"""What a model may say in both rounds, as schemas, and what of its answers counts. Pure; it never raises.

First which steps, then their values. Form is not truth: each value must be one that its argument may have, and what
the order says exactly must all be used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh_core.llm.router import Rejection
from mesh_core.models.attempts import AttemptOutcome
from mesh_core.models.strict_json import Refusal, parse_object
from mesh_core.models.truth import truth_in
from planner_agent.prompts.refusals import declines
from planner_agent.requests.writing.free_yaml import tasks_in
from planner_agent.requests.writing.steps import Argument, Scalar, Step

MAX_STEPS = 8
MAX_ANSWER_BYTES = 32 * 1024
_INVALID, _OTHER = AttemptOutcome.INVALID_JSON, AttemptOutcome.SCHEMA_VIOLATION
_UNGROUNDED = AttemptOutcome.UNGROUNDED

Schema = dict[str, object]


@dataclass(frozen=True)
class FilledStep:
    """A step with the values that its tasks get."""

    step: Step
    values: Mapping[str, Any]


def choice_schema(steps: Sequence[Step]) -> Schema:
    """Which of these, in order; an empty list says that none of them does it."""
    names = {"type": "string", "enum": [step.name for step in steps]}
    return _object({"steps": {"type": "array", "items": names, "maxItems": MAX_STEPS}})


def values_schema(steps: Sequence[Step]) -> Schema:
    """The values of these steps."""
    each = [_object({"step": {"const": step.name}, "values": _values_schema(step)}) for step in steps]
    items: object = each[0] if len(each) == 1 else {"anyOf": each}
    return _object({"steps": {"type": "array", "items": items, "minItems": len(each), "maxItems": MAX_STEPS}})


def read_choice(offered: Sequence[Step]) -> Callable[[str], tuple[Step | FilledStep, ...] | Rejection]:
    """A reader of the first answer: steps, or already filled ones where it wrote YAML instead."""
    known = {step.name: step for step in offered}

    def read(text: str) -> tuple[Step | FilledStep, ...] | Rejection:
        said = _listed(text)
        if said is None:
            return _written_freely(text, known)
        if isinstance(said, Rejection):
            return said
        if not said:
            return Rejection(AttemptOutcome.REFUSAL, "it says that nothing of the table does this")
        if unknown := next((one for one in said if not isinstance(one, str) or one not in known), None):
            return Rejection(_OTHER, f"there is no step {str(unknown)[:80]!r}")
        return tuple(known[name] for name in dict.fromkeys(said))

    return read


def read_values(chosen: Sequence[Step], offered: Sequence[Step]) -> Callable[[str], tuple[FilledStep, ...] | Rejection]:
    """A reader of the second answer. YAML may take other modules than those that were chosen."""
    known = {step.name: step for step in chosen}

    def read(text: str) -> tuple[FilledStep, ...] | Rejection:
        said = _listed(text)
        if said is None:
            return _written_freely(text, {step.name: step for step in offered})
        if isinstance(said, Rejection):
            return said
        pairs = [(one.get("step"), one.get("values")) if isinstance(one, dict) else (None, None) for one in said]
        if any(not isinstance(values, dict) for _, values in pairs):
            return Rejection(_OTHER, "each of the steps wants `step` and `values`")
        if missing := next((one.name for one in chosen if one.name not in {name for name, _ in pairs}), ""):
            return Rejection(_OTHER, f"{missing} was chosen, and has no values")
        return _filled([(str(name), values) for name, values in pairs if isinstance(values, dict)], known)

    return read


def left_out(filled: Iterable[FilledStep], needed: Sequence[str]) -> str:
    """The sentence about what the order says exactly and no step uses; '' where all is used."""
    used = {str(one) for each in filled for value in each.values.values() for one in _each(value)}
    unused = [text for text in needed if text not in used]
    return f"the order says {', '.join(map(repr, unused))[:200]}, and no step uses it" if unused else ""


def _listed(text: str) -> list[Any] | Rejection | None:
    """What stands under `steps`; None where it is no JSON object at all."""
    value = parse_object(text.encode("utf-8", "surrogatepass"), max_bytes=MAX_ANSWER_BYTES)
    if isinstance(value, Refusal):
        return None
    steps = value.get("steps")
    if set(value) != {"steps"} or not isinstance(steps, list):
        return Rejection(_OTHER, "it wants an object with the list `steps`, and nothing else")
    return steps if len(steps) <= MAX_STEPS else Rejection(_OTHER, f"more than {MAX_STEPS} steps")


def _written_freely(text: str, known: Mapping[str, Step]) -> tuple[FilledStep, ...] | Rejection:
    if declines(text):
        return Rejection(AttemptOutcome.REFUSAL, " ".join(text.split())[:160])
    tasks = tasks_in(text)
    if isinstance(tasks, Refusal):
        return Rejection(_INVALID, f"neither JSON nor tasks in YAML: {tasks.reason}")
    if len(tasks) > MAX_STEPS:
        return Rejection(_OTHER, f"more than {MAX_STEPS} steps")
    return _filled(tasks, known)


def _filled(
    said: Sequence[tuple[str, Mapping[str, Any]]], known: Mapping[str, Step]
) -> tuple[FilledStep, ...] | Rejection:
    made: list[FilledStep] = []
    for name, values in said:
        if name not in known:
            return Rejection(_OTHER, f"there is no step {name[:80]!r}")
        step, kept = known[name], dict[str, Any]()
        for argument, value in values.items():
            if argument not in step.arguments:
                return Rejection(_OTHER, f"{name} takes no {argument[:60]!r} here")
            meant = _meant(value, step.arguments[argument])
            if meant is None:
                shown = f"{str(value)[:80]!r} is not among the values that {argument} of {name} may have"
                return Rejection(_UNGROUNDED, shown)
            kept[argument] = meant
        if lacks := next((one for one in step.needed if one not in kept), ""):
            return Rejection(_OTHER, f"{name} lacks {lacks}")
        if not kept:
            return Rejection(_OTHER, f"{name} has no values")
        made.append(FilledStep(step, kept))
    return tuple(made) or Rejection(_OTHER, "it has no steps")


def _meant(value: object, argument: Argument) -> Any:
    if isinstance(value, list):
        each = [_one(item, argument.values) for item in value]
        return each if argument.many and each and None not in each else None
    found = _one(value, argument.values)
    return [found] if argument.many and found is not None else found


def _one(value: object, values: Sequence[Scalar]) -> Scalar | None:
    """The permitted value that is said, also as text or as a number; True is not 1."""
    if exact := [one for one in values if type(one) is type(value) and one == value]:
        return exact[0]
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if _are_truths(values):
        return truth_in(value)
    return next((one for one in values if not isinstance(one, bool) and str(one) == str(value)), None)


def _are_truths(values: Sequence[Scalar]) -> bool:
    return all(isinstance(one, bool) for one in values)


def _each(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else (value,)


def _values_schema(step: Step) -> Schema:
    properties = {name: _argument_schema(argument) for name, argument in step.arguments.items()}
    return _object(properties, step.needed)


def _argument_schema(argument: Argument) -> Schema:
    one: Schema = {"type": "boolean"} if _are_truths(argument.values) else {"enum": [*argument.values]}
    return {"type": "array", "items": one, "minItems": 1, "maxItems": 16} if argument.many else one


def _object(properties: Mapping[str, object], required: Sequence[str] | None = None) -> Schema:
    must = [*properties] if required is None else [*required]
    return {"type": "object", "properties": dict(properties), "required": must, "additionalProperties": False}
