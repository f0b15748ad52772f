"""group_vars/ and host_vars/ beside an inventory: which files Ansible would read for whom, and what they say.

Reads regular files up to fixed bounds and opens no vault.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from mesh_core.policy.inventory.values import Unreadable, YamlText
from mesh_core.storage.file_stamp import stamp_of

GROUP_VARS, HOST_VARS = "group_vars", "host_vars"
MAX_FILES = 10_000  # one for each host of a large fleet, and some more
MAX_FILE_BYTES = 1024 * 1024
MAX_BYTES = 8 * 1024 * 1024
_MAX_DEPTH = 8
_ENDINGS = ("", ".yml", ".yaml", ".json")

# By the path from the inventory's folder: the bytes, or the reason why there are none.
VariableFiles = Mapping[str, "bytes | Unreadable"]
FileIndex = Mapping[tuple[str, str], list[str]]


class FilesTooLarge(Exception):
    """More than MAX_FILES or MAX_BYTES; the message says in which folder."""


def read_variable_files(folder: Path) -> VariableFiles:
    """All of them, of whatever group or host. FilesTooLarge."""
    found: dict[str, bytes | Unreadable] = {}
    left = MAX_BYTES
    for path in _files(folder):
        content = _read(path)
        found[path.relative_to(folder).as_posix()] = content
        left -= 0 if isinstance(content, Unreadable) else len(content)
        if len(found) > MAX_FILES or left < 0:
            raise FilesTooLarge(
                f"{folder}: more than {MAX_FILES} files or {MAX_BYTES} bytes in group_vars/ and host_vars/"
            )
    return found


def inventory_stamp(inventory: Path) -> object:
    """Differs when the inventory or one of them was made, changed or taken away; to be compared only."""
    beside = islice(_files(inventory.parent), MAX_FILES + 1)
    return stamp_of(inventory), tuple((str(path), stamp_of(path)) for path in beside)


def index_of(files: Iterable[str]) -> FileIndex:
    """By what lies right in group_vars/ or host_vars/: a file, or a folder with all that is in it, in order."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(files, key=lambda one: one.split("/")):
        kind, entry, *_ = path.split("/")
        found.setdefault((kind, entry), []).append(path)
    return found


def files_for(index: FileIndex, kind: str, name: str) -> list[str]:
    """Their paths, in the order in which they lie over each other: a folder of that name, or the first file."""
    return next((index[kind, name + ending] for ending in _ENDINGS if (kind, name + ending) in index), [])


def owner_of(path: str) -> tuple[str, str]:
    """(GROUP_VARS or HOST_VARS, the name that the file is for)."""
    kind, name, *below = path.split("/")
    return kind, name if below else _stem(name)


def variables_in(content: bytes | Unreadable, source: str) -> dict[str, Any]:
    """What a file says; `source` is what people call it. Unreadable."""
    if isinstance(content, Unreadable):
        raise Unreadable(f"{source}: {content}")
    text = YamlText(content, source)
    return {} if text.root is None else text.variables(text.root)


def _stem(name: str) -> str:
    return next((name.removesuffix(ending) for ending in _ENDINGS[1:] if name.endswith(ending)), name)


def _files(folder: Path) -> Iterator[Path]:
    for kind in (GROUP_VARS, HOST_VARS):
        yield from _below(folder / kind, 0)


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """As Ansible looks: hidden and backup files are none, other endings neither, and folders below one have no dot."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return
    for name in names:
        path = folder / name
        if name.startswith(".") or name.endswith("~"):
            continue
        ending = os.path.splitext(name)[1]  # noqa: PTH122  (".x" has none, as for Ansible)
        if path.is_dir():
            if depth < _MAX_DEPTH and (not depth or not ending):
                yield from _below(path, depth + 1)
        elif ending in _ENDINGS or not depth:
            yield path


def _read(path: Path) -> bytes | Unreadable:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as handle:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return Unreadable("it is no regular file")
            content = handle.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return Unreadable(f"it cannot be read ({error.strerror})")
    return Unreadable(f"it is larger than {MAX_FILE_BYTES} bytes") if len(content) > MAX_FILE_BYTES else content
