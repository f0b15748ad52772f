"""What rooms of facts put into an event is what a person may name in a remedy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from mesh_core.incidents.known_facts import FACTS
from node_agent import investigation


def keys_of(tree: ast.AST) -> Iterator[str]:
    """What is written to `facts["KEY"]`, and the keys of a dict that `facts` begins with."""
    for node in ast.walk(tree):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            named = target.value if isinstance(target, ast.Subscript) else target
            if not (isinstance(named, ast.Name) and named.id == "facts"):
                continue
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                yield str(target.slice.value)
            elif isinstance(value := getattr(node, "value", None), ast.Dict):
                yield from (str(key.value) for key in value.keys if isinstance(key, ast.Constant))


def test_every_fact_that_a_room_tells_has_a_name_that_is_known() -> None:
    known = {fact for facts in FACTS.values() for fact in facts}
    files = sorted(Path(investigation.__path__[0]).glob("*.py"))
    told = {key for file in files for key in keys_of(ast.parse(file.read_text()))}
    assert len(told) >= 30
    assert told <= known, "name it in mesh_core/incidents/known_facts.py"
