"""What a playbook's text gives to each name, for arguments that become words of a command line on the host.

Such a word must not begin with `-` nor hold quotes or spaces. So a template in it may only look up, and only what the
text itself says as literals, what a host says of itself, or what the inventory says: never what was registered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.policy.playbook_lint.jinja_text import is_template, parsed
from mesh_core.policy.playbook_lint.shell_words import UNKNOWN
from mesh_core.policy.playbook_lint.table import table, words
from mesh_core.policy.playbook_lint.yaml_text import Literal

Assignments = Mapping[str, list[Any]]
MAX_LOOKED_AT = 2000  # values for one argument
MAX_TEXTS = 200  # that one template may come to
MAX_FILLED_IN = 4096  # characters of a template that is filled in; a longer one keeps its names
_DEPTH = 4  # templates that name templates
_UNKNOWN = object()
_ANY_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_INSTEAD = frozenset({"default", "d", "ternary"})
_NAME_ALONE = re.compile(r"\s*\{\{\s*([A-Za-z][A-Za-z0-9_]*)\s*\}\}\s*")
_HEAD = "x"  # a first letter that every pattern takes
_WHY = "here a template may only look up plain words that vars or loop say as literals: it becomes a word of a command"


def assignments_in(plays: Any) -> dict[str, list[Any]]:
    """Each name -> all that is given to it anywhere in the text; `_UNKNOWN` among it if a task registers it."""
    found: dict[str, list[Any]] = {}
    todo = list(plays) if isinstance(plays, list) else []
    while todo:
        part = todo.pop()
        if not isinstance(part, dict):
            continue
        for word, value in part.items():
            if word in ("vars", "set_fact", "ansible.builtin.set_fact", "args") and isinstance(value, dict):
                for name, one in value.items():
                    found.setdefault(str(name), []).append(one)
            elif word == "register":
                found.setdefault(str(value), []).append(_UNKNOWN)
            elif isinstance(value, list) and word != "loop":
                todo += value
        if "loop" in part:
            control = part.get("loop_control")
            control = control if isinstance(control, dict) else {}
            loop = part["loop"]
            found.setdefault(str(control.get("loop_var", "item")), []).extend(
                loop if isinstance(loop, list) else [_Each(str(loop))]
            )
            found.setdefault(str(control.get("index_var", "")), []).append(0)
    return found


class _Each(str):
    """A template that gives a list: the name is each of its parts."""

    __slots__ = ()


def lookups_problem(text: str, assigned: Assignments, pattern: re.Pattern[str]) -> str | None:
    """Of a template that was judged already: can anything come out that `pattern` would not take as a literal?"""
    before = ""  # what a value must be good behind: nothing at the very beginning
    for output in parsed(text).body:
        for node in getattr(output, "nodes", [output]):
            if type(node).__name__ == "TemplateData":
                fits = pattern.fullmatch(before + node.data) is not None
            else:
                values = list(_values(node, assigned))
                fits = len(values) <= MAX_LOOKED_AT and all(_fits(value, before, pattern) for value in values)
            if not fits:
                return _WHY
            before = _HEAD
    return None


def texts_of(text: str, assigned: Assignments, depth: int = _DEPTH) -> list[str]:
    """What a template may come to by what the text gives to its names; UNKNOWN where only a run knows.

    For people who look; it refuses nothing. Filters are passed over, and of many texts the first MAX_TEXTS are given,
    and UNKNOWN.
    """
    if not is_template(text):
        return [text]
    if len(text) > MAX_FILLED_IN or not depth:
        return [_ANY_TEMPLATE.sub(UNKNOWN, text)]
    try:
        body = parsed(text).body
    except Exception:  # noqa: BLE001  (the judge has said already that nobody can read it)
        return [UNKNOWN]
    found = [""]
    for output in body:
        for node in getattr(output, "nodes", [output]):
            found = [before + more for more in _texts(node, assigned, depth) for before in found]
            found = _bounded(found)
    return found


def _texts(node: Any, assigned: Assignments, depth: int) -> list[str]:
    kind = type(node).__name__
    if kind == "TemplateData":
        return [str(node.data)]
    if kind == "Const":
        return [str(node.value)]
    if kind in ("Concat", "Add"):
        found = [""]
        for part in node.nodes if kind == "Concat" else (node.left, node.right):
            found = [before + more for more in _texts(part, assigned, depth) for before in found]
            found = _bounded(found)
        return found
    if kind == "CondExpr":
        return [text for part in (node.expr1, node.expr2) if part is not None for text in _texts(part, assigned, depth)]
    if kind == "Filter" and node.node is not None and node.name not in ("b64decode", "replace", "reverse"):
        instead = [text for one in node.args for text in _texts(one, assigned, depth)] if node.name in _INSTEAD else []
        return _bounded([*_texts(node.node, assigned, depth), *instead])
    found = []
    for value in _values(node, assigned):
        if isinstance(value, str) and not isinstance(value, _Each):
            found += [value] if isinstance(value, Literal) else texts_of(value, assigned, depth - 1)
        elif isinstance(value, list):
            found.append(" ".join(map(str, value)))
        else:
            found.append(str(value) if isinstance(value, int | float) else UNKNOWN)
    return _bounded(found) or [UNKNOWN]


def _bounded(texts: list[str]) -> list[str]:
    return texts if len(texts) <= MAX_TEXTS else [*texts[:MAX_TEXTS], UNKNOWN]


def _fits(value: Any, before: str, pattern: re.Pattern[str]) -> bool:
    todo = [value]
    while todo:
        part = todo.pop()
        if isinstance(part, list):
            todo += part
        elif isinstance(part, str):
            if _is_template(part) or not pattern.fullmatch(before + part):
                return False
        elif not isinstance(part, int | float | None) or (isinstance(part, int | float) and part < 0):
            return False
    return True


def _values(node: Any, assigned: Assignments) -> Iterator[Any]:
    """All that a plain lookup may give; `_UNKNOWN` for anything else."""
    kind = type(node).__name__
    if kind == "Name" and node.name in assigned:
        for value in assigned[node.name]:
            yield from _each(value, assigned) if isinstance(value, _Each) else [value]
    elif kind == "Name" and (node.name in words().safe_names or node.name in table().host_variables):
        return
    elif kind == "Filter" and node.name in ("default", "d") and len(node.args) == 1 and not node.kwargs:
        yield from _values(node.node, assigned)
        yield from [node.args[0].value] if type(node.args[0]).__name__ == "Const" else _values(node.args[0], assigned)
    elif kind in ("Getattr", "Getitem"):
        if type(node.node).__name__ == "Name" and node.node.name == "ansible_facts":
            return
        key = node.attr if kind == "Getattr" else getattr(node.arg, "value", _UNKNOWN)
        for value in _values(node.node, assigned):
            yield from _at(value, key)
    else:
        yield _UNKNOWN


def _each(text: str, assigned: Assignments) -> Iterator[Any]:
    """One step only: a loop over a name whose value is written out."""
    name = _NAME_ALONE.fullmatch(text)
    for value in assigned.get(name[1], [_UNKNOWN]) if name else [_UNKNOWN]:
        yield from value if isinstance(value, list) else [_UNKNOWN]


def _at(value: Any, key: Any) -> Iterator[Any]:
    if key is _UNKNOWN:
        yield key
    elif isinstance(value, dict):
        if key in value:
            yield value[key]
    elif isinstance(value, list) and type(key) is int:
        yield from value  # whichever it is
    else:
        yield _UNKNOWN


def _is_template(text: str) -> bool:
    return not isinstance(text, Literal) and is_template(text)
