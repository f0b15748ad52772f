"""Several streams are told as one, in the order of their entries, whatever the pages they come in."""

from __future__ import annotations

import random

import pytest

from mesh_core.messaging.bus import Page
from mesh_core.models.streams import entry_order
from observer.pipeline import merging
from observer.pipeline.merging import merged


@pytest.mark.parametrize("seed", range(20))
async def test_all_of_them_come_once_and_in_order(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(merging, "PAGE_ENTRIES", (1, chance.choice([1, 3, 50])))
    numbers = chance.sample(range(1, 1000), 120)
    streams: dict[str, list[str]] = {name: [] for name in ("a", "b", "c", "empty")}
    for number in numbers:
        streams[chance.choice("aab") if number < 900 else "c"].append(f"{number}-{number % 3}")
    positions = dict.fromkeys(streams, "") | {"a": "400-0"}

    async def read_page(stream: str, first: str, count: int) -> Page:
        after = entry_order(first[1:]) if first.startswith("(") else (0, 0)
        left = [one for one in sorted(streams[stream], key=entry_order) if entry_order(one) > after]
        return Page(tuple((one, stream.encode()) for one in left[:count]), len(left) <= count)

    told = [(entry.id, entry.stream) async for part in merged(read_page, positions) for entry in part]
    wanted = [
        (one, name) for name, ids in streams.items() for one in ids if entry_order(one) > entry_order(positions[name])
    ]
    assert told == sorted(wanted, key=lambda one: entry_order(one[0]))


async def test_nothing_is_nothing() -> None:
    async def read_page(stream: str, first: str, count: int) -> Page:
        raise AssertionError(stream)

    assert [part async for part in merged(read_page, {})] == []
