"""Names as numbers and back: the index holds each word once. Works inside somebody's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from observer.index.tables import words

PIECE = 500  # values in one IN (...)
KNOWN_WORDS = 20_000

T = TypeVar("T")


class StringIds:
    """Remembers numbers between transactions; `forget` when one of these is rolled back."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {}

    def forget(self) -> None:
        self._words.clear()

    def numbers(self, connection: Connection, wanted: set[str]) -> dict[str, int]:
        """The number of each word, made where it has none."""
        if len(self._words) > KNOWN_WORDS:
            self._words.clear()
        unknown = sorted(wanted - self._words.keys())
        if unknown:
            connection.execute(insert(words).on_conflict_do_nothing(), [{"text": word} for word in unknown])
            for piece in pieces(unknown):
                for row in connection.execute(select(words.c.text, words.c.id).where(words.c.text.in_(piece))):
                    self._words[row.text] = row.id
        return {word: self._words[word] for word in wanted}


def texts_of(connection: Connection, numbers: Iterable[int | None]) -> dict[int, str]:
    """The words behind numbers."""
    found: dict[int, str] = {}
    for piece in pieces(sorted({n for n in numbers if n is not None})):
        found |= {row.id: row.text for row in connection.execute(select(words).where(words.c.id.in_(piece)))}
    return found


def pieces(values: Iterable[T]) -> Iterator[list[T]]:
    """Lists of at most PIECE values."""
    walk = iter(values)
    while piece := list(islice(walk, PIECE)):
        yield piece
