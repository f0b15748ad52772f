"""What Redis forgets after a week is kept line by line, and read again whatever happened to the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.proposals import ActionUpdate
from mesh_core.storage.event_files import blocks_of
from observer.archive.logbook import ATTEMPTS, UPDATES, Logbook, LogbookEntry, Noted, read_block

MS = 1_779_969_600_000
TS = "2026-05-28T12:00:00.000Z"


def attempt(detail: str = "") -> ModelAttempt:
    return ModelAttempt.model_validate(
        {
            **{"ts": TS, "event_id": "pi4/1-0", "model": "m", "provider": "llamacpp", "position": 1},
            **{"outcome": "ok", "latency_ms": 5, "detail": detail},
        }
    )


def update() -> ActionUpdate:
    told = {"ts": TS, "action_id": "plan-x", "from": "", "to": "pending", "type": "notify", "node": "pi4", "by": "me"}
    return ActionUpdate.model_validate(told)


def whole(path: Path) -> list[tuple[int, int, Noted]]:
    return [line for block, _ in blocks_of(path) for line in read_block(path.name, block)]


def test_lines_lie_in_the_day_of_their_entry_and_come_back(tmp_path: Path) -> None:
    book = Logbook(tmp_path / "events")
    (tmp_path / "events").mkdir()
    grown = book.keep(
        [
            LogbookEntry(ModelAttempt.stream, f"{MS}-0", attempt()),
            LogbookEntry(ModelAttempt.stream, f"{MS + 86_400_000}-3", attempt()),
            LogbookEntry(ActionUpdate.stream, f"{MS}-1", update()),
        ]
    )
    assert sorted(str(path.relative_to(tmp_path)) for path in grown) == [
        "events/2026-05-28/_attempts.jsonl",
        "events/2026-05-28/_updates.jsonl",
        "events/2026-05-29/_attempts.jsonl",
    ]
    assert whole(tmp_path / "events/2026-05-28" / UPDATES) == [(MS, 1, update())]
    assert whole(tmp_path / "events/2026-05-29" / ATTEMPTS) == [(MS + 86_400_000, 3, attempt())]


def test_a_line_that_a_crash_cut_short_costs_only_itself(tmp_path: Path) -> None:
    book = Logbook(tmp_path)
    (path,) = book.keep(
        [
            LogbookEntry(ModelAttempt.stream, f"{MS}-0", attempt()),
            LogbookEntry(ModelAttempt.stream, f"{MS}-1", attempt()),
        ]
    )
    with path.open("r+b") as handle:
        handle.truncate(path.stat().st_size - 20)
    assert [sequence for _, sequence, _ in whole(path)] == [0]
    book.keep([LogbookEntry(ModelAttempt.stream, f"{MS}-1", attempt("again"))])
    assert [(sequence, record) for _, sequence, record in whole(path)] == [(0, attempt()), (1, attempt("again"))]


def test_what_is_no_line_of_ours_is_left_out(tmp_path: Path) -> None:
    book = Logbook(tmp_path)
    (path,) = book.keep([LogbookEntry(ModelAttempt.stream, f"{MS}-0", attempt())])
    with path.open("ab") as handle:
        handle.write(b"\n[]\n{}\nnull\n\xff\xfe\n" + b"[" * 5000 + b'\n{"entry": "x-y", "record": {}}\n')
        handle.write(b'{"entry": "1-1", "record": {"ts": 7}}\n' + b"x" * 3_000_000 + b"\n")
    book.keep([LogbookEntry(ModelAttempt.stream, f"{MS}-1", attempt())])
    assert [sequence for _, sequence, _ in whole(path)] == [0, 1]


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "2026-05-28").mkdir()
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "2026-05-28" / ATTEMPTS).symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic link"):
        Logbook(tmp_path).keep([LogbookEntry(ModelAttempt.stream, f"{MS}-0", attempt())])
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_full_disk_is_told_and_leaves_what_was_there(tiny_disk: Path) -> None:
    book = Logbook(tiny_disk)
    kept: list[LogbookEntry] = []

    def until_it_is_full() -> None:
        for number in range(10_000):
            line = LogbookEntry(ModelAttempt.stream, f"{MS}-{number}", attempt("x" * 500))
            book.keep([line])
            kept.append(line)

    with pytest.raises(OSError, match="No space"):
        until_it_is_full()
    (path,) = tiny_disk.glob("*/*")
    assert len(whole(path)) == len(kept) > 0
