"""An inventory in INI -> the Fleet, as Ansible's own plugin reads it. A line that is wrong refuses its hosts."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from typing import Any

from mesh_core.policy.inventory.fleet import ALL, UNGROUPED, Fleet

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_GROUP_NAME = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_HOST_LINE = re.compile(r"[A-Za-z0-9_][^\s={}'\"]{0,254}(?<!:)(?:\s+(?:[\w.]+=.*|#.*))?")
_COMMENTS = ("#", ";")


def is_ini(raw: bytes) -> bool:
    """Has it a line that is a section, or nothing but hosts? YAML that does not read is told apart by this."""
    lines = [line.strip() for line in raw.decode("utf-8-sig", "replace").splitlines()]
    said = [line for line in lines if line and not line.startswith(_COMMENTS)]
    return any(_SECTION.fullmatch(line) for line in said) or bool(said and all(map(_HOST_LINE.fullmatch, said)))


def read_ini(raw: bytes, source: str, fleet: Fleet) -> None:
    form = _IniForm(source, fleet)
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        form.read(line, number)


class _IniForm:
    def __init__(self, source: str, fleet: Fleet) -> None:
        self.source = source
        self.fleet = fleet
        self.group = UNGROUPED
        self.kind = "hosts"

    def read(self, raw: bytes, number: int) -> None:
        where = f"{self.source}, line {number}"
        line = raw.decode("utf-8", "replace").strip()
        if not line or line.startswith(_COMMENTS):
            return
        if line.startswith("[") and self._section(line, where):
            return
        if self.kind == "hosts":
            self._host(line, where, readable="\ufffd" not in line)
        elif self.kind == "vars":
            name, equals, value = line.partition("=")
            if not equals:
                why = f"{where}: it should be NAME=VALUE (vars of the group {self.group})"
                self.fleet.refuse_group(self.group, why)
            elif "\ufffd" in line:
                self.fleet.refuse_group(self.group, f"{where}: not UTF-8; save the file as UTF-8")
            else:
                self.fleet.group(self.group).variables[name.strip()] = value_of(value.strip())
        else:
            self._child(line, where)

    def _section(self, line: str, where: str) -> bool:
        """Was it one? `[1:3]-web` begins like a section and is a host."""
        found = _SECTION.fullmatch(line)
        if found is None and not line.endswith("]"):
            return False
        name, kind = (found[1], found[2] or "hosts") if found else (line, "hosts")
        self.group, self.kind = name, kind
        self.fleet.group(name)
        if found is None:
            why = f"{where}: {line[:80]} is no section; write [NAME], [NAME:vars] or [NAME:children]"
            self.fleet.refuse_group(name, why)
        elif kind not in ("hosts", "vars", "children"):
            self.kind = "vars"  # whatever its lines say, they are not hosts
            why = f"{where}: [{name}:{kind}] is no section; write [{name}:vars] or [{name}:children]"
            self.fleet.refuse_group(name, why)
        return True

    def _host(self, line: str, where: str, *, readable: bool) -> None:
        why, variables = "", {}
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            words, why = line.split(), f"{where}: {error}"
        if not words:
            return
        for word in words[1:] if not why else ():
            name, equals, value = word.partition("=")
            if not equals:
                why = f"{where}: {word[:80]!r} should be NAME=VALUE"
            variables[name] = value_of(value)
        if not readable:
            why = f"{where}: not UTF-8; save the file as UTF-8"
        if words[0].endswith(":"):
            why = f"{where}: {words[0][:80]!r} ends in a colon; is this file YAML?"
            self.fleet.refuse(words[0].removesuffix(":"), why)
            return
        if why:
            self.fleet.refuse_hosts(words[0], why)
        self.fleet.add_hosts(self.group, words[0], variables, where)

    def _child(self, line: str, where: str) -> None:
        found = _GROUP_NAME.fullmatch(line)
        if found is None or found[1] == ALL:
            self.fleet.refuse_group(self.group, f"{where}: {line[:80]!r} is no name of a group below {self.group}")
            return
        self.fleet.group(found[1])
        self.fleet.group(self.group).children[found[1]] = None


def value_of(text: str) -> Any:
    """As a Python literal where it is one (`22`, `True`, `['a']`), else the text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return _plain(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(part) for part in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is ...:
        return "..."
    return str(value) if isinstance(value, complex) else value
