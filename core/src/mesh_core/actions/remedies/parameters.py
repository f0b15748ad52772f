"""The typed values of a remedy: which there are, and what an event gives for each. Pure.

A value comes from a field of the event, from what its node agent found, from a person who sets it before a yes, or is a
constant of the file; never out of a sentence, never from a model. What does not fit its type is no value.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from mesh_core.actions.playbooks import UnsafeText
from mesh_core.actions.remedies.event_values import PATH, found_in
from mesh_core.actions.settable import Settable
from mesh_core.incidents.known_facts import path_problem
from mesh_core.models.config_file import FilePart
from mesh_core.models.events import HealthEvent
from mesh_core.models.records import is_name
from mesh_core.models.whole_numbers import whole_in

MAX_INTEGER = 10**15
PERSON = "person"  # as `from`
_MOUNT = re.compile(r"/(?:[\w.@+:-][\w.@+: -]*(?:/|$))*")
_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@\\-]{0,254}")


def _a_path(text: str) -> str:
    if text == PERSON:
        raise ValueError("a person sets an integer, a duration or an enum; all else comes from what was found")
    if not PATH.fullmatch(text):
        raise ValueError(f"{text!r} is neither room.fact of an investigation, payload.FIELD nor event.service")
    if problem := path_problem(text):
        raise ValueError(f"{text!r}: {problem}")
    return text


def _a_path_or_person(text: str) -> str:
    return text if text == PERSON else _a_path(text)


def _a_root(text: str) -> str:
    if text == "/" or text.endswith("/") or not _is_mount(text):
        raise ValueError(f"{text!r} is no folder below /; write its path from / on, without a / at its end")
    return text


From = Annotated[str, AfterValidator(_a_path)]
FromOrPerson = Annotated[str, AfterValidator(_a_path_or_person)]
Root = Annotated[str, AfterValidator(_a_root)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Flag = Annotated[bool, Field(strict=True)]  # "yes" in quotes is a text
Whole = Annotated[int, Field(strict=True, ge=0, le=MAX_INTEGER)]


# For editors that know JSON Schema.
_SOURCES = "room.fact, payload.FIELD or event.service; person: who approves may set it, default where nobody does"
_FROM_PERSON_WANTS_DEFAULT: dict[str, Any] = {
    "if": {"properties": {"from": {"const": PERSON}}, "required": ["from"]},
    "then": {"required": ["default"]},
}


class _Param(FilePart, ABC):
    """`from`: where the event says it. `default`: what counts where it does not."""

    from_: Annotated[From | None, Field(alias="from")] = None

    def value_in(self, event: HealthEvent) -> int | str | None:
        """What this event gives, None where it gives nothing that fits."""
        given = found_in(event, self.from_) if self.from_ and self.from_ != PERSON else None
        default = getattr(self, "default", None)
        return default if given is None else self.fitting(given)

    @property
    @abstractmethod
    def example(self) -> int | str:
        """A value that fits."""

    @abstractmethod
    def fitting(self, given: Any) -> int | str | None:
        """It as a value, None where it does not fit."""

    @model_validator(mode="after")
    def _has_a_source(self) -> _Param:
        if self.from_ is None and getattr(self, "default", None) is None:
            raise ValueError("it has neither from nor default; say where its value comes from")
        return self


class _Bounded(_Param):
    """One whose file says all that it may be. `from: person`: a person may set it before a yes, within that."""

    model_config = ConfigDict(json_schema_extra=_FROM_PERSON_WANTS_DEFAULT)
    from_: Annotated[FromOrPerson | None, Field(alias="from", description=_SOURCES)] = None

    @property
    @abstractmethod
    def fits(self) -> str:
        """What it may be, in words."""

    @property
    def settable(self) -> Settable | None:
        """What a person may set it to; None where it is no person's to set."""
        default = getattr(self, "default", None)
        return Settable(default, self.fits, self.fitting) if self.from_ == PERSON and default is not None else None

    @model_validator(mode="after")
    def _counts_where_nobody_sets_it(self) -> _Bounded:
        if self.from_ == PERSON and getattr(self, "default", None) is None:
            raise ValueError("from: person needs a default, which counts where nobody sets it; write one")
        return self


class NumberParam(_Bounded):
    """A whole number within bounds; `duration` is one of seconds. `percent`: so much of what the event says."""

    type: Literal["integer", "duration"]
    min: Whole
    max: Whole
    default: Whole | None = None
    percent: Annotated[int, Field(strict=True, ge=1, le=1000)] = 100

    @property
    def example(self) -> int:
        return self.min if self.default is None else self.default

    @property
    def fits(self) -> str:
        return f"a whole number from {self.min} to {self.max}" + (" (seconds)" if self.type == "duration" else "")

    def fitting(self, given: Any) -> int | None:
        number = whole_in(given)
        number = number if number is None else number * self.percent // 100
        return number if number is not None and self.min <= number <= self.max else None

    @model_validator(mode="after")
    def _within_bounds(self) -> NumberParam:
        if self.min > self.max:
            raise ValueError(f"min is {self.min} and max {self.max}; exchange them")
        if self.default is not None and not self.min <= self.default <= self.max:
            raise ValueError(f"default is {self.default}, which is not within {self.min} to {self.max}")
        if self.from_ == PERSON and self.percent != 100:
            raise ValueError("percent is of what an event says, and a person sets the number itself; take it out")
        return self


class OneOf(_Bounded):
    """One of a few words."""

    type: Literal["enum"]
    values: Annotated[tuple[Word, ...], Field(min_length=1, max_length=50)]
    default: Word | None = None

    @property
    def example(self) -> str:
        return UnsafeText(self.values[0])

    @property
    def fits(self) -> str:
        return f"one of {', '.join(self.values)}"

    def fitting(self, given: Any) -> str | None:
        return UnsafeText(given) if given in self.values else None

    @model_validator(mode="after")
    def _is_one_of_them(self) -> OneOf:
        if self.default is not None and self.default not in self.values:
            raise ValueError(f"default is {self.default!r}, which is none of its values; add it there")
        return self


class NameParam(_Param):
    """A thing of the host, by name: a mount point, a unit, a container; `name` is any other (a host, a file's name)."""

    type: Literal["mount", "unit", "container", "unit_or_container", "name"]
    from_: Annotated[From, Field(alias="from")]

    @property
    def example(self) -> str:
        return UnsafeText(_EXAMPLES[self.type])

    def fitting(self, given: Any) -> str | None:
        return UnsafeText(given) if isinstance(given, str) and _FITS[self.type](given) else None


class PathBelow(_Param):
    """A file or folder of the host, below one of the folders that the remedy's author allows."""

    type: Literal["path"]
    from_: Annotated[From, Field(alias="from")]
    under: Annotated[tuple[Root, ...], Field(min_length=1, max_length=20)]

    @property
    def example(self) -> str:
        return UnsafeText(f"{self.under[0]}/example")

    def fitting(self, given: Any) -> str | None:
        fits = isinstance(given, str) and _is_mount(given) and any(given.startswith(f"{root}/") for root in self.under)
        return UnsafeText(given) if fits and not given.endswith("/") else None


def _is_mount(text: str) -> bool:
    return len(text) <= 255 and bool(_MOUNT.fullmatch(text)) and not {".", ".."} & set(text.split("/"))


def _is_unit(text: str) -> bool:
    return bool(_UNIT.fullmatch(text))


_FITS = {
    **{"mount": _is_mount, "unit": _is_unit, "container": is_name, "unit_or_container": _is_unit, "name": is_name},
}
_EXAMPLES = {
    **{"mount": "/srv", "unit": "example.service", "container": "example", "unit_or_container": "example"},
    "name": "example",
}
Param = Annotated[NumberParam | OneOf | NameParam | PathBelow, Field(discriminator="type")]
