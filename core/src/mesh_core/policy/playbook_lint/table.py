"""modules.yml as data, and what an operator's policy adds to it. Judges no playbook.

A policy names modules and arguments; who checks them stays ours, and some things it cannot name at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

from mesh_core.models.yaml_loader import SafeLoader

Checker = str | tuple[object, ...]  # a name out of checkers.py, or the values that an argument may have
ANY_ARGUMENT = "*"

_FQCN = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")
_ARGUMENT = re.compile(r"[a-z][a-z0-9_]*")
_BUILTIN = "ansible.builtin."


@dataclass(frozen=True)
class Widened:
    """What is allowed beyond the table: arguments by module, and keywords of a task."""

    modules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class LeftOut:
    """What a model is not offered: modules, arguments of any, and listed values of any."""

    modules: frozenset[str]
    arguments: frozenset[str]
    values: frozenset[str]


@dataclass(frozen=True)
class Table:
    """modules.yml, read."""

    modules: Mapping[str, Mapping[str, Checker]]
    host_variables: frozenset[str]
    ours: Mapping[str, tuple[str, ...]]
    our_keywords: frozenset[str]
    never_modules: Mapping[str, str]
    never_arguments: Mapping[str, str]
    collections: tuple[str, ...]
    widened: Mapping[str, Checker]
    not_for_models: LeftOut


@dataclass(frozen=True)
class Words:
    """Of what templates may be made."""

    filters: frozenset[str]
    places: Mapping[str, int]  # of a filter: how many arguments it may take without a name
    tests: frozenset[str]
    keywords: frozenset[str]
    nodes: frozenset[str]
    facts: frozenset[str]
    taken_names: frozenset[str]

    @property
    def safe_names(self) -> frozenset[str]:
        """Names that a template may say although nobody declared them."""
        return _safe_names(self.facts)


@cache
def words() -> Words:
    """The shipped lists; the same object each time."""
    listed = dict(_read()["templates"])
    places = listed["filters"]
    return Words(places=places, **{name: frozenset(said) for name, said in listed.items()})


@cache
def _safe_names(facts: frozenset[str]) -> frozenset[str]:
    return frozenset({"ansible_managed", "inventory_hostname", "omit", *(f"ansible_{fact}" for fact in facts)})


@cache
def _read() -> dict[str, Any]:
    text = resources.files("mesh_core.policy.playbook_lint").joinpath("modules.yml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.load(text, Loader=SafeLoader)  # noqa: S506  (a SafeLoader)
    return read


@cache
def table() -> Table:
    """The shipped table; the same object each time."""
    read = _read()
    never, ours = read["never"], read["ours"]
    return Table(
        modules={name: _checkers(arguments) for name, arguments in read["modules"].items()},
        host_variables=frozenset(read["host_variables"]),
        ours={name: tuple(arguments) for name, arguments in ours["modules"].items()},
        our_keywords=frozenset(ours["keywords"]),
        never_modules=never["modules"],
        never_arguments={name: why for why, names in never["arguments"].items() for name in names},
        collections=tuple(never["collections"]),
        widened=_checkers(read["widened"]),
        not_for_models=LeftOut(**{name: frozenset(said) for name, said in read["not_for_models"].items()}),
    )


def full_name(module: str) -> str:
    """`copy` is Ansible's own copy; every other collection's modules are called by their full name."""
    return module if "." in module else _BUILTIN + module


def checker_for(module: str, argument: str, widened: Widened) -> tuple[Checker | None, bool]:
    """(who checks this argument, whether only the policy allows it); (None, False): nobody allows it."""
    own = table().modules.get(module, {})
    if checker := own.get(argument) or own.get(ANY_ARGUMENT):
        return checker, False
    if argument in widened.modules.get(module, ()) and widening_problem(module, argument) is None:
        return table().widened.get(argument, "data"), True
    return None, False


def widening_problem(module: str, argument: str | None = None) -> str | None:
    """Why no policy can allow this module or argument, as a sentence; None if one can."""
    if not _FQCN.fullmatch(module):
        return f"{module!r} is not a module's full name; write it as ansible.builtin.command"
    if why := table().never_modules.get(module):
        return f"{module} can never be allowed: {why}"
    whole = tuple(f"{name}." for name in table().collections)
    if module not in table().modules and not module.startswith(whole):
        more = ", ".join(name for name in table().modules if not name.startswith(whole))
        known = f"all of {', '.join(table().collections)}; of others {more}"
        return f"{module} can never be allowed: the executor does not have it (it has {known})"
    if argument is None:
        return None
    if not _ARGUMENT.fullmatch(argument):
        return f"{argument!r} is not an argument's name"
    if why := table().never_arguments.get(argument):
        return f"{argument} of {module} can never be allowed: {why}"
    return None


def _checkers(arguments: dict[str, Any]) -> dict[str, Checker]:
    return {name: tuple(who) if isinstance(who, list) else str(who) for name, who in arguments.items()}


NOTHING = Widened()
OURS = Widened(table().ours)
