"""config/notifications.yml: which news are told, when and how. Strictly read; every refusal names the key."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path
from string import Template
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from mesh_core.models.config_document import ConfigDocument
from mesh_core.models.config_file import FilePart
from observer.notify.triggers import kinds as known_kinds

MAX_BYTES = 64 * 1024
FIELDS = frozenset(
    [
        *("place", "node", "service", "kind", "type", "reason", "by", "id", "link"),
        *("risk", "confidence", "model", "expires", "event", "severity", "state", "when", "wrong", "touches"),
    ]
)


class BadNotificationRules(ValueError):
    """The file cannot be used; the text names it, the key and what to write instead."""


def _template(text: str) -> str:
    template = Template(text)
    if not template.is_valid():
        raise ValueError("a $ that begins no name; write $$ for a dollar sign")
    if unknown := sorted(set(template.get_identifiers()) - FIELDS):
        raise ValueError(f"${unknown[0]} is not known; there are {', '.join(f'${name}' for name in sorted(FIELDS))}")
    return text


def _kind(word: str) -> str:
    if word not in known_kinds():
        raise ValueError(f"no such kind; there are {', '.join(known_kinds())}")
    return word


def _told_by_default() -> tuple[str, ...]:
    return tuple(name for name, kind in known_kinds().items() if kind.by_default)


def _clock(value: Any) -> Any:
    if isinstance(value, int):  # YAML 1.1 reads 22:30 without quotes as a number in base 60
        raise ValueError(f'write it in quotes: "{value // 60:02}:{value % 60:02}"')
    return value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("no such time zone; write one like Europe/Vienna or UTC") from None
    return name


Words = Annotated[str, StringConstraints(min_length=1, max_length=4000), AfterValidator(_template)]
KindName = Annotated[str, AfterValidator(_kind)]
Clock = Annotated[time, BeforeValidator(_clock)]


class MessageTemplate(FilePart):
    title: Words | None = None
    body: Words | None = None


class QuietHours(FilePart):
    """From one time of day to another, over midnight or not; `zone` is where those clocks hang (unset: here)."""

    begin: Clock = Field(alias="from")
    end: Clock = Field(alias="to")
    zone: Annotated[str, AfterValidator(_zone)] | None = None

    def holds(self, now: datetime) -> bool:
        here = now.astimezone(ZoneInfo(self.zone) if self.zone else None).time()
        if self.begin <= self.end:
            return self.begin <= here < self.end
        return here >= self.begin or here < self.end


class NotificationRules(FilePart):
    """`urgent` kinds, and whatever is about a critical event, wait neither for quiet hours nor for the digest."""

    kinds: tuple[KindName, ...] = Field(default_factory=_told_by_default)
    urgent: tuple[KindName, ...] = ()
    critical_is_urgent: bool = True
    digest_minutes: Annotated[float, Field(ge=0, le=24 * 60)] = 0
    quiet: QuietHours | None = None
    most_per_hour: Annotated[int, Field(ge=1, le=1000)] = 30
    templates: dict[KindName, MessageTemplate] = Field(default_factory=dict)


def rules_file(runtime: Path) -> Path:
    return runtime / "config" / "notifications.yml"


def read_rules(path: Path) -> NotificationRules:
    """The file, or the defaults if there is none. BadNotificationRules otherwise."""
    return ConfigDocument.at(path, BadNotificationRules, MAX_BYTES).fitted(NotificationRules)
