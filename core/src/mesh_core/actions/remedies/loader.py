"""A remedy's file to a Remedy, or to one sentence with file and line that says what to write instead.

One bad file is refused alone; the rest of its folder is read. Runs nothing and templates nothing.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.models.config_file import first_problem, not_yaml
from mesh_core.models.yaml_loader import SafeLoader

MAX_BYTES = 64 * 1024
MAX_FILES = 1000  # of one folder that are read
SUFFIX = ".yml"
_NAME = re.compile(r"[a-z][a-z0-9_]{2,63}")  # as a proposal's `type` is written
_PART = re.compile(r"([a-z_]+(?:\.[a-z0-9_]+)*): ")


class BadRemedy(ValueError):
    """The file cannot be used; the text names the file, the line and what to write instead."""


@dataclass(frozen=True)
class Loaded:
    """What a folder held: remedies by name, and a sentence for each file that was refused."""

    remedies: dict[str, Remedy]
    problems: tuple[str, ...]


def load_remedies(folder: Path | Traversable, taken: Container[str] = ()) -> Loaded:
    """Every remedy of a folder, by name, in the order of the alphabet. `taken`: names of other action types.

    A folder that is not there holds none.
    """
    remedies: dict[str, Remedy] = {}
    problems: list[str] = []
    if not folder.is_dir():
        return Loaded({}, ())
    files = sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=lambda one: one.name)
    if len(files) > MAX_FILES:
        problems.append(
            f"{folder}: it holds {len(files)} files, and only the first {MAX_FILES} are read; move some away"
        )
    for file in files[:MAX_FILES]:
        try:
            remedies[_name_of(file.name, taken)] = read_remedy(_bytes_of(file), file.name)
        except BadRemedy as error:
            problems.append(str(error))
    return Loaded(remedies, tuple(problems))


def load_remedy(file: Path, taken: Container[str] = ()) -> tuple[str, Remedy]:
    """One file, by its own name. Raises BadRemedy."""
    return _name_of(file.name, taken), read_remedy(_bytes_of(file), file.name)


def read_remedy(raw: bytes, source: str) -> Remedy:
    """One file's bytes. Raises BadRemedy."""
    if len(raw) > MAX_BYTES:
        raise BadRemedy(f"{source}: it has more than {MAX_BYTES} bytes; a remedy is a page of text")
    try:
        loader = SafeLoader(raw.decode("utf-8"))
        node = loader.get_single_node()
        if problem := next(_node_problems(node), ""):
            raise BadRemedy(f"{source}:{problem}")
        said = loader.construct_document(node) if node else None
    except UnicodeDecodeError as error:
        raise BadRemedy(f"{source}: it is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, BadRemedy):
            raise
        mark = getattr(error, "problem_mark", None)
        raise BadRemedy(f"{source}:{mark.line + 1 if mark else 1}: {not_yaml(error)}") from None
    try:
        return Remedy.model_validate(said)
    except ValidationError as error:
        problem = first_problem(error).removeprefix("the file: ")
        where = [str(part) for part in error.errors(include_url=False, include_context=False)[0]["loc"]]
        if not where and (part := _PART.match(problem)):  # of what does not hold together: the part is in the words
            where = part[1].split(".")
        raise BadRemedy(f"{source}:{_line_of(node, where)}: {problem}") from None


def _name_of(file_name: str, taken: Container[str]) -> str:
    name = file_name.removesuffix(SUFFIX)
    if name == file_name or not _NAME.fullmatch(name):
        raise BadRemedy(f"{file_name[:80]}: a remedy's file is called NAME{SUFFIX}, its name of a-z, 0-9 and _")
    if name in taken:
        raise BadRemedy(f"{file_name}: there is an action of the name {name} already; give the file another name")
    return name


def _bytes_of(file: Path | Traversable) -> bytes:
    try:
        with file.open("rb") as handle:
            return handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadRemedy(f"{file.name}: it cannot be read: {error.strerror}") from None


def _node_problems(root: Any) -> Iterator[str]:
    """What YAML takes and means otherwise than it looks: a key that is there twice, a part that stands elsewhere."""
    seen: set[int] = set()
    todo = [root] if root else []
    while todo:
        node = todo.pop()
        if id(node) in seen:
            yield f"{node.start_mark.line + 1}: it uses an alias (*name); write that part out once more"
            return
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if key.value in keys:
                    yield f"{key.start_mark.line + 1}: {key.value} stands there twice; take one out"
                keys.add(str(key.value))
                todo.append(value)


def _line_of(root: Any, path: list[str]) -> int:
    """Of the deepest part of that path that is there."""
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
