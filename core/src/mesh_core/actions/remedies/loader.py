"""A remedy's file to a Remedy, one with `ask` to a Recipe, or to one sentence: file, line, what to write instead.

One bad file is refused alone; the rest of its folder is read. Runs nothing and templates nothing.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Collection, Container
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.models.config_document import ConfigDocument
from mesh_core.models.config_file import first_error, looks_like

MAX_BYTES = 64 * 1024
SUFFIX = ".yml"
UNDO = "undo_"  # what takes back a remedy is called so, and then as the remedy
_NAME = re.compile(r"[a-z][a-z0-9_]{2,58}")  # as a proposal's `type` is written, with room for `undo_` before it


class BadRemedy(ValueError):
    """The file cannot be used; the text names the file, the line and what to write instead."""


@dataclass(frozen=True)
class Loaded:
    """What a folder held: remedies and recipes by name, and for each file that was refused, by its name, why."""

    remedies: dict[str, Remedy]
    recipes: dict[str, Recipe]
    refused: dict[str, str]


def load_remedies(folder: Traversable, taken: Container[str] = ()) -> Loaded:
    """Every remedy of the package's own folder, by name, in the order of the alphabet."""
    remedies: dict[str, Remedy] = {}
    recipes: dict[str, Recipe] = {}
    refused: dict[str, str] = {}
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        try:
            name, read = read_named(file.name, file.read_bytes(), taken)
        except BadRemedy as error:
            refused[file.name] = str(error)
        else:
            if isinstance(read, Recipe):
                recipes[name] = read
            else:
                remedies[name] = read
    return Loaded(remedies, recipes, refused)


def load_remedy(
    file: Path, taken: Container[str] = (), replaceable: Collection[str] = ()
) -> tuple[str, Remedy | Recipe]:
    """One file, by its own name. Raises BadRemedy."""
    return read_named(file.name, bytes_of(file), taken, replaceable)


def read_named(
    file_name: str, raw: bytes, taken: Container[str] = (), replaceable: Collection[str] = ()
) -> tuple[str, Remedy | Recipe]:
    """One file's bytes, by its name. `taken`: names of other actions; `replaceable`: which of them `replaces` may say.
    Raises BadRemedy."""
    name = name_of(file_name)
    remedy = read_any(raw, file_name, replaceable)
    if name in taken and remedy.replaces != name:
        instead = f", or write `replaces: {name}` in it" if name in replaceable else ""
        raise BadRemedy(f"{file_name}: there is an action of the name {name} already; give it another name{instead}")
    return name, remedy


def read_remedy(raw: bytes, source: str, replaceable: Collection[str] = ()) -> Remedy:
    """One file's bytes, of a remedy for events. Raises BadRemedy."""
    read = read_any(raw, source, replaceable)
    if isinstance(read, Recipe):
        raise BadRemedy(f"{source}: it has ask, so a person asks for it, and no event does")
    return read


def read_any(raw: bytes, source: str, replaceable: Collection[str] = ()) -> Remedy | Recipe:
    """One file's bytes: with `ask` it is a recipe. Raises BadRemedy."""
    if len(raw) > MAX_BYTES:
        raise BadRemedy(f"{source}: it has more than {MAX_BYTES} bytes; a remedy is a page of text")
    file = ConfigDocument(raw, source, BadRemedy, plain=True)
    form = Recipe if isinstance(file.said, dict) and "ask" in file.said else Remedy
    try:
        remedy: Remedy | Recipe = form.model_validate(file.said)
    except ValidationError as error:
        raise file.misfit(first_error(error)) from None
    if remedy.replaces and remedy.replaces not in replaceable:
        nearest = looks_like(remedy.replaces, replaceable)
        unknown = f"no shipped remedy is called {remedy.replaces}; see mend remedies list{nearest}"
        raise file.refused(("replaces",), f"replaces: {unknown}")
    return remedy


def line_of_part(raw: bytes, part: str) -> int:
    """Where `look`, `apply` or another part begins in the bytes of a good file, from 1; where it is not there, 1."""
    return ConfigDocument(raw, "", BadRemedy).line((part,))


def name_of(file_name: str) -> str:
    """The remedy's. Raises BadRemedy."""
    name = file_name.removesuffix(SUFFIX)
    if name == file_name or not _NAME.fullmatch(name):
        raise BadRemedy(f"{file_name[:80]}: a remedy's file is called NAME{SUFFIX}, its name of a-z, 0-9 and _")
    if name.startswith(UNDO):
        raise BadRemedy(f"{file_name}: {UNDO} begins the name of what takes a remedy back; give the file another name")
    return name


def bytes_of(file: Path, distrust: Callable[[os.stat_result], str] = lambda status: "") -> bytes:
    """Of a regular file; never blocks, follows no link. `distrust` says why a file of that status is not to be read, ''
    for nothing. Raises BadRemedy."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadRemedy(f"{file.name}: it is a link; put the file itself there") from None
        raise BadRemedy(f"{file.name}: it cannot be read: {error.strerror}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise BadRemedy(f"{file.name}: it is no regular file; take it away")
    with os.fdopen(descriptor, "rb") as handle:
        if why := distrust(status):
            raise BadRemedy(f"{file.name}: {why}")
        return handle.read(MAX_BYTES + 1)
