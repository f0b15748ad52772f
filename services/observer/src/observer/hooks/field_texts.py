"""The texts of a body by what their keys mean: the nearest to the top of each. Pure; judges none of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mesh_core.models.owner_labels import bare_key
from observer.hooks.body_texts import texts_of
from observer.hooks.field_names import ENDS_OF_TITLES, TITLES
from observer.hooks.foreign_keys import english_of
from observer.hooks.no_names import MOST_NAME_CHARS, is_no_name

LETTERS = re.compile(r"[^\W\d_]{3}")


@dataclass(frozen=True)
class FieldTexts:
    """Of one alert's body."""

    body: Mapping[str, Any]

    @cached_property
    def title(self) -> str:
        """The first line of what a person would read first: of a key that is listed, else of one that ends like one."""
        ends = (text for key, text in self.texts.items() if key.endswith(ENDS_OF_TITLES) and LETTERS.search(text))
        said = self.first(TITLES) or next(ends, "")
        return next(iter(said.strip().splitlines()), "")[:300]

    def told_by(self, *keys: str) -> list[str]:
        return [self.texts[key] for key in keys if self.texts.get(key)]

    def first(self, keys: tuple[str, ...]) -> str:
        return next((text for key in keys if (text := self.texts.get(key, "").strip())), "")

    @cached_property
    def texts(self) -> dict[str, str]:
        return self.nearest(bare_key)

    @cached_property
    def said(self) -> tuple[tuple[str, str], ...]:
        return tuple((english_of(key), text) for key, text in texts_of(self.body))

    def nearest(self, folded: Callable[[str], str]) -> dict[str, str]:
        """The text of each key, in that form of it: of several the one that lies nearest to the top."""
        found: dict[str, str] = {}
        for key, text in self.said:
            found.setdefault(folded(key), text)
        return found

    def named_by(self, keys: tuple[str, ...]) -> str:
        told = (first_line(self.texts.get(key, "")) for key in keys)
        return next((text for text in told if text and len(text) <= MOST_NAME_CHARS and not is_no_name(text)), "")

    def own_text(self, keys: Iterable[str]) -> str:
        """The first of these that lies at the top."""
        own = {bare_key(key): text for key, text in self.body.items() if isinstance(text, str)}
        return next((own[key] for key in keys if own.get(key)), "")


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip()


def snake(key: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()).strip("_")
