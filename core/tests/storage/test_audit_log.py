"""The chain: what was written is accepted, and no change of it is, wherever somebody makes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.storage.audit_log import DAMAGE, HEALED, AuditLine, BadLine, Head, head_in, read_line, sealed, verify

NOW = "2026-05-05T12:00:00.000Z"
TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)
SAID = st.fixed_dictionaries(
    {
        "who": TEXT,
        "how": st.sampled_from(["web", "mend", "mv"]),
        "what": st.sampled_from(["approve", "reject", "login"]),
    },
    optional={"reason": TEXT, "address": TEXT, "action_id": TEXT, "from": TEXT, "to": TEXT},
)


def written(said: list[dict[str, Any]]) -> tuple[list[bytes], list[Head]]:
    """The lines of a log, and the head after each."""
    head, lines, heads = Head(), [], []
    for one in said:
        line = sealed(head, {"ts": NOW, "at": NOW, **one})
        head = Head(line.seq, line.hash)
        lines.append(line.wire() + b"\n")
        heads.append(head)
    return lines, heads


LOGS = st.lists(SAID, min_size=2, max_size=6).map(written)


@given(LOGS)
def test_what_was_written_is_accepted_and_reads_back_as_it_was(log: tuple[list[bytes], list[Head]]) -> None:
    lines, heads = log
    verdict = verify(lines, [("a note", heads[-1]), ("an older note", heads[0])])
    assert verdict.problems == ()
    assert (verdict.lines, verdict.head) == (len(lines), heads[-1])
    assert [read_line(raw[:-1]).wire() + b"\n" for raw in lines] == lines


@given(LOGS, st.data())
@settings(max_examples=3 * settings.default.max_examples)
def test_any_changed_byte_is_found_and_its_line_named(log: tuple[list[bytes], list[Head]], data: st.DataObject) -> None:
    lines, _ = log
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number]) - 2))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte not in (lines[number][at], 10)))
    changed = lines[number][:at] + bytes([other]) + lines[number][at + 1 :]
    verdict = verify([*lines[:number], changed, *lines[number + 1 :]])
    assert verdict.first_bad == number + 1


@given(LOGS, st.data())
def test_a_line_taken_out_put_in_or_moved_is_found(log: tuple[list[bytes], list[Head]], data: st.DataObject) -> None:
    lines, heads = log
    number = data.draw(st.integers(0, len(lines) - 1))
    anchors = [("a note", heads[-1])]
    without = [*lines[:number], *lines[number + 1 :]]
    assert verify(without, anchors).problems
    assert verify([*lines[:number], lines[0], *lines[number:]], anchors).problems
    if number:
        swapped = lines.copy()
        swapped[number - 1], swapped[number] = swapped[number], swapped[number - 1]
        assert verify(swapped).problems


@given(LOGS, st.data())
def test_a_whole_forged_history_does_not_fit_an_end_that_was_noted(
    log: tuple[list[bytes], list[Head]], data: st.DataObject
) -> None:
    lines, heads = log
    number = data.draw(st.integers(0, len(lines) - 1))
    said = [{k: v for k, v in json.loads(raw).items() if k not in ("seq", "prev", "hash")} for raw in lines]
    said[number]["who"] += "!"
    forged, _ = written(said)
    assert verify(forged).problems == ()  # the chain alone cannot know
    assert verify(forged, [("a note", heads[-1])]).problems


@given(LOGS)
def test_an_end_that_was_cut_off_is_found_by_what_was_noted_elsewhere(log: tuple[list[bytes], list[Head]]) -> None:
    lines, heads = log
    verdict = verify(lines[:-1], [("Redis", heads[-1])])
    assert verdict.problems
    assert "Redis" in verdict.problems[0]
    assert "cut off" in verdict.problems[0]
    assert verify([], [("Redis", heads[-1])]).problems


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_no_bytes_at_all_make_it_fail(pieces: list[bytes]) -> None:
    verdict = verify([piece + b"\n" for piece in pieces])
    assert bool(verdict.problems) == bool(pieces)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[" * 100_000, b"null", b'{"seq":1}', b'{"a":' + b"9" * 5000 + b"}", b"\xff\xfe", b"x" * 70_000],
)
def test_what_is_no_line_is_refused_with_a_sentence(raw: bytes) -> None:
    with pytest.raises(BadLine):
        read_line(raw)


def test_the_same_words_in_another_order_or_with_blanks_are_not_the_same_line() -> None:
    line = sealed(Head(), {"ts": NOW, "at": NOW, "who": "ada", "how": "web", "what": "approve"})
    again = json.loads(line.wire())
    with pytest.raises(BadLine, match="not the bytes"):
        read_line(json.dumps(again).encode())
    with pytest.raises(BadLine):
        read_line(line.wire()[:-1] + b',"seq":1}')


def test_a_gap_that_the_observer_saw_stays_a_problem_and_a_healed_piece_is_only_a_note() -> None:
    lines, heads = written([{"who": "ada", "how": "web", "what": "approve"}] * 2)
    said = {"ts": NOW, "at": NOW, "who": "observer", "how": "observer"}
    gap = sealed(heads[-1], {**said, "what": DAMAGE, "reason": "3 to 9 are missing"}, seq=10)
    verdict = verify([*lines, gap.wire() + b"\n"])
    assert verdict.first_bad == 3
    assert "3 to 9" in verdict.problems[0]
    healed = sealed(heads[-1], {**said, "what": HEALED, "reason": "12 bytes"})
    verdict = verify([*lines, healed.wire() + b"\n"])
    assert verdict.problems == ()
    assert verdict.notes == ("line 3: 12 bytes",)


def test_a_line_without_its_end_is_named() -> None:
    lines, _ = written([{"who": "ada", "how": "web", "what": "approve"}] * 2)
    verdict = verify([lines[0], lines[1][:-5]])
    assert verdict.first_bad == 2
    assert "cut short" in verdict.problems[0]


@given(st.integers(1, 10**17), st.binary(min_size=32, max_size=32))
def test_a_noted_end_reads_back(seq: int, raw: bytes) -> None:
    head = Head(seq, raw.hex())
    assert head_in(str(head)) == head
    assert head_in(f"{head}\n".encode()) == head


@pytest.mark.parametrize("text", ["", ":", "1:ab", "x:" + "0" * 64, "1:" + "G" * 64, "-1:" + "0" * 64, b"\xff"])
def test_no_other_text_is_a_noted_end(text: str | bytes) -> None:
    assert head_in(text) is None


def test_a_line_says_its_folders_by_the_names_that_people_know() -> None:
    line = sealed(Head(), {"ts": NOW, "at": NOW, "who": "a", "how": "mv", "what": "approve", "from": "pending"})
    assert isinstance(line, AuditLine)
    assert json.loads(line.wire())["from"] == "pending"
