"""What a command says of itself, out of the source of its module: what it works with is not imported.

Its options stand in its signature, so its help needs the few names that are used there, and no function's body.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_COMMANDS = Path(__file__).parent / "commands"
_CANNOT_RUN = ast.parse("raise NotImplementedError").body


def summary_of(module: str, name: str) -> str:
    """The first paragraph of that function's (or group's) help."""
    found = re.search(rf'^(?:def )?{name}\b.*?"""(.+?)(?:\n\n|""")', _source(module), re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def declaration_of(module: str, name: str) -> Any:
    """That function or group with all its options and its whole help. It cannot be run."""
    kept = list(_needed(ast.parse(_source(module)).body, name))[::-1]
    declared: dict[str, Any] = {"__name__": f"mend.commands.{module}"}
    exec(compile(ast.Module(kept, []), f"{module}.py", "exec"), declared)  # noqa: S102  our own, as an import does
    return declared[name]


def _source(module: str) -> str:
    return (_COMMANDS / f"{module}.py").read_text(encoding="utf-8")


def _needed(body: Sequence[ast.stmt], name: str) -> Iterator[ast.stmt]:
    """From the end on: whatever a statement needs stands above it."""
    wanted = {name, "annotations"}
    for statement in reversed(body):
        if isinstance(statement, ast.FunctionDef):
            statement.body = [*_docstring(statement), *_CANNOT_RUN]
            of_group = any(name in _used_in(decorator) for decorator in statement.decorator_list)
            needed = of_group or statement.name in wanted
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            statement.names = [one for one in statement.names if (one.asname or one.name) in wanted]
            needed = bool(statement.names)
        else:
            needed = not wanted.isdisjoint(_made_by(statement))
        if needed:
            wanted |= _used_in(statement)
            yield statement


def _made_by(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {one.id for one in targets if isinstance(one, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def _docstring(function: ast.FunctionDef) -> list[ast.stmt]:
    return function.body[:1] if ast.get_docstring(function) else []


def _used_in(part: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(part) if isinstance(node, ast.Name)}
