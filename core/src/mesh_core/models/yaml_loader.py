"""The one parser for the YAML of inventories, playbooks, remedies and settings, as Ansible: two could read two things
out of one text. And what writes playbooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

# libyaml where PyYAML has it, as in Ansible: the one in Python refuses tabs that Ansible reads. Which of
# the two it is, is known only when it runs.
SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Reads texts only: `on`, `no` and 1 are words.
BaseLoader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
# Five times as fast. It folds some long lines elsewhere than the one in Python: one text, other bytes.
SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

MAX_DEPTH = 100  # collections in collections


def check_depth(text: str) -> None:
    """Before anything is built: libyaml's composer has no bound of its own, and ends the process at some 50,000.
    Raises RecursionError beyond MAX_DEPTH, and YAMLError."""
    for _ in events_within(text, MAX_DEPTH):
        pass


def events_within(text: str, most: int) -> Iterator[yaml.Event]:
    """What a parser meets, one after the other. Raises RecursionError at the first that is deeper, and YAMLError."""
    depth = 0
    for event in yaml.parse(text, Loader=SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > most:
                raise RecursionError(f"nested deeper than {most}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        yield event


def line_of(root: Any, path: Sequence[str]) -> int:
    """The line, from 1, of the deepest part of that path of keys and places that is there. `root`: from compose."""
    node, line = root, 1
    for word in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == word), None)
            if found:
                line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and word.isdigit() and int(word) < len(node.value):
            node = node.value[int(word)]
            line = node.start_mark.line + 1
    return line


def parts_used_twice(root: Any) -> Iterator[tuple[int, str]]:
    """(line, what to do about it), for the first part that an alias names."""
    seen: set[int] = set()
    todo = [root] if root else []
    while todo:
        node = todo.pop()
        if id(node) in seen:
            yield node.start_mark.line + 1, "it uses an alias (*name); write that part out once more"
            return
        seen.add(id(node))
        todo += _parts_of(node)


def duplicate_keys(root: Any) -> Iterator[tuple[int, str]]:
    """(line, what stands there twice)."""
    for node in nodes_in(root):
        keys: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if str(key.value) in keys:
                yield key.start_mark.line + 1, f"{key.value} stands there twice; take one out"
            keys.add(str(key.value))


def nodes_in(root: Any) -> Iterator[Any]:
    """Each node but keys once, however often an alias names it."""
    seen: set[int] = set()
    todo = [root] if root else []
    while todo:
        node = todo.pop()
        if id(node) not in seen:
            seen.add(id(node))
            todo += _parts_of(node)
            yield node


def _parts_of(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [value for _, value in node.value]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
