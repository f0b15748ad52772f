"""What several streams hold, as one, in the order of their entries. Reads only; keeps a page of each at most."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from mesh_core.messaging.bus import Page
from mesh_core.messaging.group_commands import Entry
from mesh_core.models.streams import entry_order

MOST_AT_ONCE = 5000  # entries of all streams together
PAGE_ENTRIES = (50, 500)  # of one, the least and the most
ReadPage = Callable[[str, str, int], Awaitable[Page]]


@dataclass
class _Reading:
    """One stream: where its next page begins, and what of the last one is not told yet."""

    stream: str
    first: str
    ended: bool = False
    entries: list[Entry] = field(default_factory=list)

    async def read(self, read_page: ReadPage, count: int) -> None:
        rows, self.ended = await read_page(self.stream, self.first, count)
        self.entries = [Entry(self.stream, *row) for row in rows]
        self.first = f"({rows[-1][0]}" if rows else self.first

    def taken(self, until: tuple[int, int] | None) -> list[Entry]:
        """What comes no later than that; all of it for None."""
        ready = [entry for entry in self.entries if until is None or entry_order(entry.id) <= until]
        self.entries = self.entries[len(ready) :]
        return ready


async def merged(read_page: ReadPage, positions: Mapping[str, str]) -> AsyncIterator[list[Entry]]:
    """All that lies behind the position of each stream (`""`: from its beginning on), in parts and in order.

    What is written meanwhile may be missing. Raises what `read_page` does.
    """
    open_ones = [_Reading(stream, f"({position}" if position else "-") for stream, position in positions.items()]
    least, most = PAGE_ENTRIES
    count = min(most, max(least, MOST_AT_ONCE // max(1, len(open_ones))))
    while open_ones:
        for one in open_ones:
            if not one.entries:
                await one.read(read_page, count)
        # Of a stream that goes on nobody knows what comes behind its page.
        until = min(
            (entry_order(one.entries[-1].id) for one in open_ones if not one.ended and one.entries), default=None
        )
        ready = [entry for one in open_ones for entry in one.taken(until)]
        yield sorted(ready, key=lambda entry: entry_order(entry.id))
        open_ones = [one for one in open_ones if one.entries or not one.ended]
