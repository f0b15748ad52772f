"""The typed values of a request: which there are, and what a text of each must look like. Pure.

A value is what somebody wrote, as it was written; a type decides only whether it may be one. None may hold a template.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

MAX_VALUE = 2000  # characters of one value
_TEMPLATE = re.compile(r"\{\{|\{%|\{#")


class SlotType(StrEnum):
    """What a slot may be filled with. `attachment` is a file that came with the request; `text` stood in quotes; a
    `choice` is one of the values that its slot lists."""

    PACKAGE = "package"
    UNIT = "unit"
    USER = "user"
    NAME = "name"
    IMAGE = "image"
    PATH = "path"
    URL = "url"
    REPOSITORY = "repository"
    PORT = "port"
    PUBLISHED_PORT = "published_port"
    SCHEDULE = "schedule"
    SYSCTL_KEY = "sysctl_key"
    NUMBER = "number"
    MODE = "mode"
    TEXT = "text"
    PUBLIC_KEY = "public_key"
    CHOICE = "choice"
    ATTACHMENT = "attachment"


_PATTERNS: Mapping[SlotType, re.Pattern[str]] = {
    # Not what systemd calls a unit: "nginx.service installed" speaks of its file.
    SlotType.PACKAGE: re.compile(
        r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,99}(?<!\.service)(?<!\.socket)(?<!\.timer)(?<!\.target)(?<!\.mount)"
    ),
    SlotType.UNIT: re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@\\-]{0,99}"),
    SlotType.USER: re.compile(r"[a-z_][a-z0-9_-]{0,31}"),
    SlotType.NAME: re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"),
    SlotType.IMAGE: re.compile(
        r"(?:[a-z0-9.-]+(?::[0-9]{1,5})?/)*[a-z0-9][a-z0-9._-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
    ),
    SlotType.PATH: re.compile(r"~?/[^/\x00-\x1f\x7f{}][^\x00-\x1f\x7f{}]{0,400}"),
    SlotType.URL: re.compile(r"https?://[^\s\x00-\x1f{}]{3,1000}"),
    SlotType.REPOSITORY: re.compile(r"(?:https?|ssh|git)://[^\s\x00-\x1f{}]{3,1000}|[\w.-]+@[\w.-]+:[\w./~-]{1,400}"),
    SlotType.PORT: re.compile(r"(?P<number>[0-9]{1,5})(?:/(?P<protocol>tcp|udp))?"),
    SlotType.PUBLISHED_PORT: re.compile(r"[0-9]{1,5}:[0-9]{1,5}(?:/(?:tcp|udp))?"),
    SlotType.SCHEDULE: re.compile(r"(?:[0-9*][0-9*/,-]{0,30} ){4}[0-9*][0-9*/,-]{0,30}"),
    SlotType.SYSCTL_KEY: re.compile(r"(?:vm|net|kernel|fs|dev|user|abi)(?:\.[A-Za-z0-9_*/-]{1,60}){1,6}"),
    SlotType.NUMBER: re.compile(r"-?[0-9]{1,15}"),
    SlotType.MODE: re.compile(r"0?[0-7]{3}|[0-7]{4}"),
    SlotType.TEXT: re.compile(r"[^\x00-\x09\x0b-\x1f\x7f]{1,2000}"),
    SlotType.PUBLIC_KEY: re.compile(
        r"(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-\S{1,40}) [A-Za-z0-9+/]{20,1000}={0,3}(?: \S+)?"
    ),
    SlotType.CHOICE: re.compile(r"[a-z][a-z0-9_-]{0,39}"),
    SlotType.ATTACHMENT: re.compile(r"files/[0-9a-f]{64}"),
}
_CRONTAB = ("minute", "hour", "day", "month", "weekday")
_EXAMPLES: Mapping[SlotType, str] = {
    SlotType.PACKAGE: "example",
    SlotType.UNIT: "example.service",
    SlotType.USER: "example",
    SlotType.NAME: "example",
    SlotType.IMAGE: "example.org/example:1.0",
    SlotType.PATH: "/srv/example",
    SlotType.URL: "https://example.org/file",
    SlotType.REPOSITORY: "https://example.org/repository.git",
    SlotType.PORT: "8080/tcp",
    SlotType.PUBLISHED_PORT: "8080:80",
    SlotType.SCHEDULE: "30 3 * * *",
    SlotType.SYSCTL_KEY: "vm.swappiness",
    SlotType.NUMBER: "10",
    SlotType.MODE: "0644",
    SlotType.TEXT: "an example",
    SlotType.PUBLIC_KEY: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample example",
    SlotType.CHOICE: "example",
    SlotType.ATTACHMENT: f"files/{'0' * 64}",
}
EXAMPLE_ATTACHMENTS: Mapping[str, str] = {"0" * 64: "an example"}  # by sha256


def value_of(kind: SlotType, text: str) -> Any:
    """The text as a value of that type, None where it does not fit. A port is {number[, protocol]}, a schedule the five
    fields of a crontab by name; everything else stays the text."""
    if len(text) > MAX_VALUE or _TEMPLATE.search(text) or not (found := _PATTERNS[kind].fullmatch(text)):
        return None
    if kind is SlotType.PORT:
        port = {name: said for name, said in found.groupdict().items() if said}
        return port if 0 < int(port["number"]) < 65536 else None
    if kind is SlotType.SCHEDULE:
        return dict(zip(_CRONTAB, text.split(), strict=True))
    if kind in (SlotType.PATH, SlotType.SYSCTL_KEY) and ".." in text:
        return None
    return text


def example_of(kind: SlotType) -> Any:
    """A value that fits."""
    return value_of(kind, _EXAMPLES[kind])


def parts_of(kind: SlotType) -> tuple[str, ...]:
    """The names behind the dot of a place: `{port.number}`; empty where a value is one text."""
    return {SlotType.PORT: ("number", "protocol"), SlotType.SCHEDULE: _CRONTAB}.get(kind, ())
