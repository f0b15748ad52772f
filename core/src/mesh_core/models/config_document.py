"""A file of settings that a person writes, as it lies there: what it says, on which line, and whether that fits.

Every refusal is `FILE:LINE: KEY: what to write instead`, of the kind that its reader names.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mesh_core.models.config_file import errors_in, first_error, not_yaml, problem_of
from mesh_core.models.saved_text import saved_text
from mesh_core.models.yaml_loader import SafeLoader, check_depth, duplicate_keys, line_of, nodes_in, parts_used_twice

MAX_CONFIG_BYTES = 1024 * 1024
Form = TypeVar("Form", bound=BaseModel)


class ConfigDocument:
    """One text. `source`: what people call it; `refusal`: raised for one that is no text, is no YAML or has a key
    twice: YAML takes the last, and what stands under the first would be gone silently. `above`: lines before it;
    `plain`: with no alias in it, either."""

    def __init__(
        self, raw: bytes | str, source: str, refusal: type[ValueError], *, above: int = 0, plain: bool = False
    ):
        self.source = source
        self.refusal = refusal
        self._above = above
        text = decoded(raw, source, refusal) if isinstance(raw, bytes) else raw
        try:
            check_depth(text)
            loader = SafeLoader(text)
            self.root = loader.get_single_node()
            # Before it is built: that writes what `<<` takes over into the nodes.
            misleading = [*duplicate_keys(self.root), *(parts_used_twice(self.root) if plain else ())]
            self.said: Any = loader.construct_document(self.root) if self.root and not misleading else None
        except (yaml.YAMLError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            raise self._refused(mark.line + 1 if mark else 1, not_yaml(error)) from None
        except ValueError as error:  # 2024-13-45 is read as a date
            raise self._refused(_line_of_odd(self.root), f"{error}; put it in quotes") from None
        if misleading:
            raise self._refused(*misleading[0])

    @classmethod
    def at(cls, path: Path, refusal: type[ValueError], most: int = MAX_CONFIG_BYTES) -> ConfigDocument:
        """The file, or an empty text where there is none."""
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise refusal(f"{path}: cannot be read: it is no regular file; put one in its place")
            with path.open("rb") as handle:
                raw = handle.read(most + 1)
        except FileNotFoundError:
            raw = b""
        except OSError as error:
            raise refusal(f"{path}: cannot be read: {error.strerror}") from None
        if len(raw) > most:
            raise refusal(f"{path}: larger than {most} bytes; make it shorter")
        return cls(raw, str(path), refusal)

    def fitted(self, form: type[Form]) -> Form:
        """What it says, in that form; the form's defaults for nothing."""
        try:
            return form.model_validate({} if self.said is None else self.said)
        except ValidationError as error:
            raise self.misfit(first_error(error), form=form) from None

    def misfits(self, form: type[BaseModel]) -> Iterator[ValueError]:
        """All that does not fit that form."""
        try:
            form.model_validate({} if self.said is None else self.said)
        except ValidationError as error:
            yield from (self.misfit(one, form=form) for one in errors_in(error))

    def misfit(
        self,
        error: ErrorDetails,
        within: Sequence[object] = (),
        part: str = "",
        form: type[BaseModel] | None = None,
    ) -> ValueError:
        """What does not fit, as a sentence with its line. `within`: where the part stands that it was found in, and
        `part`: what people call that; `form`: what it was to fit."""
        named = _NAMED.match(error["msg"])
        keys = named[1].rstrip(": ").split(": ") if named else []
        where = [*within, *error["loc"], *keys, *(part for key in keys for part in key.split("."))]
        return self.refused(where, part + problem_of(error, form).removeprefix("the file: "))

    def refused(self, where: Sequence[object], why: str) -> ValueError:
        """A refusal of what stands there, key by key."""
        return self.refusal(f"{self.source}:{self.line(where)}: {why}")

    def line(self, where: Sequence[object]) -> int:
        """Of the deepest part of that path that is there, from 1."""
        return line_of(self.root, [str(step) for step in where]) + self._above

    def _refused(self, line: int, why: str) -> ValueError:
        return self.refusal(f"{self.source}:{line + self._above}: {why}")


def decoded(raw: bytes, source: str, refusal: type[ValueError]) -> str:
    """As text: with a mark UTF-16 too, which some editors save."""
    try:
        return saved_text(raw).text
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refusal(f"{source}:{line}: it is not UTF-8 at byte {error.start}; save it as UTF-8") from None


def _line_of_odd(root: Any) -> int:
    """Where a value stands that looks like a date and is none."""
    loader = SafeLoader("")
    for node in nodes_in(root):
        try:
            loader.construct_object(node) if isinstance(node, yaml.ScalarNode) else None
        except ValueError:
            return int(node.start_mark.line) + 1
    return 1


# What a form's own rule says may begin with the keys that it is about: `modules: shell: cmd of ...`, `when.types: ...`.
_NAMED = re.compile(r"(?:Value error, )?((?:[a-z][\w.*-]*: )+)")
