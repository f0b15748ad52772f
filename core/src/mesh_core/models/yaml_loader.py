"""The one parser for the YAML of inventories, playbooks, remedies and settings, as Ansible: two could read two things
out of one text. And what writes playbooks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from mesh_core.models.config_file import not_yaml

# libyaml where PyYAML has it, as in Ansible: the one in Python refuses tabs that Ansible reads. Which of
# the two it is, is known only when it runs.
SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Reads texts only: `on`, `no` and 1 are words.
BaseLoader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
# Five times as fast. It folds some long lines elsewhere than the one in Python: one text, other bytes.
SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

MAX_DEPTH = 100  # collections in collections


class BadYaml(ValueError):
    """A file of settings is no YAML, or is taken otherwise than it looks; one sentence, with the line."""


def settings_in(raw: bytes | str) -> Any:
    """What a file of settings says, None for nothing. Raises BadYaml.

    A key that is there twice is refused: YAML takes the last, and what stands under the first would be gone silently.
    """
    try:
        text = raw.decode(json.detect_encoding(raw[:4])) if isinstance(raw, bytes) else raw  # with a mark, UTF-16 too
        check_depth(text)
        loader = SafeLoader(text)
        root = loader.get_single_node()
        if twice := next(doubled_keys(root), ""):
            raise BadYaml(f"line {twice}")
        return loader.construct_document(root) if root else None
    except UnicodeDecodeError as error:
        raise BadYaml(f"it is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise BadYaml(f"line {mark.line + 1}: {not_yaml(error)}" if mark else not_yaml(error)) from None


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


def node_problems(root: Any) -> Iterator[str]:
    """What YAML takes and means otherwise than it looks: a key that is there twice, a part that stands elsewhere."""
    yield from doubled_keys(root)
    seen: set[int] = set()
    todo = [root] if root else []
    while todo:
        node = todo.pop()
        if id(node) in seen:
            yield f"{node.start_mark.line + 1}: it uses an alias (*name); write that part out once more"
            return
        seen.add(id(node))
        todo += _parts_of(node)


def doubled_keys(root: Any) -> Iterator[str]:
    """`LINE: what stands there twice`."""
    seen: set[int] = set()
    todo = [root] if root else []
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        todo += _parts_of(node)
        keys: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if str(key.value) in keys:
                yield f"{key.start_mark.line + 1}: {key.value} stands there twice; take one out"
            keys.add(str(key.value))


def _parts_of(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [value for _, value in node.value]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
