"""A table that fits the terminal: what one needs to act is never cut; the least important columns go first. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

GAP = 2
NARROWEST_PROSE = 24


@dataclass(frozen=True)
class Column:
    """`spare` 0 stays always; the highest goes first. `prose` may wrap and takes what is left over."""

    title: str
    spare: int = 0
    right: bool = False
    prose: bool = False


def fits(columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int) -> bool:
    """Has a terminal of `width` characters room for every column that always stays?"""
    always = [n for n, column in enumerate(columns) if column.spare == 0]
    return _needed(always, columns, _natural(columns, rows)) <= width


def laid_out(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Text]],
    width: int,
    as_lines: Callable[[Sequence[Text]], Group],
) -> Iterator[Table | Group]:
    """The table where the columns that always stay have room, else each row as lines: what to print, in order."""
    if fits(columns, rows, width):
        yield listing(columns, rows, width)
    else:
        yield from map(as_lines, rows)


def in_lines(head: Sequence[Text], tail: Text) -> Group:
    """A row where its columns have no room: what it is about, and below that, indented, the rest; both may wrap."""
    below = Padding(tail, (0, 0, 0, 2), expand=False)
    return Group(Text("  ").join(head), below) if head else Group(below)


def beside(label: Text, prose: Text, width: int) -> Table | Group:
    """Prose that wraps at words under itself, beside its label; under it where that leaves no room."""
    if label.cell_len + NARROWEST_PROSE > width:
        head = label.copy()
        head.rstrip()
        return in_lines([head] if head else [], prose)
    table = Table.grid(padding=0)
    table.add_column(width=label.cell_len, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(label, prose)
    return table


def listing(columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int) -> Table:
    """The table for a terminal of `width` characters."""
    natural = _natural(columns, rows)
    kept = list(range(len(columns)))
    while len(kept) > 1 and _needed(kept, columns, natural) > width:
        goes = max(kept, key=lambda n: columns[n].spare)
        if columns[goes].spare == 0:
            break
        kept.remove(goes)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
    for n in kept:
        column = columns[n]
        table.add_column(
            column.title,
            no_wrap=not column.prose,
            min_width=None if column.prose else natural[n],
            justify="right" if column.right else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(row[n] for n in kept))
    return table


def _natural(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> list[int]:
    return [max(len(column.title), *(row[n].cell_len for row in rows), 0) for n, column in enumerate(columns)]


def _needed(kept: Sequence[int], columns: Sequence[Column], natural: Sequence[int]) -> int:
    widths = [min(natural[n], NARROWEST_PROSE) if columns[n].prose else natural[n] for n in kept]
    return sum(widths) + GAP * len(widths)
